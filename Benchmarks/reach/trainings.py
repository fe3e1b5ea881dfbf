"""Rows of whole trainings: what is not a step, JAX beside it, and the share of the automatic rate."""

from dataclasses import asdict, replace

import dense
from bench import BEFORE, NOW, Bench, filled, temporary_folder
from child import Failure
from report import duration
from row import Row
from whole import Goal, Task, Whole

INPUTS = 784
"""Of a digit."""
STEPS_BESIDE_WIDE, STEPS_BESIDE_MANY = 0.5, 1.0
"""Dense steps that everything else may take."""
FASTER_THAN_JAX = 10
RATE_SHARE = 0.05


def wide(bench: Bench) -> list[Row]:
    return [_beside_steps(bench, "train-wide", bench.options.wide, STEPS_BESIDE_WIDE)]


def many(bench: Bench) -> list[Row]:
    return [_beside_steps(bench, "train-many", bench.options.many, STEPS_BESIDE_MANY)]


def _beside_steps(bench: Bench, id: str, goal: Goal, steps: float) -> Row:
    row = Row(
        id, f"`train` beside its steps, {_text(goal)}", "s", f"{steps:g} dense steps",
        "wall time of the whole process less the seconds of its steps (`--log`); dense step: the faster of NumPy's two "
        "products and `firetree benchmark --engines dense`, on at most 100,000 neurons, in proportion")
    try:
        step = bench.folder.take(
            lambda: dense.measure(bench, goal.shape, INPUTS), row="dense step", shape=str(goal.shape))
    except Failure as failure:
        step, row = None, replace(row, note=f"dense step: {failure}")
    with temporary_folder() as folder:
        found, failures = bench.alternate(
            lambda variant, number: _train(bench, goal, folder, variant, goal.steps, number))
    before, now = ([Whole(**one).beside_steps for one in found[variant]] for variant in (BEFORE, NOW))
    notes = [row.note, *failures, *(_phases(found[variant], variant) for variant in (NOW, BEFORE))]
    if step:
        row = replace(row, target=f"{steps:g} dense steps, {duration(steps * step['seconds'])}")
    row = replace(row, note="; ".join(note for note in notes if note))
    return filled(row, before, now, (lambda median: median <= steps * step["seconds"]) if step else None)


def _train(bench: Bench, goal: Goal, folder: str, variant: str, steps: int, number: int) -> dict:
    options = bench.variants()[variant]
    return bench.folder.take(
        lambda: asdict(_task(bench, goal, folder, options).train(steps)), row="training", goal=str(goal),
        variant=variant, options=options, steps=steps, round=number)


def _task(bench: Bench, goal: Goal, folder: str, options: tuple[str, ...]) -> Task:
    return Task(
        goal, bench.firetree, folder, budget=bench.options.budget, peer_environment=bench.numpy_environment,
        options=options)


def _phases(trainings: list[dict], variant: str) -> str:
    """Where the time beside the steps went in the first round, if the command tells."""
    if not trainings:
        return ""
    phases = trainings[0]["setup"] | trainings[0]["finish"]
    text = ", ".join(f"{name} {duration(seconds)}" for name, seconds in phases.items() if seconds >= 1e-3)
    return f"{variant}: {text}" if text else ""


def to_accuracy(bench: Bench) -> list[Row]:
    goal = bench.options.to_accuracy
    row = Row(
        "to-accuracy", f"JAX / FireTree, whole processes, {_text(goal)}", "times", f"{FASTER_THAN_JAX}",
        "median of each round's ratio; JAX reads FireTree's initial network and rate from a file and takes as many "
        "steps")
    ratios: dict[str, list[float]] = {BEFORE: [], NOW: []}
    notes: list[str] = []
    with temporary_folder() as folder:
        for variant, options in bench.variants().items():
            task = _task(bench, goal, folder, options)
            try:
                pairs = _beside_jax(bench, task, variant)
            except Failure as failure:
                notes.append(f"{variant}: {failure}")
                continue
            ratios[variant] = [jax.seconds / ours.seconds for jax, ours in pairs]
            jax, ours = pairs[0]
            fewer = len(jax.step_seconds) < len(ours.step_seconds)
            notes.append(
                f"{variant}: {len(ours.step_seconds)} steps, FireTree {duration(ours.seconds)}, JAX "
                f"{duration(jax.seconds)}{', extrapolated' if fewer else ''}, accuracy {ours.accuracy:.2%}")
    row = replace(row, note="; ".join(notes))
    return [filled(row, ratios[BEFORE], ratios[NOW], lambda median: median >= FASTER_THAN_JAX)]


def _beside_jax(bench: Bench, task: Task, variant: str) -> list[tuple[Whole, Whole]]:
    """JAX and FireTree, round by round."""
    key = {"goal": str(task.goal), "variant": variant, "options": task.options}
    steps = bench.folder.take(lambda: {"steps": task.steps()}, row="steps to the accuracy", **key)["steps"]
    started = False

    def jax() -> dict:
        nonlocal started
        if not started:
            task.start()
            started = True
        return asdict(task.train_peer("jax", steps))

    pairs = []
    for number in range(1, bench.options.rounds + 1):
        ours = _train(bench, task.goal, task.folder, variant, steps, number)
        theirs = bench.folder.take(jax, row="JAX", steps=steps, round=number, **key)
        pairs.append((Whole(**theirs), Whole(**ours)))
    return pairs


def rate(bench: Bench) -> list[Row]:
    """Of the trainings that are in the folder; without any, of one that it takes."""
    row = Row(
        "rate", "share of the automatic rate in a training, the largest of these", "share", f"{RATE_SHARE:.0%}",
        "phase `rate` of `train --log`, by the wall time of the process, every training in this table")
    trainings = {variant: bench.folder.taken(row="training", variant=variant) for variant in (BEFORE, NOW)}
    notes = []
    if not trainings[NOW]:
        with temporary_folder() as folder:
            found, notes = bench.alternate(
                lambda variant, number: _train(bench, bench.options.many, folder, variant, bench.options.many.steps, 1))
        trainings = {variant: taken[:1] for variant, taken in found.items()}
    shares = {
        variant: [one["setup"]["rate"] / one["wall_seconds"] for one in taken if "rate" in one["setup"]]
        for variant, taken in trainings.items()}
    if not shares[NOW]:
        notes = [*notes, "left out: the log tells no phase `rate`"]
    row = replace(row, note="; ".join(notes))
    return [filled(
        row, [max(shares[BEFORE])] if shares[BEFORE] else [], [max(shares[NOW])] if shares[NOW] else [],
        lambda share: share <= RATE_SHARE)]


def _text(goal: Goal) -> str:
    return f"n = {goal.shape.points:,}, m = {goal.shape.neurons:,}, {goal.end}"

"""The row of predictions of fresh points."""

import os

from bench import BEFORE, NOW, Bench, filled, shown, temporary_folder
from child import run
from row import Row

SKIPPED = 8000
"""Digits before the fresh ones."""
FASTER = 5


def predict(bench: Bench) -> list[Row]:
    options, goal = bench.options, bench.options.predict
    with temporary_folder() as folder:
        found, failures = bench.alternate(lambda variant, number: _take(bench, folder, variant, number))
    before, now = ([one["seconds"] for one in found[variant]] for variant in (BEFORE, NOW))
    notes = list(failures)
    if before and now:
        equal = [a == b for a, b in zip(found[BEFORE][0]["predictions"], found[NOW][0]["predictions"])]
        notes.append(f"{sum(equal) / len(equal):.2%} of the predictions are equal")
    dense = shown(options.dense_prediction) if options.dense_prediction else "a network trained the old way"
    row = Row(
        "predict", f"predict {options.fresh:,} fresh digits, m = {goal.shape.neurons:,}, trained on "
        f"{goal.shape.points:,}", "s", f"{FASTER} times faster than the dense way",
        f"`firetree predict`, the whole process, median of {options.rounds} rounds; before: {dense}",
        note="; ".join(notes))
    row = filled(row, before, [], None)
    return [filled(row, [], now, (lambda median: row.before / median >= FASTER) if before else None)]


def _take(bench: Bench, folder: str, variant: str, number: int) -> dict:
    options, goal = bench.options, bench.options.predict
    dense = options.dense_prediction if variant == BEFORE else []
    # With an option for the dense way, both predict with one network.
    training = bench.variants()[NOW if options.dense_prediction else variant]
    return bench.folder.take(
        lambda: _predict(bench, folder, training, dense), row="predict", goal=str(goal), fresh=options.fresh,
        training=training, options=dense, variant=variant, round=number)


def _predict(bench: Bench, folder: str, training: tuple[str, ...], options: list[str]) -> dict:
    goal, firetree = bench.options.predict, bench.firetree
    model = os.path.join(folder, " ".join(["model", *training]).replace("/", "_"))
    out = os.path.join(folder, "predictions")
    if not os.path.exists(model):
        firetree.train(
            goal.shape.points, model, "--neurons", str(goal.shape.neurons), "--iterations", str(goal.steps), *training)
    finished = run(
        [firetree.path, "predict", model, firetree.data.path, "--skip", str(SKIPPED), "--points",
         str(bench.options.fresh), "--out", out, *options], firetree.environment)
    with open(out) as file:
        predictions = file.read().splitlines()[1:]
    return {"seconds": finished.seconds, "peak_bytes": finished.peak_bytes, "predictions": predictions}

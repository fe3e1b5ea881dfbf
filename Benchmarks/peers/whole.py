"""The fourth table: whole trainings of every program, a data file in and a file of weights out."""

import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from functools import partial

from agreement import agree, difference
from child import Failure, Finished, run
from firetree import FireTree, metadata
from report import Results, durations, memory, progress, ratios, table
from rounds import Contender, alternate
from steplog import StepLog
from steps import PEER, PEERS, Shape

MOMENTUM = 0.9
"""The default of `firetree train`."""
LEAST_STEPS = 3
LIMIT = 512
"""Steps after which an accuracy is given up."""
PARTED = 1e-3, 1e-6
"""What losses may differ by, relative and of the first loss: ties part two runs that are both right, and with momentum
they were seen 3e-4 apart after 50 steps."""
HEADER = [
    "n", "m", "until", "program", "whole training", "range of rounds", "program / FireTree (range)", "steps",
    "training accuracy", "held-out accuracy", "final loss", "difference", "peak memory"]


@dataclass(frozen=True)
class Goal:
    """Points and neurons, and where training ends: after some steps, or at the first with an accuracy."""

    shape: Shape
    steps: int | None
    accuracy: float | None

    @staticmethod
    def parse(text: str) -> "Goal":
        """From "1000x1000000:100" or "1000x100000:99%"; raises `ValueError` otherwise."""
        shape, _, end = text.partition(":")
        if end.endswith("%") and 0 < float(end[:-1]) <= 100:
            return Goal(Shape.parse(shape), None, float(end[:-1]) / 100)
        if int(end) < 1:
            raise ValueError(f"'{text}' has no step")
        return Goal(Shape.parse(shape), int(end), None)

    def __str__(self) -> str:
        return f"whole, {self.shape}, {self.end}"

    @property
    def end(self) -> str:
        return f"{100 * self.accuracy:g}% accuracy" if self.steps is None else f"{self.steps} steps"


@dataclass(frozen=True)
class Whole:
    """A process that trained: what was measured, and `seconds`, which is the wall time of a run of all steps."""

    seconds: float
    wall_seconds: float
    """Of the process, which may have taken fewer steps."""
    peak_bytes: int
    step_seconds: list[float]
    losses: list[float]
    """Before the first step and after each, as far as they are known."""
    rate: float
    accuracy: float | None = None
    held_out: float | None = None
    setup: dict[str, float] = field(default_factory=dict)
    finish: dict[str, float] = field(default_factory=dict)

    @property
    def beside_steps(self) -> float:
        """Seconds of the process that no step took."""
        return self.wall_seconds - sum(self.step_seconds)


@dataclass(frozen=True)
class Task:
    """A goal, the programs, and the folder of their files."""

    goal: Goal
    firetree: FireTree
    folder: str
    held_out: int = 0
    budget: float = 0
    """Seconds after which a peer begins no further step."""
    peer_environment: dict[str, str] | None = None
    options: tuple[str, ...] = ()
    """More options of `firetree train`."""

    def file(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def start(self) -> None:
        """Writes the network that the peers start from, with its rate."""
        self._train(0, "start", "--full-weights")

    def steps(self) -> int:
        """The steps of the goal; with an accuracy, the fewest after which FireTree has it.

        It is found with trainings of 1, 2, 4, ... steps and then by halving, as if no later step lost it.
        """
        if self.goal.steps is not None:
            return self.goal.steps
        without, having = 0, 1
        while not self._reaches(having):
            if having >= LIMIT:
                raise Failure(f"there is no accuracy of {self.goal.accuracy} after {having} steps")
            without, having = having, 2 * having
        while having - without > 1:
            middle = (without + having) // 2
            without, having = (without, middle) if self._reaches(middle) else (middle, having)
        return having

    def train(self, steps: int) -> Whole:
        """FireTree's training."""
        finished = self._train(steps, "firetree", "--log", self.file("log"))
        log, model = StepLog.read(self.file("log")), self.file("firetree")
        facts = metadata(model)
        points = self.goal.shape.points
        accuracy = self.firetree.accuracy(model, points)
        held_out = self.firetree.accuracy(model, self.held_out, skip=points) if self.held_out else None
        os.remove(model)
        return Whole(
            finished.seconds, finished.seconds, finished.peak_bytes, log.seconds, log.losses,
            float(facts["training.learning_rate"]), accuracy, held_out, log.setup, log.finish)

    def train_peer(self, framework: str, steps: int) -> Whole:
        """A peer's training; when it takes fewer steps, the others are taken to last as long as its median one."""
        start, weights = self.file("start"), self.file("weights.npy")
        shared = [start, str(self.goal.shape.points), "--data", *self.firetree.data.paths()]
        finished = run([
            sys.executable, PEER, "whole", framework, *shared, "--steps", str(steps), "--least", str(LEAST_STEPS),
            "--budget", repr(self.budget), "--momentum", repr(MOMENTUM), "--out", weights], self.peer_environment)
        line = json.loads(finished.output)
        seconds, losses = line["step_seconds"], line["losses"]
        rate = float(metadata(start)["training.learning_rate"])
        if len(seconds) < steps:
            os.remove(weights)
            # The first step is not like the others: it touches memory that is new.
            total = finished.seconds + (steps - len(seconds)) * statistics.median(seconds[1:])
            return Whole(total, finished.seconds, finished.peak_bytes, seconds, losses, rate)
        judged = json.loads(
            run([sys.executable, PEER, "judge", weights, *shared, "--held-out", str(self.held_out)]).output)
        os.remove(weights)
        return Whole(
            finished.seconds, finished.seconds, finished.peak_bytes, seconds, [*losses, judged["loss"]], rate,
            judged["accuracy"], judged.get("held_out"))

    def _reaches(self, steps: int) -> bool:
        self._train(steps, "reach")
        found = self.firetree.accuracy(self.file("reach"), self.goal.shape.points)
        os.remove(self.file("reach"))
        progress(f"{self.goal}: {found:.2%} after {steps} steps")
        return found >= self.goal.accuracy

    def _train(self, steps: int, out: str, *options: str) -> Finished:
        shape = self.goal.shape
        return self.firetree.train(
            shape.points, self.file(out), "--neurons", str(shape.neurons), "--iterations", str(steps), *options,
            *self.options)


@dataclass(frozen=True)
class Settings:
    firetree: FireTree
    peers: list[str]
    rounds: int
    budget: float
    held_out: int
    peer_environment: dict[str, str]


def measure(goals: list[Goal], settings: Settings, results: Results) -> list[str]:
    """Measures and writes the table; returns what is wrong: an accuracy missed, losses that differ, a failed run."""
    results.say(
        "Whole trainings, from the start of a process to its exit: reading the data file, compilation or "
        f"preprocessing, all steps with Nesterov momentum {MOMENTUM}, writing the weights. FireTree is the command "
        "with its defaults, which also makes the initial network and finds the learning rate; the others read both from a "
        f"file. Median of {settings.rounds} rounds. A program that was not done after {settings.budget:g} s took no "
        "further step, and each of those left counts as its median one. Difference: of the loss to FireTree's after "
        "the last step that both took, relative, largest of the rounds. Accuracies are measured afterwards.")
    rows: list[list[str]] = []
    notes: list[str] = []
    errors: list[str] = []
    for goal in goals:
        with tempfile.TemporaryDirectory() as folder:
            task = Task(
                goal, settings.firetree, folder, settings.held_out, settings.budget, settings.peer_environment)
            steps, contenders = _contend(task, settings)
        ours = contenders[0]
        for one in contenders:
            results.record({
                "table": "whole", "points": goal.shape.points, "neurons": goal.shape.neurons, "until": goal.end,
                "steps": steps, "program": one.name, "failure": one.failure,
                "rounds": [asdict(taken) for taken in one.rounds]})
            rows.append(_row(goal, one, ours, steps))
            progress(" | ".join(rows[-1]))
            if one.failure:
                notes.append(f"{one.name}, {goal}: {one.failure}.")
        errors += [f"{goal}: {error}" for error in _errors(goal, contenders)]
    results.say(table(HEADER, rows, texts=4))
    results.notes(notes)
    return errors


def _contend(task: Task, settings: Settings) -> tuple[int | None, list[Contender[Whole]]]:
    """Runs FireTree, which comes first, and the peers in rounds; the steps are None when none can be taken."""
    steps, failure = None, None
    progress(f"{task.goal}: initial network")
    try:
        task.start()
        steps = task.steps()
    except Failure as error:
        failure = f"no network to start from, or no end: {error}"
    contenders = [Contender("FireTree", partial(task.train, steps), failure=failure)]
    contenders += [
        Contender(PEERS[peer], partial(task.train_peer, peer, steps), failure=failure) for peer in settings.peers]
    alternate(contenders, settings.rounds, str(task.goal))
    return steps, contenders


def _row(goal: Goal, one: Contender[Whole], ours: Contender[Whole], steps: int | None) -> list[str]:
    cells = [f"{goal.shape.points:,}", f"{goal.shape.neurons:,}", goal.end, one.name]
    if not one.rounds:
        return cells + ["-"] * (len(HEADER) - len(cells))
    first, seconds = one.rounds[0], [taken.seconds for taken in one.rounds]
    taken = min(len(each.step_seconds) for each in one.rounds)
    return [
        *cells, *durations(seconds), ratios(seconds, [each.seconds for each in ours.rounds]) if ours.rounds else "-",
        str(steps) if taken == steps else f"{steps}, extrapolated from {taken}", _percent(first.accuracy),
        _percent(first.held_out), f"{first.losses[-1]:.6g}" if taken == steps else "-",
        f"{max(difference(each.losses, ours.rounds[0].losses) for each in one.rounds):.1e}" if ours.rounds else "-",
        memory(max(each.peak_bytes for each in one.rounds))]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _errors(goal: Goal, contenders: list[Contender[Whole]]) -> list[str]:
    ours = contenders[0]
    errors = [f"FireTree: {ours.failure}"] if ours.failure else []
    for taken in ours.rounds:
        if goal.accuracy is not None and taken.accuracy < goal.accuracy:
            errors.append(f"the accuracy is {taken.accuracy}, not {goal.accuracy}")
    for one in contenders:
        for taken in one.rounds if ours.rounds else []:
            if taken.rate != ours.rounds[0].rate:
                errors.append(f"{one.name} has the rate {taken.rate}, FireTree {ours.rounds[0].rate}")
            if not agree(taken.losses, ours.rounds[0].losses, *PARTED):
                errors.append(f"{one.name}: the losses differ from FireTree's")
    return list(dict.fromkeys(errors))

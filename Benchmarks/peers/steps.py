"""The first table: the time of a training step."""

import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agreement import agree, difference
from child import Failure, Finished, run
from firetree import FireTree, metadata
from report import Results, duration, durations, memory, progress, ratios, table
from rounds import Contender, alternate

PEERS = {"jax": "JAX jit", "torch": "PyTorch", "torch-compile": "PyTorch compile", "numpy": "NumPy"}
PEER = str(Path(__file__).with_name("peer.py"))
LEAST_STEPS = 3
"""One to warm up and two that are timed, however long they take."""
HEADER = [
    "n", "m", "program", "step", "range of rounds", "JAX / program (range)", "steps (timed)", "peak memory",
    "final loss", "difference"]


@dataclass(frozen=True)
class Shape:
    """Points and neurons. With `seeded`, FireTree keeps no initial weights, and no peer takes part."""

    points: int
    neurons: int
    seeded: bool = False

    @staticmethod
    def parse(text: str) -> "Shape":
        """From "1000x20000" or "1000x10000000:seeded"; raises `ValueError` otherwise."""
        size, colon, weights = text.partition(":")
        if colon and weights != "seeded":
            raise ValueError(f"'{text}' is not a shape")
        points, neurons = (int(number) for number in size.split("x"))
        return Shape(points, neurons, bool(colon))

    def __str__(self) -> str:
        return f"{self.points}x{self.neurons}" + (":seeded" if self.seeded else "")


@dataclass(frozen=True)
class Settings:
    firetree: FireTree
    engines: list[str]
    peers: list[str]
    steps: int
    skip: int
    rounds: int
    budget: float
    momentum: float
    mean_over: int | None
    """First steps of FireTree whose mean is shown."""
    learning_rate: str
    """A number, or "auto"."""


@dataclass(frozen=True)
class Round:
    """Times of the steps, losses before the first and after each, and what else a program told."""

    seconds: list[float]
    losses: list[float]
    peak_bytes: int
    details: dict

    def timed(self, settings: Settings) -> list[float]:
        """The steps that count: those after the first `skip`, or the last two."""
        seconds = self.seconds[: settings.steps]
        return seconds[min(settings.skip, len(seconds) - 2) :]

    def median(self, settings: Settings) -> float:
        return statistics.median(self.timed(settings))

    def mean(self, settings: Settings) -> float:
        """Over the first `mean_over` steps, or over all when there are fewer."""
        return statistics.mean(self.seconds[: settings.mean_over])


def measure(shapes: list[Shape], settings: Settings, results: Results) -> list[str]:
    """Measures all shapes and writes the table; returns what is wrong: losses that differ, a failed run of FireTree."""
    rows: list[list[str]] = []
    notes: list[str] = []
    errors: list[str] = []
    for shape in shapes:
        with tempfile.TemporaryDirectory() as folder:
            contenders = _contend(shape, settings, os.path.join(folder, "initial.safetensors"))
        reference = next((one.rounds[0] for one in contenders if one.rounds), None)
        jax = next((one for one in contenders if one.name == PEERS["jax"] and one.rounds), None)
        for one in contenders:
            results.record(_record(shape, one))
            rows.append(_row(shape, settings, one, jax, reference))
            progress(" | ".join(rows[-1]))
            if one.failure:
                notes.append(f"{one.name}, {shape}: {one.failure}.")
                if one.name not in PEERS.values():
                    errors.append(notes[-1])
            if reference and not all(agree(taken.losses, reference.losses) for taken in one.rounds):
                errors.append(f"{one.name}, {shape}: the losses differ from those of the first row.")
    header, mean = HEADER, ""
    if settings.mean_over is not None:
        header, mean = [*HEADER, "mean"], f" Mean: over the first {settings.mean_over} steps, or over all that were taken."
    results.say(
        f"Time of a training step, C = {settings.firetree.outputs}, momentum {settings.momentum:g}, learning rate "
        f"{settings.learning_rate}: median over {settings.rounds} rounds of each round's median.{mean} Difference: of the loss to that of the first row of "
        "the shape after the last step that both took, relative, largest of the rounds.")
    results.say(table(header, rows, texts=3))
    results.notes(notes)
    return errors


def _contend(shape: Shape, settings: Settings, model: str) -> list[Contender[Round]]:
    """Runs all programs on a shape, in rounds that alternate between them."""
    contenders = [
        Contender(f"FireTree {engine}", _Engine(engine, shape, settings, model)) for engine in settings.engines]
    if not shape.seeded:
        peers = [Contender(PEERS[peer], _Peer(peer, shape, settings, model)) for peer in settings.peers]
        contenders = peers + contenders
        progress(f"{shape}: initial network")
        try:
            settings.firetree.start(shape.points, shape.neurons, model, settings.learning_rate)
        except Failure as failure:
            for one in contenders:
                one.failure = f"no initial network: {failure}"
    alternate(contenders, settings.rounds, str(shape))
    return contenders


@dataclass
class _Peer:
    """Takes rounds of a framework."""

    framework: str
    shape: Shape
    settings: Settings
    model: str

    def __call__(self) -> Round:
        settings = self.settings
        command = [
            sys.executable, PEER, "steps", self.framework, self.model, str(self.shape.points), "--steps",
            str(settings.steps), "--least", str(LEAST_STEPS), "--budget", repr(settings.budget), "--momentum",
            repr(settings.momentum)]
        # JAX is what all are compared with, so it may take the least steps however long they are.
        finished = run(command if self.framework == "jax" else [*command, "--give-up"])
        line = json.loads(finished.output)
        if "failure" in line:
            raise Failure(line["failure"])
        return Round(line["step_seconds"], line["losses"], finished.peak_bytes, {})


@dataclass
class _Engine:
    """Takes rounds of an engine of FireTree; the first is preceded by two steps, to see how many the budget allows."""

    engine: str
    shape: Shape
    settings: Settings
    model: str
    steps: int | None = None

    def __call__(self) -> Round:
        settings = self.settings
        if self.steps is None:
            step = min(self._benchmark(2)[0]["step_seconds"])
            wanted = max(settings.steps, settings.mean_over or 0)
            self.steps = max(LEAST_STEPS, min(wanted, int(settings.budget / step)))
        line, finished = self._benchmark(self.steps)
        return Round(line.pop("step_seconds"), line.pop("losses"), finished.peak_bytes, line)

    def _benchmark(self, steps: int) -> tuple[dict, Finished]:
        if self.shape.seeded:
            options = ["--weights", "seeded", "--learning-rate", self.settings.learning_rate]
        else:
            options = ["--learning-rate", metadata(self.model)["training.learning_rate"]]
        return self.settings.firetree.benchmark(
            self.engine, self.shape.points, self.shape.neurons, steps, self.settings.momentum, options)


def _row(
    shape: Shape, settings: Settings, one: Contender[Round], jax: Contender[Round] | None, reference: Round | None
) -> list[str]:
    size, has_mean = [f"{shape.points:,}", f"{shape.neurons:,}"], settings.mean_over is not None
    if not one.rounds or reference is None:
        return [*size, one.name] + ["-"] * (len(HEADER) - 3 + has_mean)
    medians, first = _medians(one, settings), one.rounds[0]
    # An engine that stands for another, such as auto, tells which it was.
    engine = first.details.get("engine", "")
    taken_steps = _range([len(taken.seconds) for taken in one.rounds])
    timed_steps = _range([len(taken.timed(settings)) for taken in one.rounds])
    mean = [duration(statistics.median(taken.mean(settings) for taken in one.rounds))] if has_mean else []
    return [
        *size, one.name if one.name.endswith(engine) else f"{one.name} ({engine})", *durations(medians),
        ratios(_medians(jax, settings), medians) if jax else "-", f"{taken_steps} ({timed_steps})",
        memory(max(taken.peak_bytes for taken in one.rounds)), f"{first.losses[-1]:.6g}",
        f"{max(difference(taken.losses, reference.losses) for taken in one.rounds):.1e}", *mean]


def _medians(one: Contender[Round], settings: Settings) -> list[float]:
    return [taken.median(settings) for taken in one.rounds]


def _range(counts: list[int]) -> str:
    return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))


def _record(shape: Shape, one: Contender[Round]) -> dict:
    return {
        "table": "steps", "points": shape.points, "neurons": shape.neurons, "seeded": shape.seeded,
        "program": one.name, "failure": one.failure, "rounds": [
            {"step_seconds": [round(second, 7) for second in taken.seconds], "losses": taken.losses,
             "peak_bytes": taken.peak_bytes, "details": taken.details}
            for taken in one.rounds]}

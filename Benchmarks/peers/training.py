"""The second table: a whole training up to an accuracy, from the start of the process to the written network."""

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import partial

from agreement import agree
from child import Failure, run
from firetree import FireTree, metadata
from report import Results, durations, memory, progress, ratios, table
from rounds import Contender, alternate
from steps import PEER, PEERS, Shape

MOMENTUM = 0.9
LIMIT = 500
"""Iterations after which JAX is given up."""
HEADER = [
    "program", "whole training", "range of rounds", "JAX / program (range)", "iterations", "training accuracy",
    "final loss", "peak memory"]


@dataclass(frozen=True)
class Trained:
    """A whole training: wall time and memory of its process, and what the network is worth."""

    seconds: float
    peak_bytes: int
    accuracy: float
    loss: float


@dataclass(frozen=True)
class Task:
    """What is trained, and where the files of it are."""

    shape: Shape
    accuracy: float
    firetree: FireTree
    folder: str

    def __str__(self) -> str:
        return f"training, {self.shape}"

    def file(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def jax(self, command: str, *options: str) -> tuple[dict, float, int]:
        """What a run of JAX printed, its wall time, and its peak memory."""
        finished = run([
            sys.executable, PEER, command, self.file("start"), str(self.shape.points), "--momentum", repr(MOMENTUM),
            *options])
        return json.loads(finished.output), finished.seconds, finished.peak_bytes

    def start(self) -> None:
        """Writes the network that both start from."""
        self.firetree.start(self.shape.points, self.shape.neurons, self.file("start"))

    def reach(self) -> dict:
        """The first iteration at which JAX has the accuracy, and the losses up to it."""
        reached, _, _ = self.jax("reach", "--accuracy", repr(self.accuracy), "--limit", str(LIMIT))
        if "failure" in reached:
            raise Failure(reached["failure"])
        return reached

    def train_jax(self, reached: dict) -> Trained:
        _, seconds, peak = self.jax("train", "--iterations", str(reached["iterations"]), "--out", self.file("jax"))
        return Trained(seconds, peak, reached["accuracy"], reached["losses"][-1])

    def train(self, engine: str, reached: dict) -> Trained:
        model = self.file("firetree")
        finished = self.firetree.train(
            self.shape.points, model, "--neurons", str(self.shape.neurons), "--iterations",
            str(reached["iterations"]), "--momentum", repr(MOMENTUM), "--engine", engine)
        accuracy = self.firetree.accuracy(model, self.shape.points)
        return Trained(finished.seconds, finished.peak_bytes, accuracy, float(metadata(model)["training.loss"]))


def measure(
    shape: Shape, accuracy: float, engines: list[str], rounds: int, firetree: FireTree, results: Results
) -> list[str]:
    """Measures and writes the table; returns what is wrong: an accuracy missed, a loss that differs, a failed run."""
    results.say(
        f"Whole training of {shape.neurons:,} neurons on {shape.points:,} digits to a training accuracy of "
        f"{accuracy:.0%}: process start, reading the data, compilation or preprocessing, all iterations, writing the "
        f"network. Nesterov momentum {MOMENTUM}, median of {rounds} rounds. JAX reads the initial weights and the "
        "learning rate from a file; FireTree computes both.")
    with tempfile.TemporaryDirectory() as folder:
        task = Task(shape, accuracy, firetree, folder)
        progress(f"{task}: the first iteration with the accuracy")
        try:
            task.start()
        except Failure as failure:
            results.notes([f"No initial network: {failure}."])
            return [f"{task}: no initial network: {failure}"]
        try:
            reached = task.reach()
        except Failure as failure:
            results.notes([f"No iteration to compare at: {failure}."])
            return []
        jax = Contender(PEERS["jax"], partial(task.train_jax, reached))
        ours = [Contender(f"FireTree {engine}", partial(task.train, engine, reached)) for engine in engines]
        alternate([jax, *ours], rounds, str(task))
    for one in [jax, *ours]:
        results.record({
            "table": "training", "points": shape.points, "neurons": shape.neurons, "program": one.name,
            "iterations": reached["iterations"], "failure": one.failure,
            "rounds": [asdict(taken) for taken in one.rounds]})
    results.say(table(HEADER, [_row(one, jax, reached["iterations"]) for one in [jax, *ours]], texts=1))
    results.notes([f"{one.name}: {one.failure}." for one in [jax, *ours] if one.failure])
    return [error for one in ours for error in _errors(task, one, reached["losses"])]


def _row(one: Contender[Trained], jax: Contender[Trained], iterations: int) -> list[str]:
    if not one.rounds:
        return [one.name] + ["-"] * (len(HEADER) - 1)
    seconds, first = [taken.seconds for taken in one.rounds], one.rounds[0]
    return [
        one.name, *durations(seconds), ratios([taken.seconds for taken in jax.rounds], seconds) if jax.rounds else "-",
        str(iterations), f"{first.accuracy:.1%}", f"{first.loss:.6g}",
        memory(max(taken.peak_bytes for taken in one.rounds))]


def _errors(task: Task, one: Contender[Trained], losses: list[float]) -> list[str]:
    """What is wrong with FireTree's runs, given the losses of JAX."""
    errors = [one.failure] if one.failure else []
    for trained in one.rounds:
        if trained.accuracy < task.accuracy:
            errors.append(f"the accuracy is {trained.accuracy}, not {task.accuracy}")
        if not agree([losses[0], trained.loss], [losses[0], losses[-1]]):
            errors.append(f"the loss is {trained.loss}, that of JAX {losses[-1]}")
    return [f"{one.name}, {task}: {error}" for error in dict.fromkeys(errors)]

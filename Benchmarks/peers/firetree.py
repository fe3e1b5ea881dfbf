"""The command `firetree` on the bundled digits."""

import json
from dataclasses import dataclass

from child import Failure, Finished, run

IMAGES = "Examples/data/t10k-images-idx3-ubyte.gz"
LABELS = "Examples/data/t10k-labels-idx1-ubyte.gz"


@dataclass(frozen=True)
class FireTree:
    """The command at a path. Each method raises `Failure` when the command does not succeed."""

    path: str
    outputs: int = 10
    """10 for the classes of the digits, 1 for a regression of the label."""

    def train(self, points: int, out: str, *options: str) -> Finished:
        """Trains on the first points and writes the model."""
        return self._run("train", points, "--out", out, *options)

    def start(self, points: int, neurons: int, out: str, learning_rate: str = "auto") -> None:
        """Writes a model with the initial network, the preprocessing and the learning rate, a number or "auto"."""
        self.train(
            points, out, "--neurons", str(neurons), "--iterations", "0", "--momentum", "0", "--learning-rate",
            learning_rate)

    def accuracy(self, model: str, points: int, skip: int = 0) -> float:
        """The share of right classes on the points after those skipped."""
        finished = run([self.path, "evaluate", model, *_data(points), "--skip", str(skip), "--json"])
        return float(json.loads(finished.output)["accuracy"])

    def benchmark(
        self, engine: str, points: int, neurons: int, steps: int, momentum: float, options: list[str]
    ) -> tuple[dict, Finished]:
        """Takes steps of one engine; returns the line that the command printed, and the process."""
        finished = self._run(
            "benchmark", points, "--neurons", str(neurons), "--engines", engine, "--steps", str(steps),
            "--momentum", repr(momentum), "--json", *options)
        lines = finished.output.splitlines()
        if len(lines) != 1:
            raise Failure(f"{len(lines)} lines from the benchmark of one engine")
        return json.loads(lines[0]), finished

    def _run(self, command: str, points: int, *options: str) -> Finished:
        task = ["--task", "regression"] if self.outputs == 1 else []
        return run([self.path, command, *_data(points), *task, *options])


def _data(points: int) -> list[str]:
    return [IMAGES, "--labels", LABELS, "--points", str(points)]


def metadata(model: str) -> dict[str, str]:
    """What a model file says beside its tensors."""
    with open(model, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length))["__metadata__"]

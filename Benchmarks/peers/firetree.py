"""The command `firetree` on a data file, by default the bundled digits."""

import json
from dataclasses import dataclass, field

from child import Failure, Finished, run

IMAGES = "Examples/data/t10k-images-idx3-ubyte.gz"
LABELS = "Examples/data/t10k-labels-idx1-ubyte.gz"


@dataclass(frozen=True)
class Data:
    """A data file, and the file of its labels where that is another."""

    path: str
    labels: str | None = None

    def arguments(self) -> list[str]:
        """How the command is told."""
        return [self.path] if self.labels is None else [self.path, "--labels", self.labels]

    @staticmethod
    def of(arguments: list[str]) -> "Data":
        """From one path, or two."""
        return Data(arguments[0], arguments[1] if len(arguments) > 1 else None)

    def paths(self) -> list[str]:
        return [self.path] if self.labels is None else [self.path, self.labels]


DIGITS = Data(IMAGES, LABELS)


@dataclass(frozen=True)
class FireTree:
    """The command at a path. Each method raises `Failure` when the command does not succeed."""

    path: str
    outputs: int = 10
    """10 for the classes of the digits, 1 for a regression of the label."""
    data: Data = DIGITS
    environment: dict[str, str] | None = field(default=None, repr=False)
    """Of the command; None for that of this process."""

    def train(self, points: int, out: str, *options: str) -> Finished:
        """Trains on the first points and writes the model."""
        return self._run("train", points, "--out", out, *options)

    def start(self, points: int, neurons: int, out: str, learning_rate: str = "auto") -> None:
        """Writes a model with the initial network, the preprocessing and the learning rate, a number or "auto"."""
        self.train(
            points, out, "--neurons", str(neurons), "--iterations", "0", "--momentum", "0", "--full-weights",
            "--learning-rate", learning_rate)

    def accuracy(self, model: str, points: int, skip: int = 0) -> float:
        """The share of right classes on the points after those skipped."""
        return float(self.evaluate(model, points, skip)["accuracy"])

    def evaluate(self, model: str, points: int, skip: int = 0) -> dict:
        """What the network is worth on the points after those skipped, as the command says it."""
        data = [*self.data.arguments(), "--points", str(points), "--skip", str(skip)]
        return json.loads(run([self.path, "evaluate", model, *data, "--json"], self.environment).output)

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
        data = [*self.data.arguments(), "--points", str(points)]
        return run([self.path, command, *data, *task, *options], self.environment)


def metadata(model: str) -> dict[str, str]:
    """What a model file says beside its tensors."""
    with open(model, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length))["__metadata__"]

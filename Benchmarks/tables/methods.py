"""What is compared: FireTree with sets of options, and the estimators beside it."""

import json
import os
import shlex
import sys
from dataclasses import dataclass

import estimators
import sets
from child import Failure, run

FIRETREE = {"firetree": "", "firetree-5000": "--neurons 5000", "firetree-inf": "--neurons inf"}
"""Options of `firetree train`, by the name of the method. A further set is a further line here, or `--also`."""
PREFIX = "firetree"
"""What the names of FireTree's methods begin with."""
R2_LEAST = -1.0
"""Where R2 is cut off: a single table should not decide a mean."""


def is_firetree(method: str) -> bool:
    return method.startswith(PREFIX)


@dataclass(frozen=True)
class Split:
    """A cut of a table, in files."""

    task: str
    training: str
    held_out: str
    predictions: str

    @staticmethod
    def within(folder: str, task: str) -> "Split":
        return Split(task, *(os.path.join(folder, name) for name in ("train.csv", "test.csv", "predictions.csv")))


@dataclass(frozen=True)
class Found:
    """What a method came to on a cut: accuracy or R2, and the time that training took."""

    score: float
    seconds: float
    peak_bytes: int
    chosen: str
    """What the method says that it chose."""


@dataclass(frozen=True)
class Methods:
    """How methods are called and run."""

    firetree: str
    options: dict[str, str]
    """Of FireTree's methods."""
    firetree_environment: dict[str, str]
    environment: dict[str, str]
    limit: float
    """Seconds that a process may take."""

    def program(self, method: str, task: str) -> str:
        """What a method is called in a table."""
        if is_firetree(method):
            return "FireTree" + method.removeprefix(PREFIX).replace("-", " ")
        return estimators.ESTIMATORS[method].program(task)

    def settings(self, method: str) -> str:
        if is_firetree(method):
            return self.options[method] or "defaults"
        return estimators.ESTIMATORS[method].settings()

    def measure(self, method: str, split: Split) -> Found:
        """Trains and predicts. Raises `Failure` when the method does not succeed, or not in time."""
        if os.path.exists(split.predictions):
            os.remove(split.predictions)
        seconds, peak, chosen = (self._train if is_firetree(method) else self._fit)(method, split)
        return Found(score(split), seconds, peak, chosen)

    def _train(self, method: str, split: Split) -> tuple[float, int, str]:
        """The time of the whole process that trains; what it chose is the line that it prints."""
        model = split.predictions + ".model"
        command = [self.firetree, "train", split.training, "--target", "target", "--task", split.task, "--out", model]
        trained = run([*command, *shlex.split(self.options[method])], self.firetree_environment, self.limit)
        try:
            predict = [self.firetree, "predict", model, split.held_out, "--out", split.predictions]
            run(predict, self.firetree_environment, self.limit)
        finally:
            os.remove(model)
        return trained.seconds, trained.peak_bytes, " ".join(trained.output.split())

    def _fit(self, method: str, split: Split) -> tuple[float, int, str]:
        """The time of the fit alone."""
        command = [sys.executable, str(estimators.__file__), method, split.task]
        fitted = run([*command, split.training, split.held_out, split.predictions], self.environment, self.limit)
        found = json.loads(fitted.output.splitlines()[-1])
        return found["seconds"], fitted.peak_bytes, found["chosen"]


def score(split: Split) -> float:
    """Accuracy, or R2 from -1 on, of the predictions; if all targets are equal, R2 is 1 for them and 0 for others."""
    targets = _numbers(split.held_out, has_header=True)
    found = _numbers(split.predictions, has_header=False)
    if len(targets) != len(found):
        raise Failure(f"{len(found)} predictions for {len(targets)} rows")
    if split.task == sets.CLASSIFICATION:
        return sum(a == b for a, b in zip(targets, found)) / len(targets)
    mean = sum(targets) / len(targets)
    left, whole = sum((a - b) ** 2 for a, b in zip(targets, found)), sum((a - mean) ** 2 for a in targets)
    # What is not a number is not more than the least.
    return max(R2_LEAST, 1 - left / whole) if whole else float(left == 0)


def _numbers(path: str, has_header: bool) -> list[float]:
    """The last column of a file; a first line that is no number does not count."""
    with open(path) as file:
        cells = [line.rstrip("\n").rpartition(",")[2] for line in file]
    if has_header or cells[0] == "prediction":
        del cells[0]
    return [float(cell) for cell in cells]

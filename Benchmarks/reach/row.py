"""A row of the table: what was measured, beside what it was before and what it should be."""

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from report import duration, memory, table

HEADER = ["what", "before", "measured", "before / measured", "target", "reached", "how"]


@dataclass(frozen=True)
class Row:
    """Numbers are medians; `low` and `high` are the least and the largest of the rounds. None for what is not known."""

    id: str
    what: str
    unit: str
    """`s`, `bytes`, `share`, `times` or `score`, which says how numbers are shown."""
    target: str
    how: str
    before: float | None = None
    before_low: float | None = None
    before_high: float | None = None
    measured: float | None = None
    measured_low: float | None = None
    measured_high: float | None = None
    reached: bool | None = None
    note: str = ""
    """Why something is missing, or what else belongs to the numbers."""

    @property
    def ratio(self) -> float | None:
        """How many times better than before; None where a ratio says nothing."""
        if not self.before or not self.measured or self.unit == "score":
            return None
        return self.measured / self.before if self.unit == "times" else self.before / self.measured

    def cells(self) -> list[str]:
        return [
            self.what, self._range(self.before, self.before_low, self.before_high),
            self._range(self.measured, self.measured_low, self.measured_high),
            "-" if self.ratio is None else f"{self.ratio:.2f}", self.target,
            {True: "yes", False: "no", None: "-"}[self.reached], self.how]

    def _range(self, median: float | None, low: float | None, high: float | None) -> str:
        if median is None:
            return "-"
        return self._text(median) + (f" ({self._text(low)} to {self._text(high)})" if low != high else "")

    def _text(self, number: float) -> str:
        return {
            "s": duration, "bytes": lambda size: memory(int(size)), "share": lambda share: f"{share:.1%}",
            "times": lambda ratio: f"{ratio:.2f}", "score": lambda score: f"{score:.4f}"}[self.unit](number)


def write(rows: list[Row], path: Path) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read(path: Path) -> list[Row]:
    """Rows that `write` has written; none if there is no file."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return [_row(cells) for cells in csv.DictReader(file)]


def _row(cells: dict[str, str]) -> Row:
    values: dict = dict(cells)
    for field in fields(Row):
        text = cells[field.name]
        if field.name == "reached":
            values[field.name] = {"True": True, "False": False}.get(text)
        elif field.type == float | None:
            values[field.name] = float(text) if text else None
    return Row(**values)


def page(rows: list[Row]) -> str:
    """The table in Markdown, with a list of remarks below it."""
    notes = [f"- {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([table(HEADER, [row.cells() for row in rows], texts=1), *([""] if notes else []), *notes]) + "\n"

"""The folder that a table is measured into: everything is there as soon as it is measured, and goes on from there."""

import json
from collections.abc import Callable
from pathlib import Path

import row
from child import Failure
from dated import DatedFolder, heading, mend
from report import progress
from row import Row


class Folder(DatedFolder):
    """raw.jsonl (a measurement a line), rows.csv, table.md, machine.json and command.txt."""

    def __init__(self, path: Path, firetree: str, facts: dict, text: str) -> None:
        """A new folder, or one to go on with; `text` stands above its table."""
        super().__init__(path, firetree, facts)
        self._text = text
        self._raw = path / "raw.jsonl"
        self._known = self._read()
        self.rows = row.read(path / "rows.csv")

    def take(self, measure: Callable[[], dict], **key) -> dict:
        """A measurement: the one of that key if there is one, otherwise a new one, which is kept."""
        name = json.dumps(key, sort_keys=True)
        if name not in self._known:
            progress(", ".join(str(value) for value in key.values()))
            try:
                found = measure()
            except Failure as failure:
                self._append({"key": key, "failure": str(failure)})
                raise
            self._known[name] = found
            self._append({"key": key, "found": found})
        return self._known[name]

    def taken(self, **part) -> list[dict]:
        """All measurements whose keys have these values."""
        return [
            found for name, found in self._known.items() if part.items() <= json.loads(name).items()]

    def put(self, new: Row) -> None:
        """Keeps a row, in the place of the one with its id."""
        rows = [new if new.id == old.id else old for old in self.rows]
        self.rows = rows if new.id in [old.id for old in rows] else [*rows, new]
        row.write(self.rows, self.path / "rows.csv")
        (self.path / "table.md").write_text(f"{heading(self.path)}\n\n{self._text}\n\n{row.page(self.rows)}")

    def _read(self) -> dict[str, dict]:
        """What is measured, by key."""
        mend(self._raw)
        known = {}
        for line in self._raw.read_text().splitlines() if self._raw.exists() else []:
            record = json.loads(line)
            if "found" in record:
                known[json.dumps(record["key"], sort_keys=True)] = record["found"]
        return known

    def _append(self, record: dict) -> None:
        with open(self._raw, "a") as file:
            file.write(json.dumps(record) + "\n")

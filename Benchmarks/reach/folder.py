"""The folder that a table is measured into: everything is there as soon as it is measured, and goes on from there."""

import datetime
import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import row
from child import Failure
from report import built_from, machine, memory, new_folder, progress
from row import Row


class Folder:
    """raw.jsonl (a measurement a line), rows.csv, table.md, machine.json and command.txt."""

    def __init__(self, path: Path, firetree: str, facts: dict, heading: str) -> None:
        """A new folder, or one to go on with; exits when that one is of another commit or other kernels."""
        self.path, self._heading = path, heading
        self._known: dict[str, dict] = {}
        commit, host = built_from(firetree), machine(firetree) | facts
        self._date = datetime.datetime.now().astimezone()
        path.mkdir(parents=True, exist_ok=True)
        if (path / "machine.json").exists():
            self._go_on(host | {"commit": commit})
        else:
            (path / "machine.json").write_text(json.dumps(host | {"commit": commit}, indent=2) + "\n")
        with open(path / "command.txt", "a") as file:
            file.write(f"python {shlex.join(sys.argv)}\ncommit {commit}\n{self._date.isoformat(timespec='seconds')}\n")
        self.rows = row.read(path / "rows.csv")

    @staticmethod
    def new(parent: Path) -> Path:
        return new_folder(parent, datetime.datetime.now().strftime("%Y-%m-%d-%H%M") + "-reach")

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
        (self.path / "table.md").write_text(f"{self._line()}\n\n{self._heading}\n\n{row.page(self.rows)}")

    def _line(self) -> str:
        host = json.loads((self.path / "machine.json").read_text())
        return (
            f"{self._date:%Y-%m-%d}, commit {host['commit'][:7]}, {host['cores']} cores of {host['processor']} "
            f"({host['vectors']}), {memory(host['memory_bytes'])}, {host['system']}, OpenBLAS with its kernels for "
            f"{host['blas']['firetree']['core'] or 'an unknown processor'}.")

    def _go_on(self, host: dict) -> None:
        before = json.loads((self.path / "machine.json").read_text())
        for what in ("commit", "processor", "cores", "blas"):
            if before[what] != host[what]:
                sys.exit(f"{self.path} was measured with another {what} ({before[what]}); start a new folder")
        raw = self.path / "raw.jsonl"
        text = raw.read_text() if raw.exists() else ""
        if text and not text.endswith("\n"):
            self._append_text("\n")
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                # A line that was cut off.
                continue
            if "found" in record:
                self._known[json.dumps(record["key"], sort_keys=True)] = record["found"]

    def _append(self, record: dict) -> None:
        self._append_text(json.dumps(record) + "\n")

    def _append_text(self, text: str) -> None:
        with open(self.path / "raw.jsonl", "a") as file:
            file.write(text)

"""Markdown tables, and the dated folder that keeps what was run, on what, and every number."""

import datetime
import itertools
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

PACKAGES = ["jax", "jaxlib", "torch", "numpy", "scikit-learn", "safetensors"]
NUMPY_BLAS = "import numpy; print(numpy.show_config('dicts')['Build Dependencies']['blas']['version'])"


def table(header: list[str], rows: list[list[str]], texts: int) -> str:
    """A Markdown table; the first `texts` columns are left-aligned, the others right."""
    rule = "|" + "---|" * texts + "---:|" * (len(header) - texts)
    return "\n".join(["| " + " | ".join(header) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)])


def duration(seconds: float) -> str:
    """Three digits, in a unit that suits them."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:,.0f} s"


def memory(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def durations(values: list[float]) -> list[str]:
    """Two cells: the median, and the range."""
    return [duration(statistics.median(values)), f"{duration(min(values))} to {duration(max(values))}"]


def ratios(theirs: list[float], ours: list[float]) -> str:
    """Median and range of theirs / ours, round by round."""
    values = [a / b for a, b in zip(theirs, ours)]
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def new_folder(parent: Path, name: str) -> Path:
    """Makes a folder of that name, or with a number behind it if another run has started in the same minute."""
    for number in itertools.count(1):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("numbers do not end")


class Results:
    """The folder of a run: command.txt, machine.json, raw.json and table.md; what goes to the last is printed too.

    The files are written as the results come, so that a run that is ended early keeps those it has.
    """

    def __init__(self, parent: Path, firetree: str) -> None:
        now = datetime.datetime.now().astimezone()
        self.folder = new_folder(parent, now.strftime("%Y-%m-%d-%H%M"))
        self._records: list[dict] = []
        commit, host = built_from(firetree), machine(firetree)
        command = "python " + shlex.join(sys.argv)
        self._write("command.txt", f"{command}\ncommit {commit}\n{now.isoformat(timespec='seconds')}\n")
        self._machine = host
        self.add_to_machine({})
        self.say(
            f"{now:%Y-%m-%d}, commit {commit[:7]}{'-dirty' if commit.endswith('-dirty') else ''}, "
            f"{host['cores']} cores of {host['processor']}, {memory(host['memory_bytes'])}, {host['system']}.")

    def add_to_machine(self, facts: dict) -> None:
        """Keeps further facts in machine.json."""
        self._machine |= facts
        self._write("machine.json", json.dumps(self._machine, indent=2) + "\n")

    def record(self, record: dict) -> None:
        """Keeps a record in raw.json, which is an array of them, one a line."""
        self._records.append(record)
        self._write("raw.json", "[\n" + ",\n".join(json.dumps(record) for record in self._records) + "\n]\n")

    def say(self, text: str) -> None:
        """Prints a paragraph and appends it to table.md."""
        print(text + "\n", flush=True)
        with open(self.folder / "table.md", "a") as file:
            file.write(text + "\n\n")

    def notes(self, notes: list[str]) -> None:
        """A list of remarks, if there are any."""
        if notes:
            self.say("\n".join(f"- {note}" for note in notes))

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


def machine(firetree: str, packages: list[str] = PACKAGES) -> dict:
    """The machine and the versions of what runs on it; None for what is not there or does not tell."""
    return {
        "processor": _value("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "vectors": vectors(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.freedesktop_os_release()["PRETTY_NAME"],
        "kernel": platform.release(),
        "versions": {
            "firetree": _printed(firetree, "--version"),
            "swift": _printed("swift", "--version"),
            "openblas": _printed("pkg-config", "--modversion", "openblas"),
            "python": platform.python_version(),
            **{package: _version(package) for package in packages},
            "openblas of numpy": _printed(sys.executable, "-c", NUMPY_BLAS),
        },
    }


def vectors() -> str | None:
    """The widest vectors of the processor."""
    flags = (_value("/proc/cpuinfo", "flags") or "").split()
    return next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), None)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def built_from(firetree: str) -> str:
    """What the program was built from, which it says as `0.1.0 (commit 1a2b3c4)`."""
    return (_printed(firetree, "--version") or "unknown").split()[-1].rstrip(")")


def _printed(*command: str) -> str | None:
    """The first line that a command prints, None without one."""
    try:
        lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    except OSError:
        return None
    return lines[0] if lines else None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _value(path: str, key: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None

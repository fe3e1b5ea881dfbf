"""The dated folder of a run that can be interrupted and goes on."""

import datetime
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from report import PACKAGES, built_from, machine, memory, new_folder


class DatedFolder:
    """machine.json, and command.txt with a part for each time that the run began or went on."""

    def __init__(
        self, path: Path, firetree: str, facts: dict, packages: list[str] = PACKAGES, same: tuple[str, ...] = ()
    ) -> None:
        """A new folder, or one to go on with.

        `facts` join those of the machine. The program exits when the folder is of another commit, machine or other
        kernels, or when another of the facts that are in `same` differs.
        """
        self.path = path
        host = machine(firetree, packages) | facts | {"commit": built_from(firetree)}
        path.mkdir(parents=True, exist_ok=True)
        if (path / "machine.json").exists():
            before = json.loads((path / "machine.json").read_text())
            for what in ("commit", "processor", "cores", "blas", *same):
                if before.get(what) != host[what]:
                    sys.exit(f"{path} was measured with another {what} ({before.get(what)}); start a new folder")
        else:
            (path / "machine.json").write_text(json.dumps(host, indent=2) + "\n")
        date = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        with open(path / "command.txt", "a") as file:
            file.write(f"python {shlex.join(sys.argv)}\ncommit {host['commit']}\n{date}\n")

    @staticmethod
    def new(parent: Path, ending: str) -> Path:
        """Makes a folder that is named after this minute."""
        return new_folder(parent, datetime.datetime.now().strftime("%Y-%m-%d-%H%M") + f"-{ending}")


def until_interrupted(work: Callable[[], None]) -> None:
    """Does `work`; an interruption ends the program with 130. What is measured until then is kept."""
    # A signal to end comes as an interruption, so that no child is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        work()
    except KeyboardInterrupt:
        print("interrupted; what was measured is kept", file=sys.stderr)
        sys.exit(130)


def heading(path: Path) -> str:
    """When the run of a folder last went on, what was measured, and on what."""
    host = json.loads((path / "machine.json").read_text())
    date = datetime.datetime.fromisoformat((path / "command.txt").read_text().split("\n")[-2])
    return (
        f"{date:%Y-%m-%d}, commit {host['commit'][:7]}, {host['cores']} cores of {host['processor']} "
        f"({host['vectors']}), {memory(host['memory_bytes'])}, {host['system']}, OpenBLAS with its kernels for "
        f"{host['blas']['firetree']['core'] or 'an unknown processor'}.")


def mend(path: Path) -> None:
    """Takes away the last line of a file if it was cut off."""
    content = path.read_bytes() if path.exists() else b""
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)

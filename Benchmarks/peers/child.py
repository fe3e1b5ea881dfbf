"""Child processes, with their wall time and peak memory.

The program that starts them imports nothing large: Linux counts what a process holds when it starts another one
towards the peak memory of that one.
"""

import os
import select
import subprocess
import tempfile
import time
from dataclasses import dataclass


class Failure(Exception):
    """Why a contender has no result: its row gets a dash, and this sentence goes below the table."""


@dataclass(frozen=True)
class Finished:
    """What a child printed to standard output, its wall time, and its largest resident memory."""

    output: str
    seconds: float
    peak_bytes: int


def run(
    command: list[str], environment: dict[str, str] | None = None, limit: float | None = None
) -> Finished:
    """Runs a command to its end, by default in the environment of this process; with a limit in seconds.

    Raises `Failure` with its last line of standard error if that was not a success.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment)
        except OSError as error:
            raise Failure(f"{command[0]}: {error.strerror}") from error
        try:
            _yield_memory(process.pid)
            if limit is not None:
                _await(process.pid, limit)
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise Failure(_reason(process.returncode, errors.read()))
        return Finished(output.read(), seconds, usage.ru_maxrss * 1024)


def _await(pid: int, limit: float) -> None:
    """Raises `Failure` when the child has not ended after that many seconds."""
    descriptor = os.pidfd_open(pid)
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        if not end.poll(limit * 1000):
            raise Failure(f"took longer than the limit of {limit:g} s")
    finally:
        os.close(descriptor)


def _yield_memory(pid: int) -> None:
    """Makes a child the first to go when memory runs out, so that no other process on the machine does."""
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def _reason(code: int, errors: str) -> str:
    if code == -9:
        return "killed, most likely because memory ran out"
    if code < 0:
        return f"ended by signal {-code}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit code {code}"

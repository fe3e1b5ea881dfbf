"""What all rows share: the command, the folder, the sizes, and measuring two sets of options side by side."""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace

from child import Failure
from firetree import FireTree
from folder import Folder
from row import Row

BEFORE, NOW = "before", "now"


@dataclass(frozen=True)
class Bench:
    firetree: FireTree
    numpy_environment: dict[str, str]
    folder: Folder
    options: argparse.Namespace

    def variants(self) -> dict[str, tuple[str, ...]]:
        """The options of the command that stand for what was, and for what is."""
        return {BEFORE: tuple(self.options.before), NOW: tuple(self.options.now)}

    def alternate(self, measure: Callable[[str, int], dict]) -> tuple[dict[str, list[dict]], list[str]]:
        """The measurements of both variants, taken in turns; and why a variant has none."""
        found: dict[str, list[dict]] = {BEFORE: [], NOW: []}
        failures: dict[str, str] = {}
        for number in range(1, self.options.rounds + 1):
            for variant in found:
                if variant in failures:
                    continue
                try:
                    found[variant].append(measure(variant, number))
                except Failure as failure:
                    failures[variant] = f"{variant}: {failure}"
                    found[variant] = []
        return found, list(failures.values())


def filled(row: Row, before: list[float], measured: list[float], reached: Callable[[float], bool] | None) -> Row:
    """The row with medians and ranges; `reached` is asked about the median."""
    if before:
        row = replace(row, before=statistics.median(before), before_low=min(before), before_high=max(before))
    if measured:
        middle = statistics.median(measured)
        row = replace(row, measured=middle, measured_low=min(measured), measured_high=max(measured))
        if reached:
            row = replace(row, reached=reached(middle))
    return row


def shown(options: list[str] | tuple[str, ...]) -> str:
    """Options of the command in a page."""
    return f"`{' '.join(options)}`" if options else "defaults"


def temporary_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="firetree-reach-")

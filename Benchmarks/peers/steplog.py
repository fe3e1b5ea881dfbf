"""What `firetree train --log` writes: a JSON line a step."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class StepLog:
    """Losses before the first step and after each, seconds of each step, and of the phases before and after them."""

    losses: list[float]
    seconds: list[float]
    setup: dict[str, float]
    """Empty when the command does not tell."""
    finish: dict[str, float]

    @staticmethod
    def read(path: str) -> "StepLog":
        losses: list[float] = []
        seconds: list[float] = []
        setup: dict[str, float] = {}
        finish: dict[str, float] = {}
        with open(path) as file:
            for line in map(json.loads, file):
                finish |= line.get("finish", {})
                if line.get("iteration") == 0:
                    setup |= line.get("phases", {})
                if "loss" in line:
                    losses.append(line["loss"])
                if "seconds" in line:
                    seconds.append(line["seconds"])
        return StepLog(losses, seconds, setup, finish)

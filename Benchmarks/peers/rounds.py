"""Contenders that take turns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from child import Failure
from report import progress

Result = TypeVar("Result")


@dataclass
class Contender(Generic[Result]):
    """A program on a task: the results of its rounds, or why it has none."""

    name: str
    take: Callable[[], Result]
    rounds: list[Result] = field(default_factory=list)
    failure: str | None = None

    def attempt(self) -> None:
        """Takes another round, unless one has failed; a failure discards the rounds before it."""
        if self.failure is None:
            try:
                self.rounds.append(self.take())
            except Failure as failure:
                self.failure, self.rounds = str(failure), []


def alternate(contenders: list[Contender], rounds: int, task: str) -> None:
    """Lets every contender take a round, then the next round."""
    for number in range(rounds):
        for one in contenders:
            if one.failure is None:
                progress(f"{task}: round {number + 1}, {one.name}")
                one.attempt()

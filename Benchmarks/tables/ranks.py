"""Means, ranks and tests of what was measured.

FireTree's methods take part one at a time: a comparison is one of them and all peers.
"""

import math
import statistics
from dataclasses import dataclass, field

from methods import is_firetree
from scores import Score

EQUAL_DIGITS = 10
"""Scores that differ by less are equal."""
LEAST_TABLES = 6
"""With fewer no signed-rank test reaches 5%."""
LEVEL = 0.05


@dataclass(frozen=True)
class Tables:
    """The tables of a task that every method has been measured on, and one at least has a score of."""

    methods: list[str]
    splits: int
    names: list[str]
    unfinished: list[str]
    """Tables on which a method is still to be measured."""
    scores: dict[str, dict[str, float | None]]
    """By table and method: the mean over the splits; None where the method failed on one."""
    seconds: dict[str, float]
    """By method: over all tables and splits."""

    def lowest(self, table: str) -> float:
        return min(score for score in self.scores[table].values() if score is not None)

    def counted(self, method: str) -> list[float]:
        """A score a table: of one that failed the lowest that any method has there."""
        values = ((table, self.scores[table][method]) for table in self.names)
        return [self.lowest(table) if score is None else score for table, score in values]

    def mean(self, method: str) -> float:
        return statistics.mean(self.counted(method))

    def failures(self, method: str) -> int:
        return sum(self.scores[table][method] is None for table in self.names)

    def peers(self) -> list[str]:
        return [method for method in self.methods if not is_firetree(method)]

    def variants(self) -> list[str]:
        return [method for method in self.methods if is_firetree(method)]

    def comparisons(self) -> list["Comparison"]:
        """One for each of FireTree's methods; without any, one of the peers alone."""
        return [Comparison.of(self, variant) for variant in self.variants() or [None]]


def tables(scores: list[Score]) -> Tables:
    """From the scores of a task; methods are in the order in which they were measured."""
    methods = list(dict.fromkeys(score.method for score in scores))
    splits = {score.split for score in scores}
    found: dict[str, dict[tuple[str, int], Score]] = {}
    for score in scores:
        found.setdefault(score.table, {})[score.method, score.split] = score
    names, unfinished, means = [], [], {}
    for table, cells in sorted(found.items()):
        if len(cells) < len(methods) * len(splits):
            unfinished.append(table)
            continue
        means[table] = {method: _mean([cells[method, split].score for split in splits]) for method in methods}
        if any(mean is not None for mean in means[table].values()):
            names.append(table)
    seconds = {
        method: sum(score.seconds or 0 for score in scores if score.method == method and score.table in names)
        for method in methods}
    return Tables(methods, len(splits), names, unfinished, means, seconds)


def _mean(scores: list[float | None]) -> float | None:
    present = [score for score in scores if score is not None]
    return round(statistics.mean(present), EQUAL_DIGITS) if len(present) == len(scores) else None


@dataclass(frozen=True)
class Pair:
    """One of FireTree's methods and a peer, over all tables."""

    peer: str
    better: int
    equal: int
    worse: int
    difference: float
    """The mean of FireTree's score less the peer's."""
    p: float | None
    """Of the signed-rank test; None with too few tables."""
    p_holm: float | None


@dataclass(frozen=True)
class Comparison:
    """`variant` is None where there are only peers."""

    variant: str | None
    ranks: dict[str, float]
    """By method: the mean over the tables, 1 for the best; equal scores share their ranks."""
    friedman: float | None
    """The p value of ranks that differ no more than by chance; None with too few tables or methods."""
    critical: float | None
    """How far two mean ranks have to be apart, by Nemenyi's test at 5%."""
    pairs: list[Pair] = field(default_factory=list)

    @staticmethod
    def of(tables: Tables, variant: str | None) -> "Comparison":
        methods = [*([variant] if variant else []), *tables.peers()]
        ranks = [ranked([tables.scores[table][method] for method in methods]) for table in tables.names]
        means = [statistics.mean(column) for column in zip(*ranks)] if ranks else [math.nan] * len(methods)
        return Comparison(
            variant, dict(zip(methods, means)), *_friedman(ranks), _pairs(tables, variant) if variant else [])


def ranked(scores: list[float | None]) -> list[float]:
    """Ranks from 1 for the largest; equal ones share theirs, and None is behind all."""
    values = [-math.inf if score is None else score for score in scores]
    return [sum(other > value for other in values) + (values.count(value) + 1) / 2 for value in values]


def _friedman(ranks: list[list[float]]) -> tuple[float | None, float | None]:
    """The p value of Friedman's test, and Nemenyi's critical difference."""
    if len(ranks) < LEAST_TABLES or len(ranks[0]) < 3:
        return None, None
    from scipy import stats

    count = len(ranks[0])
    p = float(stats.friedmanchisquare(*zip(*ranks)).pvalue)
    quantile = float(stats.studentized_range.ppf(1 - LEVEL, count, math.inf)) / math.sqrt(2)
    # All methods equal on all tables: nothing differs.
    return 1.0 if math.isnan(p) else p, quantile * math.sqrt(count * (count + 1) / (6 * len(ranks)))


def _pairs(tables: Tables, variant: str) -> list[Pair]:
    """FireTree beside each peer; the p values are corrected for as many tests as there are peers."""
    rows = []
    ours = tables.counted(variant)
    for peer in tables.peers():
        differences = [a - b for a, b in zip(ours, tables.counted(peer))]
        rows.append((peer, [round(difference, EQUAL_DIGITS) for difference in differences]))
    values = [_signed_rank(differences) for _, differences in rows]
    return [
        Pair(
            peer, sum(value > 0 for value in differences), differences.count(0),
            sum(value < 0 for value in differences), statistics.mean(differences) if differences else 0.0, p, corrected)
        for (peer, differences), p, corrected in zip(rows, values, holm(values))]


def _signed_rank(differences: list[float]) -> float | None:
    """The p value of Wilcoxon's test with two sides; differences of 0 are half on each."""
    if len(differences) < LEAST_TABLES:
        return None
    if not any(differences):
        return 1.0
    from scipy import stats

    return float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)


def holm(values: list[float | None]) -> list[float | None]:
    """p values of several tests, corrected by Holm's way; all are None or none is."""
    if None in values:
        return values
    order = sorted(range(len(values)), key=lambda index: values[index])
    corrected, least = list(values), 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, values[index] * (len(values) - place)))
        corrected[index] = least
    return corrected

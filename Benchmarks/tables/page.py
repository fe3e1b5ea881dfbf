"""What a folder's scores come to: ranks.csv, tests.csv and table.md.

    page.py FOLDER     writes them anew, from scores.csv
"""

import csv
import json
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "peers"))

from dated import heading
from ranks import LEVEL, Comparison, Tables, tables
from report import duration, table
from scores import Score, read
from sets import CLASSIFICATION, TASKS

LOST = 0.01
"""How far below the best peer FireTree is where a table is listed."""
WAY = (
    "For all methods alike: columns of text as columns of 0 and 1, columns and the numbers to learn standardised by "
    "the training part; a quarter of the rows held out, of classes in equal shares. The time of FireTree is that of "
    "the whole process of `train`, that of the others the fit alone, with the search in it; each uses as many threads "
    "as it does by default. FireTree's methods are among the peers one at a time. A rank is the mean over the tables "
    "of the rank among those methods, by the mean over the splits, 1 for the best; equal ones share theirs. A method "
    "that failed on a table is last there, and has in its mean the lowest score of all there.")
Names = dict[str, str]


def write(folder: Path) -> str:
    """Writes the files of a folder and returns the page."""
    scores = read(folder / "scores.csv")
    host = json.loads((folder / "machine.json").read_text())
    peers = f" The peers were measured in {host['peers_from']}." if "peers_from" in host else ""
    text, ranks, tests = [heading(folder), f"At most {host['rows']:,} rows of a table. {WAY}{peers}"], [], []
    for task in TASKS:
        of_task = [score for score in scores if score.task == task]
        if not of_task:
            continue
        found, names = tables(of_task), {score.method: score.program for score in of_task}
        compared = found.comparisons() if found.names else []
        text += _section(task, of_task, found, compared, names)
        ranks += _rank_rows(task, found, compared, names)
        tests += [
            [task, each.variant, pair.peer, pair.better, pair.equal, pair.worse, pair.difference, pair.p, pair.p_holm]
            for each in compared for pair in each.pairs]
    _write_csv(folder / "ranks.csv", "task,beside,method,program,tables,mean_score,mean_rank,seconds", ranks)
    _write_csv(folder / "tests.csv", "task,method,peer,better,equal,worse,mean_difference,p,p_holm", tests)
    page = "\n\n".join(text) + "\n"
    (folder / "table.md").write_text(page)
    return page


def _rank_rows(task: str, found: Tables, compared: list[Comparison], names: Names) -> list[list]:
    return [
        [task, each.variant or "", method, names[method], len(found.names), found.mean(method), rank,
         found.seconds[method]]
        for each in compared for method, rank in each.ranks.items()]


def _write_csv(path: Path, header: str, rows: list[list]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def _section(task: str, scores: list[Score], found: Tables, compared: list[Comparison], names: Names) -> list[str]:
    """What is said of a task: methods, tests, the tables that are lost, all tables."""
    metric = "accuracy" if task == CLASSIFICATION else "R2"
    count = len(found.names)
    text = [
        f"## {task.capitalize()}",
        f"{_many(count, 'table')}, {_many(found.splits, 'split')} of each: {metric} on the rows held out."]
    if found.unfinished:
        text.append(f"Not measured by all methods, and not counted: {', '.join(found.unfinished)}.")
    if count:
        text += [_methods(scores, found, compared, names, metric), _tests_of_ranks(compared, names)]
        if found.variants() and found.peers():
            text += [_pairs(compared, names), *_lost(found, names)]
        text.append(_all(scores, found, names))
    failures = [
        f"- {names[score.method]}: on {score.table}, split {score.split}, {score.failure}" for score in scores
        if score.failure]
    return [*text, *(["\n".join(failures)] if failures else [])]


def _methods(scores: list[Score], found: Tables, compared: list[Comparison], names: Names, metric: str) -> str:
    settings = {score.method: score.settings for score in scores}
    header = ["method", "settings", f"mean {metric}", *(_rank_name(each, names) for each in compared), "training"]
    rows = []
    for method in sorted(found.methods, key=found.mean, reverse=True):
        failures = found.failures(method)
        ranks = [f"{each.ranks[method]:.2f}" if method in each.ranks else "-" for each in compared]
        mean = f"{found.mean(method):.4f}" + (f" (failed on {failures})" if failures else "")
        # One that failed everywhere has no time.
        seconds = found.seconds[method]
        training = duration(seconds) if seconds else "-"
        rows.append([names[method], _shown(settings[method]), mean, *ranks, training])
    return table(header, rows, texts=2)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _shown(settings: str) -> str:
    """Options as what is typed."""
    return f"`{settings}`" if settings.startswith("-") else settings


def _rank_name(comparison: Comparison, names: Names) -> str:
    return f"rank beside {names[comparison.variant]}" if comparison.variant else "rank"


def _tests_of_ranks(compared: list[Comparison], names: Names) -> str:
    lines = []
    for each in compared:
        who = names[each.variant] if each.variant else "The peers"
        if each.friedman is None:
            lines.append(f"- {who}: too few tables or methods for Friedman's test.")
        else:
            lines.append(
                f"- {who}: that ranks differ by chance alone has p = {_p(each.friedman)} (Friedman); two methods "
                f"differ, at {LEVEL:.0%}, where their ranks are {each.critical:.2f} apart (Nemenyi).")
    return "\n".join(lines)


def _pairs(compared: list[Comparison], names: Names) -> str:
    header = ["method", "peer", "better", "equal", "worse", "mean difference", "p (signed ranks)", "p (Holm)"]
    rows = [
        [names[each.variant], names[pair.peer], str(pair.better), str(pair.equal), str(pair.worse),
         f"{pair.difference:+.4f}", _p(pair.p), _p(pair.p_holm)]
        for each in compared for pair in each.pairs]
    return table(header, rows, texts=2)


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _lost(found: Tables, names: Names) -> list[str]:
    """The tables on which each of FireTree's methods is below the best peer, the largest difference first."""
    rows, counts = [], []
    for variant in found.variants():
        lost = []
        for name in found.names:
            scores = {peer: found.scores[name][peer] for peer in found.peers()}
            scores = {peer: score for peer, score in scores.items() if score is not None}
            if not scores:
                continue
            ours, best = found.scores[name][variant], max(scores, key=scores.get)
            by = float("inf") if ours is None else scores[best] - ours
            if by > LOST:
                lost.append((by, name, ours, best, scores[best]))
        counts.append(f"{names[variant]} {len(lost)}")
        rows += [
            [names[variant], name, _number(ours), names[best], _number(score), "-" if ours is None else f"{by:.4f}"]
            for by, name, ours, best, score in sorted(lost, key=lambda one: (-one[0], one[1]))]
    text = f"Tables on which FireTree is below the best peer by more than {LOST}, of {len(found.names)}: "
    header = ["method", "table", "score", "best peer", "its score", "below by"]
    return [text + ", ".join(counts) + ".", table(header, rows, texts=2)]


def _all(scores: list[Score], found: Tables, names: Names) -> str:
    """A row a table; a dash where a method failed."""
    sizes = {score.table: score for score in scores}
    has_classes = any(score.classes for score in scores)
    header = ["table", "rows", "columns", *(["classes"] if has_classes else []), *(names[m] for m in found.methods)]
    rows = []
    for name in found.names:
        size = sizes[name]
        classes = [str(size.classes)] if has_classes else []
        rows.append([
            name, f"{size.train_rows + size.test_rows:,}", f"{size.columns:,}", *classes,
            *(_number(found.scores[name][method]) for method in found.methods)])
    return table(header, rows, texts=1)


def _number(score: float | None) -> str:
    return "-" if score is None else f"{score:.4f}"


if __name__ == "__main__":
    write(Path(sys.argv[1]))

"""Rows of held-out accuracy: structured weights beside Gaussian ones, a paired start beside an independent one."""

import json
import os
import statistics
import sys
from dataclasses import replace

import tables
from bench import BEFORE, NOW, Bench, filled, shown, temporary_folder
from child import Failure, run
from firetree import DIGITS, Data
from row import Row

TABLES = str(tables.__file__)
SKIPPED = 8000
"""Images before the held-out ones; seed s trains on those after the first s times as many as it takes."""
HELD_OUT = 2000


def structured(bench: Bench) -> list[Row]:
    options = bench.options
    return [
        _row(bench, "structured", name, {BEFORE: options.gaussian, NOW: options.structured})
        for name in options.wide_sets]


def paired(bench: Bench) -> list[Row]:
    options = bench.options
    return [
        _row(bench, "paired", name, {BEFORE: options.independent, NOW: options.paired}) for name in options.sets]


def _row(bench: Bench, id: str, name: str, kinds: dict[str, list[str]]) -> Row:
    """Mean scores of both kinds, over seeds that choose weights and rows alike for both."""
    scores: dict[str, list[float]] = {BEFORE: [], NOW: []}
    failures: list[str] = []
    metric = "accuracy"
    for seed in range(bench.options.seeds):
        try:
            pair = {
                kind: bench.folder.take(
                    lambda options=options: _score(bench, name, seed, options), row="held out", set=name, seed=seed,
                    options=options, neurons=bench.options.neurons, points=bench.options.images)
                for kind, options in kinds.items()}
        except Failure as failure:
            failures = [str(failure)]
            break
        for kind, found in pair.items():
            scores[kind].append(found["score"])
            metric = found["metric"]
    before, now = scores[BEFORE], scores[NOW]
    row = Row(
        f"{id}:{_name(name)}",
        f"held-out {metric}, {_name(name)}: {shown(kinds[NOW])}, before {shown(kinds[BEFORE])}", "score",
        "not below by more than a standard error",
        f"mean over {bench.options.seeds} seeds of weights and rows, m = {bench.options.neurons:,}, defaults otherwise",
        note="; ".join(failures))
    if len(now) < 2 or failures:
        return row
    differences = [ours - theirs for ours, theirs in zip(now, before)]
    mean, error = statistics.mean(differences), statistics.stdev(differences) / len(differences) ** 0.5
    row = filled(row, before, now, None)
    return replace(
        row, before=statistics.mean(before), measured=statistics.mean(now), reached=mean >= -error,
        note=f"difference {mean:+.4f}, standard error {error:.4f}")


def _score(bench: Bench, name: str, seed: int, options: list[str]) -> dict:
    """Accuracy of classes, R2 of numbers, on rows that did not train."""
    training = ["--neurons", str(bench.options.neurons), "--seed", str(seed), *options]
    with temporary_folder() as folder:
        model = os.path.join(folder, "model")
        if name == "digits" or tables.is_file_of_images(name):
            firetree = replace(bench.firetree, data=DIGITS if name == "digits" else Data.of(name.split("+")))
            points = bench.options.images
            firetree.train(points, model, "--skip", str(seed * points), *training)
            found = firetree.evaluate(model, HELD_OUT, skip=SKIPPED)
        else:
            run([sys.executable, TABLES, name, str(seed), folder])
            data = [os.path.join(folder, file) for file in ("train.csv", "test.csv")]
            path, environment = bench.firetree.path, bench.firetree.environment
            run([path, "train", data[0], "--out", model, *training], environment)
            found = json.loads(run([path, "evaluate", model, data[1], "--json"], environment).output)
    metric = "accuracy" if "accuracy" in found else "r2"
    return {"metric": metric, "score": found[metric]}


def _name(name: str) -> str:
    """Of a path, the file alone."""
    return os.path.basename(name.split("+")[0]) if os.path.exists(name.split("+")[0]) else name

"""FireTree beside JAX, PyTorch, NumPy and scikit-learn on the bundled digits, or on a file of your own (`whole`).

    make bench-peers        (installs the others into .venv; options go into OPTIONS="...")

Four tables; --what chooses among them, by default the first three:

steps     The time of a full-batch step on the hidden weights of  f(x) = relu(x W^T - b) A / sqrt(m),
          L = 1/2 sum |f - y|^2,  single precision, all cores. Everyone has the same points, initial weights,
          threshold and learning rate, read from a model that `firetree train --iterations 0` writes. Each round runs
          every program once, each in a process of its own; a row is the median over the rounds of each round's median
          step, the first steps left out. Compilation and preprocessing are not counted. A slow program takes fewer
          steps, so that a round fits the budget, but no fewer than three, of which two count; one other than JAX and
          FireTree whose single step exceeds the budget is left out. On a shape with ":seeded" FireTree runs alone
          and does not store its initial weights. With --outputs 1 the label is a number to fit, C = 1. With
          --mean-over 200 FireTree takes so many steps, and the mean over them (for the others: over theirs, whose
          steps all take the same) stands beside the median, which stays that of the first --steps. The learning rate is
          1 / (largest eigenvalue of the tangent kernel), or what --learning-rate says.
training  The wall time of whole processes that train to an accuracy on the training points. JAX finds the first
          iteration that has it, before the clock runs; both then take so many.
accuracy  Training time and held-out accuracy of FireTree's defaults and of scikit-learn's estimators.
whole     The wall time of whole processes, a data file in and a file of weights out, to an accuracy or for a number of
          steps: --goals 1000x100000:99%,8000x20000:40. FireTree is the command with its defaults; it finds the rate
          and the number of steps, which the others are given. One that takes longer than the budget is extrapolated
          from the steps that it took, and its row says so. --data FILE [LABELS] is IDX, NPY or CSV (numbers, the class
          in the last column), --whole-held-out rows after the training ones judge. OPENBLAS_CORETYPE is taken away
          from FireTree and NumPy where their products are right without it (--keep-core leaves it); machine.json says
          which kernels ran.

A program that is missing, fails or runs out of memory gets dashes, and a line below the table that says why.

The exit code is 1 when FireTree fails, when its network misses the accuracy, or when losses do not agree: after the
last step that both took they may differ by 1e-4 of the loss, or by 1e-7 of the loss at start, which is what single
precision resolves. All rows are compared with the first of their shape.

Each run leaves a folder Benchmarks/results/YYYY-MM-DD-HHMM: command.txt, machine.json, raw.json (every step time and
loss) and table.md. Nothing else should run on the machine meanwhile.
"""

import argparse
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import accuracy
import blas
import steps
import training
import whole
from firetree import DIGITS, Data, FireTree
from report import Results
from steps import PEERS, Settings, Shape

ROOT = Path(__file__).resolve().parents[2]
SHAPES = "1000x20000,1000x100000,1000x1000000,1000x10000000:seeded,8000x20000,8000x100000"
TABLES = ["steps", "training", "accuracy"]
GOALS = "1000x100000:99%,1000x1000000:100,8000x20000:40"


def several(of: list[str]):
    """A parser of names separated by commas."""

    def parse(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        unknown = [name for name in names if name not in of]
        if unknown:
            raise argparse.ArgumentTypeError(f"there is no '{unknown[0]}'; there are {', '.join(of)}")
        return names

    return parse


def shapes(text: str) -> list[Shape]:
    """A parser of shapes separated by commas."""
    return [Shape.parse(one) for one in text.split(",")]


def goals(text: str) -> list[whole.Goal]:
    """A parser of goals separated by commas."""
    return [whole.Goal.parse(one) for one in text.split(",")]


def count(text: str) -> int:
    """A parser of positive numbers."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def rate(text: str) -> str:
    """A parser of "auto" or a positive number."""
    if text != "auto" and not 0 < float(text) < float("inf"):
        raise ValueError
    return text


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firetree", default=".build/release/firetree", help="the command (%(default)s)")
    parser.add_argument(
        "--what", type=several([*TABLES, "whole"]), default=TABLES,
        help=f"tables, comma-separated ({','.join(TABLES)})")
    parser.add_argument("--engines", default="auto", help="engines of FireTree, comma-separated (%(default)s)")
    parser.add_argument("--rounds", type=count, default=3, help="%(default)s")
    parser.add_argument("--results", type=Path, default="Benchmarks/results", help="parent of the folder (%(default)s)")
    group = parser.add_argument_group("steps")
    group.add_argument(
        "--peers", type=several(list(PEERS)), default=list(PEERS), help=f"comma-separated ({','.join(PEERS)})")
    group.add_argument("--shapes", type=shapes, default=SHAPES, help="points x neurons, comma-separated (%(default)s)")
    group.add_argument("--steps", type=count, default=40, help="steps of a round (%(default)s)")
    group.add_argument("--skip", type=int, default=5, help="first steps that are not counted (%(default)s)")
    group.add_argument("--budget", type=float, default=60, help="seconds for the steps of a round (%(default)s)")
    group.add_argument("--outputs", type=int, choices=[1, 10], default=10, help="C (%(default)s)")
    group.add_argument("--mean-over", type=count, help="first steps of FireTree whose mean is shown too (none)")
    group.add_argument("--learning-rate", type=rate, default="auto", help="a positive number (%(default)s)")
    group.add_argument("--momentum", type=float, default=0.0, help="Nesterov momentum; 0 for none (%(default)s)")
    group = parser.add_argument_group("training")
    group.add_argument("--train-shape", type=Shape.parse, default="1000x100000", help="points x neurons (%(default)s)")
    group.add_argument("--reach", type=float, default=0.99, help="training accuracy (%(default)s)")
    group = parser.add_argument_group("accuracy")
    group.add_argument("--train-points", type=count, default=8000, help="%(default)s")
    group.add_argument("--held-out", type=count, default=2000, help="%(default)s")
    group = parser.add_argument_group("whole")
    group.add_argument("--goals", type=goals, default=GOALS, help="shapes and ends (%(default)s)")
    group.add_argument(
        "--data", nargs="+", metavar="FILE", default=DIGITS.paths(), help="data, and labels (the bundled digits)")
    group.add_argument("--whole-held-out", type=int, default=2000, help="%(default)s")
    group.add_argument("--whole-budget", type=float, default=240, help="seconds for the steps of a peer (%(default)s)")
    group.add_argument("--keep-core", action="store_true", help="leave OPENBLAS_CORETYPE as it is")
    options = parser.parse_args()
    if shutil.which(options.firetree) is None:
        parser.error(f"there is no command {options.firetree}; make build makes it")
    if options.steps < steps.LEAST_STEPS or not 0 <= options.skip <= options.steps - 2:
        parser.error("there must be at least three steps, and two that are not skipped")
    return options


def main() -> None:
    os.chdir(ROOT)
    options = parse_options()
    firetree, engines = FireTree(options.firetree), options.engines.split(",")
    try:
        results = Results(options.results, options.firetree)
    except FileExistsError as error:
        sys.exit(f"{error.filename} is there already; start again in a minute")
    errors: list[str] = []
    if "steps" in options.what:
        settings = Settings(
            replace(firetree, outputs=options.outputs), engines, options.peers, options.steps, options.skip,
            options.rounds, options.budget, options.momentum, options.mean_over, options.learning_rate)
        errors += steps.measure(options.shapes, settings, results)
    if "training" in options.what:
        errors += training.measure(options.train_shape, options.reach, engines, options.rounds, firetree, results)
    if "accuracy" in options.what:
        errors += accuracy.measure(options.train_points, options.held_out, firetree, results)
    if "whole" in options.what:
        ours = blas.choose("firetree", blas.library_of(options.firetree), options.keep_core)
        theirs = blas.choose("NumPy", "numpy", options.keep_core)
        results.add_to_machine({"blas": {"firetree": ours.facts(), "numpy": theirs.facts()}})
        settings = whole.Settings(
            replace(firetree, data=Data.of(options.data), environment=ours.environment), options.peers,
            options.rounds, options.whole_budget, options.whole_held_out, theirs.environment)
        errors += whole.measure(options.goals, settings, results)
    print(f"kept in {results.folder}", file=sys.stderr)
    if errors:
        sys.exit("\n".join(errors))


if __name__ == "__main__":
    main()

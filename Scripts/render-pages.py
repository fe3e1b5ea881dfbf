#!/usr/bin/env python3
"""Renders tables of README.md and Documentation/*.md from the files in Benchmarks/results that they come from.

    python3 Scripts/render-pages.py            writes the pages that change, and names them
    python3 Scripts/render-pages.py --check    writes nothing; exits with 1 and a line for each page that would change

A block of a page is between two comments, and everything between them is replaced:

    <!-- render
    from: 2026-11-25-0933/table.md | m = 20,000 | goal is 20
    from: 2026-11-25-0955/table.md | goal is 150
    rows: program = FireTree*
    columns: n | m | step of JAX jit as JAX | step | JAX / program (range) as times faster | goal | run
    -->

    what is rendered

    <!-- end of render -->

`from` (once or more) names a file below Benchmarks/results with a Markdown table. Behind it may stand conditions on its
rows, COLUMN = TEXT or COLUMN != TEXT, where * is any text, and columns that it does not have, NAME is TEXT. The others
are optional and stand once:

`table: 2`      takes the second table of each file, not the first
`rows`          conditions on the rows of every file
`columns`       which columns, in which order, each perhaps with another name: COLUMN as NAME; by default all
`notes`         below the table, the remarks that the file has on the rows that fulfil these conditions

What a cell says is what the file says. Beside the columns of the file there are

X of PROGRAM    the file's X in the row of that program with the same cells before its column `program`
X / Y           the one time divided by the other, where the file has no such column
note            what the list below the table says of the row, which it calls by its first cell
run             date and commit of the file, with a link to it
C               outputs, from the sentence above the table
learning rate   likewise; an automatic one is read from raw.json beside the file
"""

import argparse
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "Benchmarks" / "results"
BEGIN, BEGIN_ENDS, END = "<!-- render", "-->", "<!-- end of render -->"
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class Problem(Exception):
    """What is wrong with a block: the line of the page, and a sentence."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class Mismatch(Exception):
    """What is wrong, where the line is not known yet."""


# What a block asks for.


@dataclass(frozen=True)
class Condition:
    line: int
    column: str
    pattern: str
    is_equal: bool

    def __str__(self) -> str:
        return f"{self.column} {'=' if self.is_equal else '!='} {self.pattern}"

    def holds(self, text: str) -> bool:
        """`*` in the pattern stands for any text."""
        expression = ".*".join(re.escape(part) for part in self.pattern.split("*"))
        return (re.fullmatch(expression, text) is not None) == self.is_equal


@dataclass(frozen=True)
class Source:
    """A line `from`."""

    line: int
    path: str
    conditions: list[Condition]
    added: dict[str, str]


@dataclass
class Block:
    """The lines of a page that are replaced are `first` to before `last`, counted from 0."""

    first: int
    last: int
    sources: list[Source] = field(default_factory=list)
    number: int = 1
    """Which table of each file."""
    rows: list[Condition] = field(default_factory=list)
    columns: list[tuple[str, str]] | None = None
    """Pairs of what a column is and what it is called; None for all."""
    notes: list[Condition] | None = None
    lines: dict[str, int] = field(default_factory=dict)
    """Where in the page each argument stands."""


def parts(text: str) -> list[str]:
    """What stands between bars; bars at the ends do not count."""
    return [part.strip() for part in text.strip().strip("|").split("|")]


def condition(line: int, text: str) -> Condition:
    found = re.fullmatch(r"(.+?) (!?=) (.+)", text)
    if not found:
        raise Problem(line, f"expected COLUMN = TEXT or COLUMN != TEXT, found '{text}'")
    return Condition(line, found[1], found[3], found[2] == "=")


def source(line: int, text: str) -> Source:
    path, *others = parts(text)
    conditions, added = [], {}
    for part in others:
        name, word, value = part.partition(" is ")
        if word:
            added[name] = value
        else:
            conditions.append(condition(line, part))
    return Source(line, path, conditions, added)


def take_argument(block: Block, line: int, text: str) -> None:
    """Reads a line of a block's first comment."""
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or name not in ("from", "table", "rows", "columns", "notes"):
        raise Problem(line, f"expected 'from:', 'table:', 'rows:', 'columns:' or 'notes:', found '{text.strip()}'")
    if name != "from" and name in block.lines:
        raise Problem(line, f"expected '{name}:' once, found it in line {block.lines[name]} too")
    block.lines[name] = line
    if name == "from":
        block.sources.append(source(line, value))
    elif name == "columns":
        pairs = [part.partition(" as ") for part in parts(value)]
        block.columns = [(column, called or column) for column, _, called in pairs]
    elif name == "table":
        if not re.fullmatch(r"[1-9]\d*", value):
            raise Problem(line, f"expected the number of a table, found '{value}'")
        block.number = int(value)
    else:
        setattr(block, name, [condition(line, part) for part in parts(value)])


def blocks(lines: list[str]) -> list[Block]:
    """The blocks of a page. Raises a `Problem` for one that is not as it should be."""
    found, number = [], 0
    while number < len(lines):
        text = lines[number].strip()
        if text.startswith(END):
            raise Problem(number + 1, f"expected '{BEGIN}' before it, found '{text}'")
        if text.startswith(BEGIN):
            found.append(block_from(lines, number))
            number = found[-1].last
        number += 1
    return found


def block_from(lines: list[str], begin: int) -> Block:
    """The block whose first line is `begin`, counted from 0."""
    if lines[begin] != BEGIN:
        raise Problem(begin + 1, f"expected a line '{BEGIN}', found '{lines[begin]}'")
    first = closing(lines, begin, begin + 1, BEGIN_ENDS) + 1
    block = Block(first, closing(lines, begin, first, END))
    for number in range(begin + 1, first - 1):
        take_argument(block, number + 1, lines[number])
    if not block.sources:
        raise Problem(begin + 1, f"expected 'from:' below '{BEGIN}', found none")
    return block


def closing(lines: list[str], begin: int, after: int, mark: str) -> int:
    """The line that is `mark`, from the line `after` on, for a block that begins in the line `begin`."""
    for number in range(after, len(lines)):
        if lines[number] == mark:
            return number
        if lines[number].strip().startswith(BEGIN):
            raise Problem(number + 1, f"expected '{mark}' for line {begin + 1}, found '{lines[number]}'")
    raise Problem(begin + 1, f"expected '{mark}' in a line below, found none")


# What a file has.


@dataclass(frozen=True)
class Table:
    path: Path
    above: str
    below: str
    """What the file says before the table, and from there to the next one."""
    header: list[str]
    rows: list[list[str]]


def read_table(path: str, number: int) -> Table:
    """The table of that number in a file below Benchmarks/results."""
    file = (RESULTS / path).resolve()
    if not file.is_relative_to(RESULTS) or not file.is_file():
        raise Mismatch(f"expected a file below Benchmarks/results, found '{path}'")
    text = file.read_text(encoding="utf-8")
    tables = list(re.finditer(r"(?:^\|.*\n?)+", text, re.MULTILINE))
    if number > len(tables):
        raise Mismatch(f"expected table {number} in {path}, found {len(tables)} in all")
    this, others = tables[number - 1], tables[number:]
    header, _, *rows = [parts(line) for line in this[0].splitlines()]
    for row in rows:
        if len(row) != len(header):
            raise Mismatch(f"expected {len(header)} cells in each row of {path}, found {len(row)}")
    below = text[this.end() : others[0].start() if others else len(text)]
    return Table(file, text[: this.start()], below, header, rows)


@dataclass(frozen=True)
class Row:
    """A row of a table, with the columns that the page adds."""

    table: Table
    cells: list[str]
    added: dict[str, str]
    page: Path

    def value(self, name: str) -> str:
        """What it has under that name, see the top."""
        if name in self.table.header:
            return self.cells[self.table.header.index(name)]
        if name in self.added:
            return self.added[name]
        if name in FACTS:
            return FACTS[name](self)
        above, slash, below = name.partition(" / ")
        if slash:
            return quotient(self.value(above), self.value(below))
        column, word, program = name.rpartition(" of ")
        if word:
            return self.beside(program).value(column)
        known = ", ".join([*self.table.header, *self.added, *FACTS])
        raise Mismatch(f"expected a column of {self.table.path.relative_to(RESULTS)} ({known}), found '{name}'")

    def fulfils(self, conditions: list[Condition]) -> bool:
        for each in conditions:
            try:
                text = self.value(each.column)
            except Mismatch as mismatch:
                raise Problem(each.line, str(mismatch)) from None
            if not each.holds(text):
                return False
        return True

    def beside(self, program: str) -> "Row":
        """The row of another program with the same cells before the column `program`."""
        self.value("program")
        place = self.table.header.index("program")
        for row in self.table.rows:
            if row[: place + 1] == [*self.cells[:place], program]:
                return Row(self.table, row, self.added, self.page)
        raise Mismatch(f"expected a row of {program} in {self.table.path.relative_to(RESULTS)}, found none")

    def found(self, expression: str, what: str) -> re.Match:
        """Looks for what the file says above the table, nearest to it."""
        matches = list(re.finditer(expression, self.table.above))
        if not matches:
            raise Mismatch(f"expected {what} in {self.table.path.relative_to(RESULTS)}, found none")
        return matches[-1]


def quotient(above: str, below: str) -> str:
    """One time divided by another, both as in `42.7 ms`; whole from 10 on, as they have three digits."""
    for text in (above, below):
        if not re.fullmatch(r"[\d.,]+ (us|ms|s)", text):
            raise Mismatch(f"expected times to divide, found '{text}'")
    first, second = (float(number.replace(",", "")) * SECONDS[unit] for number, unit in map(str.split, (above, below)))
    ratio = first / second
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def run(row: Row) -> str:
    date, commit = row.found(r"^(\d{4}-\d\d-\d\d), commit ([^,\s]+)", "date and commit").groups()
    return f"[{date}, {commit}]({os.path.relpath(row.table.path, row.page.parent)})"


def outputs(row: Row) -> str:
    return row.found(r"\bC = (\d+)", "outputs")[1]


def learning_rate(row: Row) -> str:
    rate = row.found(r"learning rate ([^:,\s]+)", "a learning rate")[1]
    if rate != "auto":
        return rate
    name = row.value("program")
    wanted = (name, *(int(row.value(size).replace(",", "")) for size in ("n", "m")))
    raw = row.table.path.with_name("raw.json")
    for record in json.loads(raw.read_text(encoding="utf-8")) if raw.is_file() else []:
        if record["table"] == "steps" and (record["program"], record["points"], record["neurons"]) == wanted:
            return f"{record['rounds'][0]['details']['learning_rate']:.2f} (automatic)"
    raise Mismatch(f"expected {name} in raw.json beside {row.table.path.relative_to(RESULTS)}, found none")


def note(row: Row) -> str:
    """Empty if the file has no remark on the row."""
    start = f"- {row.cells[0]}: "
    return next((line.removeprefix(start) for line in row.table.below.splitlines() if line.startswith(start)), "")


FACTS = {"note": note, "run": run, "C": outputs, "learning rate": learning_rate}


# What is shown.


def chosen_rows(block: Block, page: Path) -> list[Row]:
    """The rows of all files that fulfil their conditions; every file has some."""
    chosen = []
    for each in block.sources:
        try:
            table = read_table(each.path, block.number)
            conditions = [*each.conditions, *block.rows]
            rows = [Row(table, row, each.added, page) for row in table.rows]
            rows = [row for row in rows if row.fulfils(conditions)]
            if not rows:
                raise Mismatch(f"expected rows with {' and '.join(map(str, conditions))} in {each.path}, found none")
        except Mismatch as mismatch:
            raise Problem(each.line, str(mismatch)) from None
        chosen += rows
    return chosen


def rendered_table(columns: list[tuple[str, str]], rows: list[Row]) -> list[str]:
    """Lines of Markdown; columns whose cells all begin like numbers are right-aligned."""
    body = [[row.value(column) for column, _ in columns] for row in rows]
    are_numbers = [all(re.match(r"[-+]?\d|-?$", cell) for cell in column) for column in zip(*body)]
    rule = "|" + "".join("---:|" if is_number else "---|" for is_number in are_numbers)
    header, *others = ["| " + " | ".join(line) + " |" for line in ([called for _, called in columns], *body)]
    return [header, rule, *others]


def render(block: Block, page: Path) -> list[str]:
    """The lines between the two comments of a block."""
    rows = chosen_rows(block, page)
    columns = block.columns or [(name, name) for name in rows[0].table.header]
    try:
        lines = ["", *rendered_table(columns, rows), ""]
    except Mismatch as mismatch:
        raise Problem(block.lines["columns" if block.columns else "from"], str(mismatch)) from None
    if block.notes is None:
        return lines
    notes = [f"- {row.cells[0]}: {note(row)}" for row in rows if row.fulfils(block.notes) and note(row)]
    return [*lines, *notes, ""] if notes else lines


def rendered_page(text: str, page: Path) -> str:
    """The page with every block replaced."""
    lines = text.split("\n")
    for block in reversed(blocks(lines)):
        lines[block.first : block.last] = render(block, page)
    return "\n".join(lines)


def first_difference(old: str, new: str) -> int:
    """The first line, counted from 1, in which two texts differ."""
    pairs = zip(old.split("\n"), new.split("\n"))
    return next((number for number, (one, other) in enumerate(pairs, 1) if one != other), 1)


def treat(page: Path, only_checks: bool) -> bool:
    """Renders a page and says in a line what is wrong with it or is new in it; returns whether all is well."""
    name = page.relative_to(ROOT)
    old = page.read_bytes().decode()
    try:
        new = rendered_page(old, page)
    except Problem as problem:
        print(f"{name}:{problem.line}: {problem}", file=sys.stderr)
        return False
    if new == old:
        return True
    if only_checks:
        print(f"{name}:{first_difference(old, new)}: expected what `make pages` writes, found another", file=sys.stderr)
        return False
    page.write_bytes(new.encode())
    print(f"{name} rendered")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page would change")
    options = parser.parse_args()
    pages = [ROOT / "README.md", *sorted((ROOT / "Documentation").glob("*.md"))]
    if not all([treat(page, options.check) for page in pages]):
        sys.exit(1)


if __name__ == "__main__":
    main()

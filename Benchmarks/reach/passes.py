"""Rows of what comes before the first step: the first pass over all pairs, and preprocessing at ten million neurons."""

from bench import BEFORE, NOW, Bench, filled, shown
from report import vectors
from row import Row
from steps import Shape

FIRST_PASS = {"AVX-512": 5, "AVX2": 3}
"""How many times faster than Gaussian weights structured ones should be, by the vectors of the processor."""
PREPROCESSING_SECONDS, PREPROCESSING_BYTES = 20, 12e9


def first_pass(bench: Bench) -> list[Row]:
    options = bench.options
    kinds = {BEFORE: options.gaussian, NOW: options.structured}

    def measure(variant: str, number: int) -> dict:
        return bench.folder.take(
            lambda: _benchmark(
                bench, options.engine, options.first_pass, [*kinds[variant], *options.first_pass_options]),
            row="first pass", shape=str(options.first_pass), options=kinds[variant], engine=options.engine,
            round=number)

    found, failures = bench.alternate(measure)
    before, now = ([one["preprocess_seconds"] for one in found[variant]] for variant in (BEFORE, NOW))
    target = FIRST_PASS.get(vectors() or "", FIRST_PASS["AVX2"])
    row = Row(
        "first-pass", f"first pass with lists, {_sizes(options.first_pass)}", "s",
        f"{target} times faster than with Gaussian weights ({vectors()})",
        f"`firetree benchmark --engines {options.engine}`: preprocessing, with {shown(kinds[NOW])} and before "
        f"with {shown(kinds[BEFORE])}", note="; ".join(failures))
    reached = (lambda median: row.before / median >= target) if before else None
    row = filled(row, before, [], None)
    return [filled(row, [], now, reached)]


def preprocessing(bench: Bench) -> list[Row]:
    options = bench.options
    variants = bench.variants()

    def measure(variant: str, number: int) -> dict:
        # The old way takes minutes, and once is enough to compare with.
        return bench.folder.take(
            lambda: _benchmark(
                bench, options.preprocess_engine, options.preprocess,
                [*variants[variant], *options.preprocess_options]),
            row="preprocessing", shape=str(options.preprocess), options=variants[variant],
            engine=options.preprocess_engine, round=number if variant == NOW else 1)

    found, failures = bench.alternate(measure)
    how = (
        f"`firetree benchmark --engines {options.preprocess_engine} {' '.join(options.preprocess_options)} --steps 1`: "
        "the engine that steps first, the network's weights included where they are made as they are needed; before: "
        "one run")
    engines = {variant: found[variant][0]["engine"] for variant in found if found[variant]}
    notes = "; ".join([*failures, *(f"{variant}: {engine}" for variant, engine in engines.items())])
    rows = []
    for id, what, unit, target, key, limit in (
        ("preprocess", "preprocessing", "s", f"{PREPROCESSING_SECONDS} s", "preprocess_seconds", PREPROCESSING_SECONDS),
        ("preprocess-memory", "peak memory of preprocessing and a step", "bytes", "12 GB", "peak_bytes",
         PREPROCESSING_BYTES)):
        row = Row(id, f"{what}, {_sizes(options.preprocess)}", unit, target, how, note=notes)
        before, now = ([one[key] for one in found[variant]] for variant in (BEFORE, NOW))
        rows.append(filled(row, before, now, lambda median, limit=limit: median <= limit))
    return rows


def _benchmark(bench: Bench, engine: str, shape: Shape, options: list[str]) -> dict:
    """Preprocessing of an engine and one step; the peak is that of the whole process."""
    line, finished = bench.firetree.benchmark(engine, shape.points, shape.neurons, 1, 0.0, options)
    return {
        "engine": line["engine"], "preprocess_seconds": line["preprocess_seconds"],
        "step_seconds": line["step_seconds"], "peak_bytes": finished.peak_bytes, "wall_seconds": finished.seconds}


def _sizes(shape: Shape) -> str:
    return f"n = {shape.points:,}, m = {shape.neurons:,}"

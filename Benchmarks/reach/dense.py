"""The time of a dense step of 4 n m d operations, the fastest that is at hand.

    dense.py POINTS NEURONS INPUTS     prints seconds of NumPy's two products of a step, as JSON

A step is two products, correlations and gradient, of 2 n m d operations each. They are measured on at most 100,000
neurons and taken in proportion, since products that large run at one speed.
"""

import json
import statistics
import sys

TILE = 100_000
ROUNDS = 3


def measure(bench, shape, inputs: int) -> dict:
    """Seconds of a dense step in NumPy and in FireTree's engine `dense`, and the lower of the two."""
    from child import run

    tile = min(shape.neurons, TILE)
    finished = run(
        [sys.executable, __file__, str(shape.points), str(tile), str(inputs)], bench.numpy_environment)
    line, _ = bench.firetree.benchmark("dense", shape.points, tile, ROUNDS, 0.0, [])
    found = {
        "numpy": json.loads(finished.output)["seconds"] * shape.neurons / tile,
        "firetree": statistics.median(line["step_seconds"]) * shape.neurons / tile}
    return found | {"seconds": min(found.values())}


def _products(points: int, neurons: int, inputs: int) -> float:
    """Seconds of both products, the median of three rounds."""
    import time

    import numpy as np

    generator = np.random.default_rng(0)
    x = generator.standard_normal((points, inputs), np.float32)
    w = generator.standard_normal((neurons, inputs), np.float32)
    correlations, gradient = np.empty((points, neurons), np.float32), np.empty_like(w)
    seconds = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        np.matmul(x, w.T, out=correlations)
        np.matmul(correlations.T, x, out=gradient)
        seconds.append(time.perf_counter() - start)
    # The first touches new memory.
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    print(json.dumps({"seconds": _products(*map(int, sys.argv[1:4]))}))

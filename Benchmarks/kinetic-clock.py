"""What bounds the movement of a neuron, and how often its pattern changes: the studies of the guide to kinetic training.

    python3 Benchmarks/kinetic-clock.py [IMAGES LABELS] [--study bounds|changes] [--width M ...] [--outputs C]

IMAGES and LABELS are IDX files, gzipped or not (default: the bundled digits; the first 1,000 are used, centred, of
norm 1). NumPy is needed.

`bounds`: training of a network as wide as given with all patterns frozen, so that the outputs follow from the co-firing
matrix alone (estimated from 20,000 neurons). After 10 and after 30 steps every one of 1,500 neurons is looked at, and
for each bound the steps are counted until it can no longer exclude that a pair of the neuron changes state. Printed is
the mean of 1 / steps: the share of neurons that would have to be looked at in each step.

`changes`: dense gradient descent with one output and 8,000 neurons; how many pairs change state in each step, and how
many of those changes undo the one of the step before.
"""

import argparse
import gzip

import numpy as np

IMAGES = "Examples/data/t10k-images-idx3-ubyte.gz"
LABELS = "Examples/data/t10k-labels-idx1-ubyte.gz"
POINTS, NEURONS, SAMPLE, HORIZON = 1000, 20_000, 1500, 35
# How far from the threshold a candidate may lie, in units of correlation.
NEAR = 1.0


def read_idx(path):
    """The array of an IDX file of bytes."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_problem(images, labels, outputs):
    """Centred points of norm 1 (n x d) and targets (n x C): the standardized digit, or a column a digit."""
    points = read_idx(images)[:POINTS].reshape(POINTS, -1).astype(np.float64)
    points -= points.mean(0)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    digits = read_idx(labels)[:POINTS].astype(int)
    if outputs > 1:
        return points, 2.0 * np.eye(outputs)[digits] - 1
    return points, ((digits - digits.mean()) / digits.std())[:, None]


# MARK: bounds


def frozen_steps(gram, correlations, threshold, targets, steps):
    """eta g of every step (steps x n x C) of training in which no pair changes state."""
    fires = (correlations > threshold).astype(np.float32)
    kernel = gram * (fires @ fires.T) / fires.shape[1]
    rate = 1 / np.linalg.eigvalsh(kernel)[-1]
    outputs, moves = np.zeros_like(targets), []
    for _ in range(steps):
        gradient = outputs - targets
        moves.append(rate * gradient)
        outputs = outputs - rate * kernel @ gradient
    return np.array(moves)


def forecasts(known, ahead):
    """What is foretold of the coming movement, a row a step, from the last three steps (3 x n)."""
    last, turn, turn_before = known[2], known[2] - known[1], known[1] - known[0]
    square = turn_before @ turn_before
    ratio = np.clip(turn @ turn_before / square, -1, 1) if square else 0.0
    ages = np.arange(1, ahead + 1)[:, None]
    turned = np.cumsum(np.cumsum(ratio**ages, axis=0), axis=0)
    return {
        "none": np.zeros((ahead, len(last))),
        "one direction": ages * last,
        "two, geometric": ages * last + turned * turn,
    }


def error_bounds(error, firing, gram):
    """Bounds of |<v, x>| for v = sum of error_i x_i over the points that fire (a row a step)."""
    own = error[:, firing]
    largest = -np.sort(-np.abs(error), axis=1)[:, : len(firing)]
    squares = np.einsum("ti,ij,tj->t", own, gram[np.ix_(firing, firing)], own)
    return {
        "the k largest": largest.sum(1),
        "own points": np.abs(own).sum(1),
        "norm": np.sqrt(np.maximum(squares, 0)),
    }


def lifetime(margins, bounds):
    """Steps until the first margin (steps x candidates) falls below its bound."""
    over = np.flatnonzero(margins.min(1) < bounds)
    return over[0] + 1 if len(over) else len(margins) + 1


def neuron_lifetimes(gram, correlations, threshold, moves, start):
    """For every bound, steps until a look at a neuron whose coefficients move by `moves` (steps x n) after `start`."""
    firing = np.flatnonzero(correlations > threshold)
    near = np.flatnonzero(np.abs(correlations - threshold) < NEAR)
    if not len(firing) or not len(near):
        return None
    distance = correlations[near] - threshold
    movement = np.cumsum(moves[start : start + HORIZON], axis=0)

    def margins(coefficients):
        """Distances from the threshold to the side on which each candidate was."""
        return np.abs(distance) - coefficients[:, firing] @ gram[np.ix_(firing, near)] * np.sign(distance)

    found = {("true changes", ""): lifetime(margins(movement), np.zeros(HORIZON))}
    for forecast, foretold in forecasts(moves[start - 3 : start], HORIZON).items():
        left = margins(foretold)
        for bound, values in error_bounds(movement - foretold, firing, gram).items():
            found[forecast, bound] = lifetime(left, values)
    return found


def study_bounds(points, targets, width):
    generator = np.random.default_rng(0)
    threshold = np.sqrt(0.4 * np.log(width))
    gram = points @ points.T
    correlations = points @ generator.standard_normal((points.shape[1], NEURONS))
    steps = frozen_steps(gram, correlations, threshold, targets, 80) / np.sqrt(width)
    weights = generator.choice([-1.0, 1.0], (SAMPLE, targets.shape[1]))
    for start in (10, 30):
        rates = {}
        for neuron in range(SAMPLE):
            found = neuron_lifetimes(gram, correlations[:, neuron], threshold, steps @ weights[neuron], start)
            for bound, steps_alive in (found or {}).items():
                rates.setdefault(bound, []).append(1 / steps_alive)
        print(f"m = {width:,}, C = {targets.shape[1]}, after {start} steps: neurons to look at in a step")
        for (forecast, bound), values in rates.items():
            print(f"  {forecast:<16}{bound:<16}{100 * np.mean(values):6.1f}%")


# MARK: changes


def study_changes(points, targets, width=8000, steps=60):
    generator = np.random.default_rng(0)
    threshold = np.sqrt(0.4 * np.log(width))
    points, targets = points.astype(np.float32), targets[:, 0].astype(np.float32)
    hidden = generator.standard_normal((points.shape[1], width)).astype(np.float32)
    weights = generator.choice([-1, 1], width).astype(np.float32)
    fires = (points @ hidden > threshold).astype(np.float32)
    rate = 1 / np.linalg.eigvalsh((points @ points.T) * (fires @ fires.T) / width)[-1]
    print(f"m = {width:,}, C = 1: pairs that change state in a step")
    print("  step      loss  fire     change  undo the step before  mean movement")
    before, correlations = [], None
    for step in range(steps):
        last, correlations = correlations, points @ hidden
        fires = correlations > threshold
        gradient = np.maximum(correlations - threshold, 0) @ weights / np.sqrt(width) - targets
        if len(before) == 2 and step % 6 == 0:
            changed = fires != before[1]
            undone = changed & (fires == before[0])
            print(
                f"  {step:4} {0.5 * gradient @ gradient:9.2f} {fires.sum():8,} {changed.sum():7,}"
                f" {undone.sum() / changed.sum():13.0%}   {np.abs(correlations - last).mean():18.1e}"
            )
        before = before[-1:] + [fires]
        hidden -= rate / np.sqrt(width) * (points.T @ (fires * gradient[:, None] * weights))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", nargs="?", default=IMAGES)
    parser.add_argument("labels", nargs="?", default=LABELS)
    parser.add_argument("--study", choices=["bounds", "changes"], help="default: both")
    parser.add_argument("--width", type=float, nargs="+", default=[1e5, 1e6], help="default: 1e5 1e6")
    parser.add_argument("--outputs", type=int, choices=[1, 10], default=1, help="of the first study; default: 1")
    options = parser.parse_args()
    if options.study != "changes":
        points, targets = read_problem(options.images, options.labels, options.outputs)
        for width in options.width:
            study_bounds(points, targets, int(width))
    if options.study != "bounds":
        study_changes(*read_problem(options.images, options.labels, 1))


if __name__ == "__main__":
    main()

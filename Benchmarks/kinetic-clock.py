"""What bounds the movement of correlations, and how often patterns change: studies of the guide to kinetic training.

    python3 Benchmarks/kinetic-clock.py [IMAGES LABELS] [--study bounds|changes] [--width M] [--steps T ...]

IMAGES and LABELS are IDX files, gzipped or not (default: the bundled digits; the first 1,000 are used, centred, of
norm 1). NumPy is needed. Every study prints a Markdown table. Both are of full-batch gradient descent with one output
and the learning rate 1 / (largest eigenvalue of the tangent kernel).

`bounds`: 4,000 neurons stand for a network of M: threshold and step of each are those of the wide network, and every
one counts M / 4,000 times in the outputs. Every pair of neuron and point keeps what is left of its distance from the
threshold. In each step, what a bound says of the pair's movement is taken off; when nothing is left, the pair is
computed, and the distance is that of now. All bounds see the same training. For each bound, and around each step of T:
how many pairs of a neuron are computed in a step, and how many neurons have such pairs.

`changes`: 8,000 neurons; how many pairs change state in each step, and how many of those changes undo the one of the
step before.
"""

import argparse
import gzip

import numpy as np

IMAGES = "Examples/data/t10k-images-idx3-ubyte.gz"
LABELS = "Examples/data/t10k-labels-idx1-ubyte.gz"
POINTS, SAMPLE = 1000, 4000
# Steps before and after that are averaged with a step.
AROUND = 2


def read_idx(path):
    """The array of an IDX file of bytes."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def read_problem(images, labels):
    """Centred points of norm 1 (n x d) and the standardized digits (n)."""
    points = read_idx(images)[:POINTS].reshape(POINTS, -1).astype(np.float64)
    points -= points.mean(0)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    digits = read_idx(labels)[:POINTS].astype(int)
    targets = (digits - digits.mean()) / digits.std()
    return points.astype(np.float32), targets.astype(np.float32)


def print_table(header, rows):
    """A Markdown table; the first column is text."""
    print("| " + " | ".join(header) + " |")
    print("|---|" + "---:|" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


class Training:
    """Gradient descent of `sample` neurons that stand for `width`, in the space of correlations (neurons x points)."""

    def __init__(self, points, targets, width, sample):
        generator = np.random.default_rng(0)
        hidden = generator.standard_normal((points.shape[1], sample)).astype(np.float32)
        self.gram, self.targets = points @ points.T, targets
        self.threshold = np.float32(np.sqrt(0.4 * np.log(width)))
        self.correlations = (points @ hidden).T.copy()
        self.weights = generator.choice([-1, 1], sample).astype(np.float32)
        self.scale, self.copies = np.float32(1 / np.sqrt(width)), np.float32(width / sample)
        fires = self.fires.astype(np.float32)
        self.rate = np.float32(1 / np.linalg.eigvalsh(self.gram * (fires.T @ fires) / sample)[-1])
        # The outputs before training are those of a network of the sample's width, of the same size as the wide one's.
        self.start = self.sum() * np.float32(1 / np.sqrt(sample) - self.scale * self.copies)

    @property
    def fires(self):
        return self.correlations > self.threshold

    def sum(self):
        """sum_r a_r max(s_ri - b, 0)."""
        return self.weights @ np.maximum(self.correlations - self.threshold, 0)

    def gradient(self):
        return self.start + self.sum() * self.scale * self.copies - self.targets

    def step(self):
        """Moves the correlations; returns the neurons' coefficients of the step and how the correlations moved."""
        gradient = self.gradient()
        coefficients = np.where(self.fires, -self.rate * self.scale * self.weights[:, None] * gradient, 0)
        movement = coefficients @ self.gram
        self.correlations += movement
        return coefficients, movement


# MARK: bounds


def bounds_of(coefficients, movement, reaches):
    """What each bound says of |movement|: a number a neuron, or a number a pair."""
    squares = np.einsum("ri,ri->r", coefficients, movement)
    lengths = np.sqrt(np.einsum("ri,ri->r", coefficients, coefficients))
    return {
        "sum of the magnitudes of c": np.abs(coefficients).sum(1)[:, None],
        "length of the step": np.sqrt(np.maximum(squares, 0))[:, None],
        "**length of c, times reach**": lengths[:, None] * reaches,
        "magnitude of the movement": np.abs(movement),
    }


def count_computed(training, steps):
    """For every step and bound: pairs that are computed (a neuron), and the share of neurons that have any."""
    squared_gram = training.gram**2
    support, left = training.fires, {}
    for _ in range(steps):
        fired, distance = training.fires, np.abs(training.correlations - training.threshold)
        # The points on which a neuron has fired since the start: neurons are not anchored anew.
        support = support | fired
        reaches = np.sqrt(support.astype(np.float32) @ squared_gram)
        bounds = bounds_of(*training.step(), reaches)
        now, due = np.abs(training.correlations - training.threshold), {}
        for name, bound in bounds.items():
            left[name] = left.get(name, distance) - bound
            due[name] = left[name] <= 0
            left[name] = np.where(due[name], now, left[name])
        due["pairs that change state"] = training.fires != fired
        yield {name: np.array([pairs.sum(1).mean(), pairs.any(1).mean()]) for name, pairs in due.items()}


def study_bounds(points, targets, width, steps):
    training = Training(points, targets, width, SAMPLE)
    counts = list(count_computed(training, max(steps) + AROUND))
    print(f"m = {width:,}, C = 1; a neuron fires on {training.fires.sum(1).mean():.0f} points\n")
    rows = []
    for name in counts[0]:
        around = [counts[step - 1 - AROUND : step + AROUND] for step in steps]
        means = [np.mean([count[name] for count in window], axis=0) for window in around]
        rows.append([name] + [text for pairs, share in means for text in (f"{pairs:.2f}", f"{share:.1%}")])
    header = [text for step in steps for text in (f"step {step}: pairs", "neurons")]
    print_table(["stands for a movement"] + header, rows)


# MARK: changes


def study_changes(points, targets, width=8000, steps=(6, 12, 30, 54)):
    training = Training(points, targets, width, width)
    patterns, rows = [training.fires], []
    for step in range(1, max(steps) + 1):
        _, movement = training.step()
        patterns = patterns[-2:] + [training.fires]
        if step in steps:
            changed = patterns[2] != patterns[1]
            undone = changed & (patterns[2] == patterns[0])
            loss = 0.5 * np.sum(training.gradient() ** 2)
            rows.append([
                f"{step}", f"{loss:.2f}", f"{patterns[2].sum():,}", f"{changed.sum():,}",
                f"{undone.sum() / changed.sum():.0%}", f"{np.abs(movement).mean():.1e}",
            ])
    print(f"m = {width:,}, C = 1\n")
    print_table(["step", "loss", "pairs that fire", "change state", "undo the step before", "mean movement"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images", nargs="?", default=IMAGES)
    parser.add_argument("labels", nargs="?", default=LABELS)
    parser.add_argument("--study", choices=["bounds", "changes"], help="default: both")
    parser.add_argument("--width", type=float, default=1e5, help="of the first study; default: 1e5")
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 30, 100], help="default: 10 30 100")
    options = parser.parse_args()
    if min(options.steps) <= AROUND:
        parser.error(f"--steps must be more than {AROUND}")
    points, targets = read_problem(options.images, options.labels)
    if options.study != "changes":
        study_bounds(points, targets, int(options.width), options.steps)
    if options.study != "bounds":
        study_changes(points, targets)


if __name__ == "__main__":
    main()

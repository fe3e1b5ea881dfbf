"""Time training steps of FireTree's engines against JAX (jit, CPU, float32) on the bundled digits.

The same work on both sides: full-batch plain gradient descent on the hidden weights of

    f(x) = relu(X W^T - b) A / sqrt(m),   L = 1/2 sum |f - y|^2,

from the same initial weights, threshold, learning rate and preprocessing, which are read from a model that
`firetree train --iterations 0` writes. Rounds alternate between the two; a row is the median over rounds of each
round's median step. The losses after the last step must agree.

    make bench-peers        (creates .venv with jax, numpy and safetensors)
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import safe_open

IMAGES = "Examples/data/t10k-images-idx3-ubyte.gz"
LABELS = "Examples/data/t10k-labels-idx1-ubyte.gz"


def digits(points: int):
    with gzip.open(IMAGES) as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)[:points]
    with gzip.open(LABELS) as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)[:points]
    return images.astype(np.float32), labels


def initial_network(firetree: str, points: int, neurons: int):
    """Weights, threshold, and preprocessed points, as FireTree starts with them."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "initial.safetensors")
        subprocess.run(
            [firetree, "train", IMAGES, "--labels", LABELS, "--points", str(points), "--neurons", str(neurons),
             "--iterations", "0", "--momentum", "0", "--out", path],
            check=True, capture_output=True)
        with safe_open(path, "numpy") as model:
            metadata = model.metadata()
            tensors = {name: model.get_tensor(name) for name in model.keys()}
    images, labels = digits(points)
    x = (images - tensors["preprocessing.offset"]) * tensors["preprocessing.scale"]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    classes = json.loads(metadata["class_names"])
    y = np.array([[1.0 if str(label) == name else 0.0 for name in classes] for label in labels], np.float32)
    return tensors["hidden.weight"], tensors["output.weight"], float(metadata["threshold"]), x, y


def jax_steps(w, a, b, x, y, rate: float, steps: int):
    """Seconds of each step, and the losses before the first and after every step."""
    w, a, x, y = (jnp.asarray(v) for v in (w, a, x, y))
    scale = 1 / np.sqrt(w.shape[0])

    def loss(w):
        return 0.5 * jnp.sum((scale * (jax.nn.relu(x @ w.T - b) @ a) - y) ** 2)

    @jax.jit
    def step(w):
        value, gradient = jax.value_and_grad(loss)(w)
        return w - rate * gradient, value

    step(w)[0].block_until_ready()  # compilation is not timed
    seconds, losses = [], []
    for _ in range(steps):
        start = time.perf_counter()
        w, value = step(w)
        w.block_until_ready()
        seconds.append(time.perf_counter() - start)
        losses.append(float(value))
    return seconds, losses + [float(loss(w))]


def firetree_steps(firetree: str, engine: str, points: int, neurons: int, rate: float | None, steps: int):
    command = [firetree, "benchmark", IMAGES, "--labels", LABELS, "--points", str(points), "--neurons", str(neurons),
               "--engines", engine, "--steps", str(steps), "--json"]
    if rate is not None:
        command += ["--learning-rate", repr(rate)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firetree", default=".build/release/firetree")
    parser.add_argument("--engines", default="dense,weight-tree,gram")
    parser.add_argument("--shapes", default="16x10000,16x100000,1000x20000,8000x5000", help="points x neurons, comma-separated")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", type=int, default=5, help="first steps that are not counted")
    options = parser.parse_args()
    print("| points | neurons | engine | step | JAX step | JAX / engine (range) | loss difference |")
    print("|---|---|---|---|---|---|---|")
    for shape in options.shapes.split(","):
        points, neurons = (int(v) for v in shape.split("x"))
        network = initial_network(options.firetree, points, neurons)
        for engine in options.engines.split(","):
            rate = firetree_steps(options.firetree, engine, points, neurons, None, 1)["learning_rate"]
            ours, theirs = [], []
            for _ in range(options.rounds):
                line = firetree_steps(options.firetree, engine, points, neurons, rate, options.steps)
                ours.append(statistics.median(line["step_seconds"][options.skip:]))
                seconds, losses = jax_steps(*network, rate, options.steps)
                theirs.append(statistics.median(seconds[options.skip:]))
            ratios = [b / a for a, b in zip(ours, theirs)]
            difference = abs(line["losses"][-1] - losses[-1]) / losses[-1]
            print(f"| {points} | {neurons} | {engine} | {statistics.median(ours) * 1e3:.4g} ms "
                  f"| {statistics.median(theirs) * 1e3:.4g} ms | {statistics.median(ratios):.2f} "
                  f"({min(ratios):.2f} to {max(ratios):.2f}) | {difference:.1e} |", flush=True)
            if difference > 1e-3:
                sys.exit(f"{engine}: the losses differ: {line['losses'][-1]} and {losses[-1]}")


if __name__ == "__main__":
    main()

"""The problem that FireTree makes of a data file: preprocessed points, initial network, rate."""

import json
from dataclasses import dataclass

import numpy as np
from safetensors import safe_open

from firetree import DIGITS, Data
from readers import names, read


@dataclass
class Problem:
    """min over W of 1/2 sum |f(x) - y|^2,  f(x) = relu(x W^T - b) A / sqrt(m), in single precision."""

    points: np.ndarray
    """X, n x d."""
    targets: np.ndarray
    """Y, n x C: 1 for the class of the point, 0 elsewhere; of a regression the label, centred and scaled (n x 1)."""
    output: np.ndarray
    """A, m x C; it stays as it is."""
    threshold: float
    rate: float

    def outputs_of(self, hidden: np.ndarray, tile: int = 50_000) -> np.ndarray:
        """The outputs (n x C) of hidden weights (m x d), a tile of neurons at a time."""
        outputs = np.zeros(self.targets.shape)
        for first in range(0, len(hidden), tile):
            neurons = slice(first, first + tile)
            activations = np.maximum(self.points @ hidden[neurons].T - np.float32(self.threshold), 0)
            outputs += activations @ self.output[neurons]
        return outputs * len(hidden) ** -0.5

    def loss(self, outputs: np.ndarray) -> float:
        """The loss of outputs (n x C), summed in double precision."""
        return 0.5 * float(np.sum((outputs.astype(np.float64) - self.targets) ** 2))

    def accuracy(self, outputs: np.ndarray) -> float:
        """The share of points whose largest output is that of their class."""
        return float(np.mean(outputs.argmax(axis=1) == self.targets.argmax(axis=1)))


def digits(count: int, skip: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (count x 784, 0 to 255) and labels, after those skipped."""
    return read(DIGITS, count, skip)


def read_problem(model: str, count: int, data: Data = DIGITS, skip: int = 0) -> tuple[Problem, np.ndarray]:
    """Points of a data file after those skipped, and the network of a model file.

    `firetree train --iterations 0 --full-weights` writes such a file. The hidden weights W at start (m x d) come apart
    from the problem, so that who trains them can give them up.
    """
    metadata, tensors = read_model(model)
    return _problem(metadata, tensors, count, data, skip), tensors["hidden.weight"]


def read_points(model: str, count: int, data: Data, skip: int) -> Problem:
    """The same without the hidden weights."""
    metadata, tensors = read_model(model, leaving_out="hidden.weight")
    return _problem(metadata, tensors, count, data, skip)


def read_model(model: str, leaving_out: str | None = None) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Metadata and tensors of a model file."""
    with safe_open(model, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys() if name != leaving_out}
        return file.metadata(), tensors


def _problem(
    metadata: dict[str, str], tensors: dict[str, np.ndarray], count: int, data: Data, skip: int
) -> Problem:
    features, labels = read(data, count, skip)
    points = (features - tensors["preprocessing.offset"]) * tensors["preprocessing.scale"]
    if "preprocessing.constant" in metadata:
        constant = np.full((len(points), 1), metadata["preprocessing.constant"], np.float32)
        points = np.hstack([points, constant])
    if metadata["preprocessing.unit_norm"] == "true":
        # A row of zeros stays one.
        points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return Problem(
        points, _targets(labels, metadata), tensors["output.weight"], float(metadata["threshold"]),
        float(metadata["training.learning_rate"]))


def _targets(labels: np.ndarray, metadata: dict[str, str]) -> np.ndarray:
    """What the outputs should be (n x C), as the model encodes it."""
    if "target_mean" in metadata:
        mean, scale = float(metadata["target_mean"]), float(metadata["target_scale"])
        return ((labels.astype(np.float64) - mean) * scale).astype(np.float32)[:, None]
    classes = json.loads(metadata["class_names"])
    return np.array([[float(label == name) for name in classes] for label in names(labels)], np.float32)

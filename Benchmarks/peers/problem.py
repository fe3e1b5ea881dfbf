"""The bundled digits, and the problem that FireTree makes of them: preprocessed points, initial network, rate."""

import gzip
import json
from dataclasses import dataclass

import numpy as np
from safetensors import safe_open

from firetree import IMAGES, LABELS


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

    def loss(self, outputs: np.ndarray) -> float:
        """The loss of outputs (n x C), summed in double precision."""
        return 0.5 * float(np.sum((outputs.astype(np.float64) - self.targets) ** 2))

    def accuracy(self, outputs: np.ndarray) -> float:
        """The share of points whose largest output is that of their class."""
        return float(np.mean(outputs.argmax(axis=1) == self.targets.argmax(axis=1)))


def digits(count: int, skip: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (count x 784, 0 to 255) and labels, after those skipped."""
    with gzip.open(IMAGES) as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)[skip : skip + count]
    with gzip.open(LABELS) as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)[skip : skip + count]
    return images.astype(np.float32), labels


def read_problem(model: str, count: int) -> tuple[Problem, np.ndarray]:
    """The first `count` digits and the network of a model file, which `firetree train --iterations 0` writes.

    The hidden weights W at start (m x d) come apart from the problem, so that who trains them can give them up.
    """
    with safe_open(model, "numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    images, labels = digits(count)
    points = (images - tensors["preprocessing.offset"]) * tensors["preprocessing.scale"]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    problem = Problem(
        points, _targets(labels, metadata), tensors["output.weight"], float(metadata["threshold"]),
        float(metadata["training.learning_rate"]))
    return problem, tensors["hidden.weight"]


def _targets(labels: np.ndarray, metadata: dict[str, str]) -> np.ndarray:
    """What the outputs should be (n x C), as the model encodes it."""
    if "target_mean" in metadata:
        mean, scale = float(metadata["target_mean"]), float(metadata["target_scale"])
        return ((labels.astype(np.float64) - mean) * scale).astype(np.float32)[:, None]
    classes = json.loads(metadata["class_names"])
    return np.array([[float(str(label) == name) for name in classes] for label in labels], np.float32)

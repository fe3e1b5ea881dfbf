"""Data files as NumPy reads them: IDX, NPY and CSV, the first two plain or gzipped."""

import gzip

import numpy as np

from firetree import Data


def read(data: Data, count: int, skip: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (count x d, single precision) and labels of the rows after those skipped.

    Of a CSV file, which has a header or none, the last column is the label.
    """
    rows = slice(skip, skip + count)
    if data.labels is None:
        table = _csv(data.path)[rows]
        return table[:, :-1].astype(np.float32), table[:, -1]
    features, labels = _array(data.path)[rows], _array(data.labels)[rows]
    return features.reshape(len(features), -1).astype(np.float32), labels.reshape(-1)


def names(labels: np.ndarray) -> list[str]:
    """Labels as the names of classes: whole numbers without a decimal point."""
    return [str(int(label)) if _is_whole(label) else str(label) for label in labels.tolist()]


def _is_whole(label) -> bool:
    return isinstance(label, (int, float)) and float(label).is_integer()


def _array(path: str) -> np.ndarray:
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        if path.removesuffix(".gz").endswith(".npy"):
            return np.load(file)
        content = file.read()
    # IDX of bytes: two zeros, the type (8), the rank, and each size in four bytes, big-endian.
    if content[:3] != b"\x00\x00\x08":
        raise SystemExit(f"{path}: neither NPY nor IDX of bytes")
    shape = np.frombuffer(content, ">u4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


def _csv(path: str) -> np.ndarray:
    with open(path) as file:
        first = file.readline().split(",")
    try:
        for cell in first:
            float(cell)
        header = 0
    except ValueError:
        header = 1
    return np.loadtxt(path, delimiter=",", skiprows=header, ndmin=2)

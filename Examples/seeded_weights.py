"""The hidden weights of a FireTree model as a NumPy array, whichever form the model has.

    python seeded_weights.py model.safetensors hidden.npy

Needs the packages numpy and safetensors. Seeded weights (Documentation/ModelFormat.md) come out within 1e-6 or so of
those that FireTree computes: it rounds to 32 bits on the way, this computes in 64.
"""

import sys

import numpy as np
from safetensors import safe_open


def philox(counter, key):
    """Philox-4x32-10 of four counter words and two key words, arrays of uint64 below 2^32."""
    (a, b, c, d), (k, l) = counter, key
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p, q = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b, c, d = (q >> 32) ^ b ^ k, q & low, (p >> 32) ^ d ^ l, p & low
        k, l = (k + np.uint64(0x9E3779B9)) & low, (l + np.uint64(0xBB67AE85)) & low
    return a, b, c, d


def normals(seed, rows, columns):
    """Rows of independent standard normals, `len(rows)` x `columns`: a pure function of seed and row."""
    seed, rows = np.uint64(seed), np.asarray(rows, dtype=np.uint64)[:, None]
    low, groups = np.uint64(0xFFFFFFFF), (columns + 15) // 16
    block = np.arange(4 * groups, dtype=np.uint64)[None, :]
    counter = (block + 0 * rows, 0 * (block + rows), (rows & low) + 0 * block, (rows >> 32) + 0 * block)
    words = np.stack(philox(counter, (seed & low, seed >> 32)), axis=-1)
    # Of sixteen words eight are radii and eight are angles; they make sixteen normals.
    words = words.reshape(len(rows), groups, 2, 8)
    uniform = (words[:, :, 0] + 0.5).astype(np.float32).astype(np.float64) * 2.0**-32
    radius, angle = np.sqrt(-2 * np.log(uniform)), words[:, :, 1] * (2 * np.pi / 2**32)
    values = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return values.reshape(len(rows), 16 * groups)[:, :columns]


def structured(seed, rows, columns):
    """Rows of structured weights, `len(rows)` x `columns`: those of H S1 H S2 H S3 / D, block by block."""
    size = 1 << max(columns - 1, 0).bit_length()
    hadamard = np.array([[1.0]])
    while len(hadamard) < size:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    seed, low, count = np.uint64(seed), np.uint64(0xFFFFFFFF), max(4, size // 32)
    result = np.empty((len(rows), columns))
    for block in sorted({r // size for r in rows}):
        position = np.arange(3 * count // 4, dtype=np.uint64)
        row = np.full_like(position, block)
        counter = (position, 0 * position + np.uint64(4), row & low, row >> np.uint64(32))
        words = np.stack(philox(counter, (seed & low, seed >> np.uint64(32))), axis=-1).reshape(3, count)
        bits = (words[:, :, None] >> np.arange(32, dtype=np.uint64)) & np.uint64(1)
        signs = 1 - 2 * bits.reshape(3, -1)[:, :size].astype(float)
        own = [slot for slot, r in enumerate(rows) if r // size == block]
        tile = hadamard[[rows[slot] % size for slot in own]]
        for sign in signs[:2]:
            tile = (tile * sign) @ hadamard
        result[own] = (tile * signs[2] / size)[:, :columns]
    return result


def initial_weight(metadata, neurons, columns):
    """The weights of `neurons` before training."""
    rows = [r // 2 for r in neurons] if metadata.get("weights.start") == "paired" else list(neurons)
    make = structured if metadata["weights.generator"].endswith("hadamard") else normals
    return make(int(metadata["weights.seed"]), rows, columns)


def points(file, columns):
    """The data points that the weights are combined of, n x d."""
    values = file.get_tensor("points.values")
    if "points.offsets" not in file.keys():
        return values
    offsets, indices = file.get_tensor("points.offsets"), file.get_tensor("points.columns")
    result = np.zeros((len(offsets) - 1, columns), np.float32)
    result[np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), indices] = values
    return result


def hidden_weight(path):
    """w_r, one neuron a row (m x d): w_r = initial(seed, r) + sum_i alpha_ri x_i."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        if metadata.get("weights") != "seeded":
            return file.get_tensor("hidden.weight")
        columns = len(file.get_tensor("preprocessing.offset")) + ("preprocessing.constant" in metadata)
        x, offsets = points(file, columns), file.get_tensor("alpha.offsets")
        indices, values = file.get_tensor("alpha.points"), file.get_tensor("alpha.values")
        result = np.empty((len(offsets) - 1, columns), np.float32)
        for start in range(0, len(result), 1024):
            rows = range(start, min(start + 1024, len(result)))
            tile = initial_weight(metadata, rows, columns)
            for slot, r in enumerate(rows):
                entries = slice(offsets[r], offsets[r + 1])
                tile[slot] += values[entries].astype(np.float64) @ x[indices[entries]]
            result[rows.start : rows.stop] = tile
        return result


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    np.save(sys.argv[2], hidden_weight(sys.argv[1]))

"""Which kernels OpenBLAS runs, and whether they compute right.

    blas.py LIBRARY     prints a JSON line; LIBRARY is a path, or "numpy" for the one that NumPy brings

OpenBLAS takes kernels by the processor, or by OPENBLAS_CORETYPE, which machines set where a version computes wrongly on
their processor. Programs are compared with what the processor can do, so that these settings are taken away where the
products are right without them.
"""

import ctypes
import json
import os
import subprocess
import sys
from dataclasses import dataclass

from child import Failure, run

SETTINGS = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]
SHAPES = [(256, 256, 33), (61, 67, 256), (131, 35, 45), (500, 700, 784), (13, 7, 19), (1, 256, 40), (256, 1, 40)]
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


@dataclass(frozen=True)
class Blas:
    """What was found of a library: `core` are the kernels that run in `environment`."""

    library: str
    core: str | None
    environment: dict[str, str]
    note: str

    def facts(self) -> dict:
        return {"library": self.library, "core": self.core, "note": self.note}


def choose(program: str, library: str | None, keep: bool = False) -> Blas:
    """The environment for a program that uses a library: without the settings, if it computes right so.

    With `keep`, or a library that is not known, the environment stays as it is.
    """
    own = dict(os.environ)
    freed = {name: value for name, value in own.items() if name not in SETTINGS}
    found = [name for name in SETTINGS if name in own]
    if library is None:
        return Blas("unknown", None, own, f"{program}: the library was not found, nothing was changed")
    if keep or not found:
        return Blas(library, _core(library, own), own, "as set" if found else "nothing is set")
    try:
        facts = _ask(library, freed)
    except Failure as failure:
        facts = {"core": None, "wrong": str(failure)}
    if facts["wrong"]:
        return Blas(library, _core(library, own), own, f"as set: without it {facts['wrong']}")
    return Blas(library, facts["core"], freed, f"{' and '.join(found)} taken away, products are right")


def library_of(program: str) -> str | None:
    """The OpenBLAS that a program is linked with."""
    try:
        lines = subprocess.run(["ldd", program], capture_output=True, text=True).stdout.splitlines()
    except OSError:
        return None
    return next((line.split()[2] for line in lines if "openblas" in line and "=>" in line), None)


def _core(library: str, environment: dict[str, str]) -> str | None:
    try:
        return _ask(library, environment)["core"]
    except Failure:
        return None


def _ask(library: str, environment: dict[str, str]) -> dict:
    return json.loads(run([sys.executable, __file__, library], environment).output)


# In the child.


def _facts(library: str) -> dict:
    """The kernels, and the first product that is wrong, or None."""
    import numpy as np

    if library == "numpy":
        loaded = _numpy_library()
        name, multiply = loaded and _function(loaded, "get_corename"), np.matmul
    else:
        loaded = ctypes.CDLL(library)
        name, multiply = _function(loaded, "get_corename"), _product(loaded)
    core = None
    if name:
        name.restype = ctypes.c_char_p
        core = name().decode()
    return {"core": core, "wrong": _first_mistake(multiply)}


def _first_mistake(multiply) -> str | None:
    """Elements are small whole numbers, so that sums in any order have the same bits."""
    import numpy as np

    generator = np.random.default_rng(0)
    for m, n, k in SHAPES:
        left, right = (generator.integers(-8, 9, shape).astype(np.float32) for shape in ((m, k), (k, n)))
        expected = left.astype(np.int64) @ right.astype(np.int64)
        pairs = [(left, right), (np.ascontiguousarray(left.T).T, right), (left, np.ascontiguousarray(right.T).T)]
        if not all(np.array_equal(multiply(a, b), expected) for a, b in pairs):
            return f"the product of {m} x {k} and {k} x {n} elements is wrong"
    return None


def _product(library: ctypes.CDLL):
    """Products by `cblas_sgemm`; a matrix that is a transposed one is given as such."""
    import numpy as np

    sgemm, size, number = _function(library, "sgemm"), ctypes.c_int64, ctypes.c_float

    def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        result = np.zeros((left.shape[0], right.shape[1]), np.float32)
        kinds, stored = [], []
        for matrix in (left, right):
            plain = matrix.flags.c_contiguous
            kinds.append(PLAIN if plain else TRANSPOSED)
            stored.append(matrix if plain else matrix.T)
        sgemm(
            ROW_MAJOR, *kinds, size(left.shape[0]), size(right.shape[1]), size(left.shape[1]), number(1),
            stored[0].ctypes.data_as(ctypes.c_void_p), size(stored[0].shape[1]),
            stored[1].ctypes.data_as(ctypes.c_void_p), size(stored[1].shape[1]), number(0),
            result.ctypes.data_as(ctypes.c_void_p), size(result.shape[1]))
        return result

    return multiply


def _function(library: ctypes.CDLL, name: str):
    """A function under the names that builds of OpenBLAS give it; None without it."""
    stem = f"openblas_{name}" if name.startswith("get") else f"cblas_{name}"
    for symbol in (stem, f"scipy_{stem}64_", f"scipy_{stem}", f"{stem}64_"):
        if hasattr(library, symbol):
            return getattr(library, symbol)
    return None


def _numpy_library() -> ctypes.CDLL | None:
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    with open("/proc/self/maps") as file:
        paths = [line.split()[-1] for line in file if "openblas" in line]
    return ctypes.CDLL(paths[0]) if paths else None


if __name__ == "__main__":
    print(json.dumps(_facts(sys.argv[1])))

"""The training step in PyTorch, written by hand for a GPU: a tile of neurons at a time, in memory that is made once."""

import math

import numpy as np
import torch

MOMENTUM = 0.9
TILE_BYTES = 1 << 30
"""Of the activations of a tile of neurons, so that products are large and buffers small."""
POWER_ITERATIONS = 12


class Network:
    """f(x) = relu(x W^T - b) A / sqrt(m) under training on a device, b = sqrt(0.4 ln m), from seeded weights.

    In `float32` every product keeps 32 bits, in `tf32` it may take TF32; `bf16` has products of bfloat16, with weights
    and velocity in single precision.
    """

    def __init__(
        self, points: np.ndarray, targets: np.ndarray, neurons: int, precision: str, device: str, kept: bool
    ) -> None:
        """With `kept` the activations of all neurons stay in memory from the forward pass to the backward one."""
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        self.half = torch.bfloat16 if precision == "bf16" else None
        kind = self.half or torch.float32
        generator = torch.Generator(device).manual_seed(0)
        count, inputs = points.shape
        self.scale, self.kept = neurons**-0.5, kept
        self.x, self.y = torch.from_numpy(points).to(device, kind), torch.from_numpy(targets).to(device)
        self.w = torch.randn((neurons, inputs), device=device, generator=generator)
        self.v = torch.zeros_like(self.w)
        signs = torch.randint(0, 2, (neurons, targets.shape[1]), device=device, generator=generator)
        self.a = (2 * signs - 1).to(kind)
        width = max(1, min(neurons, TILE_BYTES // (count * self.x.element_size())))
        self.tiles = [slice(first, min(first + width, neurons)) for first in range(0, neurons, width)]
        self.shift = torch.full((width,), -math.sqrt(0.4 * math.log(neurons)), device=device, dtype=kind)
        self.gradient = torch.empty(count * width, device=device, dtype=kind)
        sizes = [count * (tile.stop - tile.start) for tile in self.tiles]
        self.activations = [torch.empty(size, device=device, dtype=kind) for size in (sizes if kept else sizes[:1])]

    @staticmethod
    def memory(count: int, inputs: int, neurons: int, precision: str) -> int:
        """Bytes of weights, velocity, all activations, and what a tile needs beside them."""
        return 8 * neurons * inputs + (2 if precision == "bf16" else 4) * count * neurons + 5 * TILE_BYTES

    def outputs(self) -> torch.Tensor:
        """f (n x C); the activations of the tiles stay where they are kept."""
        f = torch.zeros_like(self.y)
        for number, tile in enumerate(self.tiles):
            f += (self._activate(number) @ self.a[tile]).float()
        return f * self.scale

    def step(self, rate: float) -> torch.Tensor:
        """Takes a step with Nesterov momentum; returns the outputs before it."""
        f = self.outputs()
        error = self.scale * (f - self.y)
        for number, tile in enumerate(self.tiles):
            gradient = self._gradient(number, error)
            w, v = self.w[tile], self.v[tile]
            # With v' = mu v + g, w' = w - rate (g + mu v') is w + rate mu v - rate (1 + mu) v', without g on its own,
            # so that the product adds it to v.
            w.add_(v, alpha=rate * MOMENTUM)
            if self.half:
                v.mul_(MOMENTUM).add_(gradient.T @ self.x)
            else:
                v.addmm_(gradient.T, self.x, beta=MOMENTUM)
            w.add_(v, alpha=-rate * (1 + MOMENTUM))
        return f

    def largest_eigenvalue(self) -> float:
        """Of the tangent kernel K (n C x n C), by power iteration.

        K z is a gradient, and the outputs that move with it.
        """
        z, norm = self.y - self.y.mean(), 0.0
        for _ in range(POWER_ITERATIONS):
            moved = torch.zeros_like(z)
            for number, tile in enumerate(self.tiles):
                self._activate(number)
                correlations = self.x @ (self._gradient(number, self.scale * z).T @ self.x).T
                correlations *= self._activated(number) > 0
                moved += (correlations @ self.a[tile]).float()
            z = self.scale * moved
            norm = float(z.norm())
            z /= norm
        return norm

    def _activated(self, number: int) -> torch.Tensor:
        shape = len(self.x), self.tiles[number].stop - self.tiles[number].start
        return self.activations[number if self.kept else 0][: shape[0] * shape[1]].view(shape)

    def _activate(self, number: int) -> torch.Tensor:
        """Computes the activations of a tile (n x tile)."""
        w = self.w[self.tiles[number]]
        w = w if self.half is None else w.to(self.half)
        h = self._activated(number)
        torch.addmm(self.shift[: len(w)], self.x, w.T, out=h)
        return h.relu_()

    def _gradient(self, number: int, error: torch.Tensor) -> torch.Tensor:
        """The gradient in the tile's correlations (n x tile)."""
        h = self._activated(number) if self.kept else self._activate(number)
        result = self.gradient[: h.numel()].view(h.shape)
        torch.matmul(error.to(h.dtype), self.a[self.tiles[number]].T, out=result)
        result *= h > 0
        return result

"""The training step in JAX, PyTorch and NumPy, single precision, all cores.

Plain gradient descent, or with momentum mu Nesterov's in the form  v = mu v + g;  W -= rate (g + mu v),  on the hidden
weights alone. A framework is imported when its trainer is made, so that a missing one harms no other.
"""

import os
from abc import ABC, abstractmethod

import numpy as np

from problem import Problem


class Trainer(ABC):
    """A network under training, ready to step: what has to be compiled is."""

    @abstractmethod
    def __init__(self, problem: Problem, hidden: np.ndarray, momentum: float) -> None:
        """From the hidden weights at start (m x d), which the trainer may change."""

    @abstractmethod
    def step(self) -> np.ndarray:
        """Takes a step; returns the outputs (n x C) before it, once the new weights are in memory."""

    @abstractmethod
    def outputs(self) -> np.ndarray:
        """The outputs (n x C) of the present weights."""

    @abstractmethod
    def weights(self) -> np.ndarray:
        """The present hidden weights (m x d)."""


class Jax(Trainer):
    """A jitted step that gives its old weights up for the new ones."""

    def __init__(self, problem: Problem, hidden: np.ndarray, momentum: float) -> None:
        import jax
        import jax.numpy as jnp

        scale = len(hidden) ** -0.5

        def outputs(w, x, a):
            return scale * (jax.nn.relu(x @ w.T - problem.threshold) @ a)

        def loss(w, x, a, y):
            f = outputs(w, x, a)
            return 0.5 * jnp.sum((f - y) ** 2), f

        def step(w, v, x, a, y):
            gradient, f = jax.grad(loss, has_aux=True)(w, x, a, y)
            if momentum:
                v = momentum * v + gradient
                gradient = gradient + momentum * v
            return w - problem.rate * gradient, v, f

        self._w = jnp.array(hidden)
        self._v = jnp.zeros_like(self._w) if momentum else None
        self._data = jnp.array(problem.points), jnp.array(problem.output), jnp.array(problem.targets)
        self._step = jax.jit(step, donate_argnums=(0, 1)).lower(self._w, self._v, *self._data).compile()
        self._outputs = jax.jit(outputs)

    def step(self) -> np.ndarray:
        self._w, self._v, f = self._step(self._w, self._v, *self._data)
        self._w.block_until_ready()
        return np.asarray(f)

    def outputs(self) -> np.ndarray:
        return np.asarray(self._outputs(self._w, *self._data[:2]))

    def weights(self) -> np.ndarray:
        return np.asarray(self._w)


class Torch(Trainer):
    """Automatic differentiation in eager mode."""

    def __init__(self, problem: Problem, hidden: np.ndarray, momentum: float) -> None:
        import torch

        torch.set_num_threads(len(os.sched_getaffinity(0)))
        self._torch, self._momentum, self._rate = torch, momentum, problem.rate
        self._w = torch.from_numpy(hidden).requires_grad_()
        self._v = torch.zeros_like(self._w) if momentum else None
        bias = torch.full((len(hidden),), -problem.threshold)
        x, a, y = (torch.from_numpy(v) for v in (problem.points, problem.output, problem.targets))
        scale = len(hidden) ** -0.5

        def loss(w):
            f = scale * (torch.relu_(torch.nn.functional.linear(x, w, bias)) @ a)
            return 0.5 * ((f - y) ** 2).sum(), f

        self._loss = loss

    def step(self) -> np.ndarray:
        loss, f = self._loss(self._w)
        loss.backward()
        with self._torch.no_grad():
            self._move(self._w.grad)
        self._w.grad = None
        return f.detach().numpy()

    def _move(self, gradient) -> None:
        self._w.sub_(gradient, alpha=self._rate)
        if self._v is not None:
            self._v.mul_(self._momentum).add_(gradient)
            self._w.sub_(self._v, alpha=self._rate * self._momentum)

    def outputs(self) -> np.ndarray:
        with self._torch.no_grad():
            return self._loss(self._w)[1].numpy()

    def weights(self) -> np.ndarray:
        return self._w.detach().numpy()


class TorchCompile(Torch):
    """The same with `torch.compile`, which needs a C++ compiler."""

    def __init__(self, problem: Problem, hidden: np.ndarray, momentum: float) -> None:
        super().__init__(problem, hidden, momentum)
        self._loss = self._torch.compile(self._loss)
        self._loss(self._w)[0].backward()
        self._w.grad = None


class NumPy(Trainer):
    """The gradient by hand, in buffers made once."""

    def __init__(self, problem: Problem, hidden: np.ndarray, momentum: float) -> None:
        self._problem, self._momentum, self._w = problem, np.float32(momentum), hidden
        self._v = np.zeros_like(hidden) if momentum else None
        self._rate, self._scale = np.float32(problem.rate), np.float32(len(hidden) ** -0.5)
        self._activations = np.empty((len(problem.points), len(hidden)), np.float32)
        self._backward = np.empty_like(self._activations)
        self._gradient = np.empty_like(hidden)

    def step(self) -> np.ndarray:
        f = self.outputs()
        gradient = self._gradient
        np.matmul(self._scale * (f - self._problem.targets), self._problem.output.T, out=self._backward)
        self._backward *= self._activations > 0
        np.matmul(self._backward.T, self._problem.points, out=gradient)
        if self._v is not None:
            self._v *= self._momentum
            self._v += gradient
            gradient += self._momentum * self._v
        gradient *= self._rate
        self._w -= gradient
        return f

    def outputs(self) -> np.ndarray:
        h = np.matmul(self._problem.points, self._w.T, out=self._activations)
        h -= np.float32(self._problem.threshold)
        np.maximum(h, 0, out=h)
        return self._scale * (h @ self._problem.output)

    def weights(self) -> np.ndarray:
        return self._w


TRAINERS: dict[str, type[Trainer]] = {"jax": Jax, "torch": Torch, "torch-compile": TorchCompile, "numpy": NumPy}

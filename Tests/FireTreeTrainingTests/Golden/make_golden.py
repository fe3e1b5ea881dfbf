"""Write ten_steps.json: ten steps of full-batch training in JAX, float64, that every engine must reproduce.

    pip install jax && python make_golden.py > ten_steps.json

The gradient is JAX's own, so nothing here is derived the way FireTree derives it. Momentum follows PyTorch's SGD.
"""

import json

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp  # noqa: E402

N, D, M, C, THRESHOLD, RATE, STEPS = 12, 5, 40, 3, 0.5, 0.4, 10


def main() -> None:
    random = np.random.default_rng(20231210)
    # Inputs are rounded to float32, so that Swift starts from the same numbers.
    x = random.standard_normal((N, D))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    w = random.standard_normal((M, D)).astype(np.float32)
    a = random.choice([-1.0, 1.0], (M, C)).astype(np.float32)
    y = random.standard_normal((N, C)).astype(np.float32)
    x64, a64, y64 = (jnp.asarray(v, dtype=jnp.float64) for v in (x, a, y))

    def loss(weights):
        f = jnp.maximum(x64 @ weights.T - THRESHOLD, 0) @ a64 / np.sqrt(M)
        return 0.5 * jnp.sum((f - y64) ** 2)

    def run(kind, mu):
        weights, velocity = jnp.asarray(w, dtype=jnp.float64), jnp.zeros((M, D))
        losses = [float(loss(weights))]
        for _ in range(STEPS):
            g = jax.grad(loss)(weights)
            velocity = mu * velocity + g
            weights = weights - RATE * {"none": g, "heavy-ball": velocity, "nesterov": g + mu * velocity}[kind]
            losses.append(float(loss(weights)))
        margin = float(jnp.min(jnp.abs(x64 @ weights.T - THRESHOLD)))
        return {"momentum": kind, "mu": mu, "losses": losses, "hidden_weights": weights.tolist(), "margin": margin}

    print(json.dumps({
        "threshold": THRESHOLD, "learning_rate": RATE, "points": x.tolist(), "targets": y.tolist(),
        "hidden_weights": w.tolist(), "output_weights": a.tolist(),
        "runs": [run("none", 0.0), run("heavy-ball", 0.8), run("nesterov", 0.9)],
    }))


if __name__ == "__main__":
    main()

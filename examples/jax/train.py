#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits a line by gradient descent on the GPU, and says how much memory JAX has taken for itself."""
import argparse
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--points", type=int, default=1_000_000)
    options = parser.parse_args()
    try:
        import jax
        import jax.numpy as jnp
    except ImportError:
        sys.exit('train.py: JAX is not installed: pip install "jax[cuda12]"')
    if jax.default_backend() != "gpu":
        sys.exit("train.py: JAX sees no GPU")

    device = jax.devices()[0]
    x = jax.random.normal(jax.random.key(0), (options.points,))
    y = 3.0 * x + 2.0

    @jax.jit
    def step(weights):
        gradient = jax.grad(lambda w: jnp.mean((w[0] * x + w[1] - y) ** 2))(weights)
        return weights - 0.1 * gradient

    weights = jnp.zeros(2)
    for _ in range(options.steps):
        weights = step(weights)
    slope, offset = weights.tolist()
    print(f"y = {slope:.3f} x + {offset:.3f}")
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        print(f"JAX allows itself {stats['bytes_limit'] / 2**30:.1f} GiB of {device.device_kind}")


if __name__ == "__main__":
    main()

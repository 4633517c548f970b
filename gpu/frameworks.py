#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A framework that takes memory until it is refused; says and is told the same lines as programs/scenario.h has.

frameworks.py torch|cupy|cupy-async|jax [--block BYTES] [--most BYTES] [--pairs MILLISECONDS]
What is not installed, or sees no GPU, is "skip why=…", with underscores for blanks.
"""
import argparse
import gc
import statistics
import sys
import time


class Absent(Exception):
    """Why the framework cannot be tried."""


class Torch:
    def __init__(self):
        import torch

        if not torch.cuda.is_available():
            raise Absent(f"torch {torch.__version__} sees no GPU")
        self._torch = torch
        torch.cuda.init()
        self.total = torch.cuda.mem_get_info()[1]

    def take(self, size):
        return self._torch.ones(size, dtype=self._torch.uint8, device="cuda")

    def settle(self):
        self._torch.cuda.synchronize()
        self._torch.cuda.empty_cache()


class Cupy:
    def __init__(self, asynchronous=False):
        import cupy

        self._cupy = cupy
        try:
            self.total = cupy.cuda.runtime.memGetInfo()[1]
        except cupy.cuda.runtime.CUDARuntimeError as e:
            raise Absent(f"cupy {cupy.__version__} sees no GPU: {e}") from e
        self._pool = cupy.cuda.MemoryAsyncPool() if asynchronous else cupy.cuda.MemoryPool()
        cupy.cuda.set_allocator(self._pool.malloc)

    def take(self, size):
        return self._cupy.empty(size, dtype=self._cupy.uint8)

    def settle(self):
        self._cupy.cuda.Device(0).synchronize()
        self._pool.free_all_blocks()


class Jax:
    total = 0  # it does not tell

    def __init__(self):
        import jax

        if jax.default_backend() != "gpu":
            raise Absent(f"jax {jax.__version__} sees no GPU")
        self._numpy = jax.numpy

    def take(self, size):
        return self._numpy.ones(size, dtype=self._numpy.uint8).block_until_ready()

    def settle(self):
        pass


FRAMEWORKS = {"torch": Torch, "cupy": Cupy, "cupy-async": lambda: Cupy(asynchronous=True), "jax": Jax}


def say(line):
    print(line, flush=True)


def refusal(error):
    """How a framework says code 2; another error is named."""
    text = f"{type(error).__name__} {error}"
    return "OutOfMemory" if any(sign in text for sign in ("OutOfMemory", "RESOURCE_EXHAUSTED", "out of memory")) else type(error).__name__


def fill(framework, blocks, size, most):
    while len(blocks) * size <= most:
        try:
            blocks.append(framework.take(size))
        except Exception as e:  # each has its own kinds
            return refusal(e)
    return 0


def until_refused(framework, size, most):
    blocks = []
    for order in map(str.strip, sys.stdin):
        if order != "fill":
            del blocks[len(blocks) // 2 if order == "again" else 0:]
            # The refusal's traceback held on to what was being made.
            gc.collect()
            framework.settle()
        if order == "free":
            say("freed failed=0")
            continue
        code = fill(framework, blocks, size, most)
        say(f"{'again' if order == 'again' else 'held'} bytes={len(blocks) * size} blocks={len(blocks)} code={code}")


def pairs(framework, size, milliseconds):
    samples = []
    end = time.monotonic() + milliseconds / 1000
    while not samples or time.monotonic() < end:
        start = time.perf_counter_ns()
        block = framework.take(size)
        del block
        framework.settle()
        samples.append(time.perf_counter_ns() - start)
    say(f"pair ns={round(statistics.median(samples))} count={len(samples)}")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("framework", choices=FRAMEWORKS)
    arguments.add_argument("--block", type=int, default=2 << 20)
    arguments.add_argument("--most", type=int, default=sys.maxsize)
    arguments.add_argument("--pairs", type=int, default=0)
    options = arguments.parse_args()
    try:
        framework = FRAMEWORKS[options.framework]()
    except (Absent, ImportError) as e:
        say("skip why=" + "_".join(str(e).split()))
        return
    # Its first block brings contexts, modules and streams with it.
    first = framework.take(options.block)
    del first
    framework.settle()
    if options.pairs:
        pairs(framework, options.block, options.pairs)
    else:
        say(f"ready total={framework.total}")
        until_refused(framework, options.block, options.most)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a training job does, through ctypes: train.py [--step 1M] [--exit CODE] takes memory until CUDA says that there is
no more ("held=N refused=C ..."), frees half of it, takes it again ("again=N refused=C"), and goes on.
train.py --take SIZE takes that much in steps ("held=N refused=C"), and works on until it is ended."""
import argparse
import ctypes
import os
import signal
import sys

OUT_OF_MEMORY = 2


def size(text):
    return int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1]] if text[-1] in "KMG" else int(text)


def load():
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fakecuda", "libcudart.so")
    for name in ("libcudart.so.13", "libcudart.so", beside):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    sys.exit("train.py: no libcudart.so.13: set LD_LIBRARY_PATH to the folder that holds it")


def fill(cuda, step, most=sys.maxsize):
    blocks = []
    while len(blocks) < most:
        block = ctypes.c_void_p()
        code = cuda.cudaMalloc(ctypes.byref(block), ctypes.c_size_t(step))
        if code != 0:
            return blocks, code
        blocks.append(block)
    return blocks, 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", type=size, default=1 << 20)
    parser.add_argument("--exit", type=int, default=0)
    parser.add_argument("--take", type=size)
    options = parser.parse_args()
    cuda = load()
    cuda.cudaGetErrorName.restype = ctypes.c_char_p

    if options.take is not None:
        blocks, code = fill(cuda, options.step, options.take // options.step)
        print(f"held={len(blocks)} refused={code}", flush=True)
        signal.pause()

    blocks, code = fill(cuda, options.step)
    available, total = ctypes.c_size_t(), ctypes.c_size_t()
    cuda.cudaMemGetInfo(ctypes.byref(available), ctypes.byref(total))
    print(f"held={len(blocks)} refused={code} error={cuda.cudaGetErrorName(code).decode()} "
          f"free={available.value} total={total.value}", flush=True)
    if code != OUT_OF_MEMORY or cuda.cudaGetLastError() != OUT_OF_MEMORY:
        return 1

    half = len(blocks) // 2
    for block in blocks[half:]:
        if cuda.cudaFree(block) != 0:
            return 1
    again, code = fill(cuda, options.step)
    print(f"again={half + len(again)} refused={code}", flush=True)
    for block in blocks[:half] + again:
        if cuda.cudaFree(block) != 0:
            return 1
    print("done", flush=True)
    return options.exit


if __name__ == "__main__":
    sys.exit(main())

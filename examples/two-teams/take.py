#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes GPU memory, a GiB at a time, as far as it gets or is told to; says how much, and keeps it until its standard input
ends: take.py [GIB]"""
import ctypes
import sys

GIB = 1 << 30


def runtime():
    for name in ("libcudart.so.13", "libcudart.so.12", "libcudart.so"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    sys.exit("take.py: no CUDA runtime (libcudart.so): set LD_LIBRARY_PATH to the folder that holds it")


def main():
    cuda = runtime()
    most = int(sys.argv[1]) if len(sys.argv) > 1 else sys.maxsize
    taken = 0
    while taken < most and cuda.cudaMalloc(ctypes.byref(ctypes.c_void_p()), ctypes.c_size_t(GIB)) == 0:
        taken += 1
    print(taken, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

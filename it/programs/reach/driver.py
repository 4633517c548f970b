#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The driver and NVML by ctypes: driver.py [BLOCKS], of 1 MiB, until refused without BLOCKS.

Says "held=N refused=C", then "cuMemGetInfo free=F total=T", "cuDeviceTotalMem total=T",
"nvmlDeviceGetMemoryInfo total=T free=F used=U" and "nvmlDeviceGetMemoryInfo_v2 …". Keeps the memory until stdin ends;
then frees it: "freed"."""

import ctypes
import sys
from ctypes import byref, c_int, c_size_t, c_uint, c_ulonglong, c_void_p

MIB = 1 << 20


class Memory(ctypes.Structure):
    _fields_ = [(name, c_ulonglong) for name in ("total", "free", "used")]


class MemoryV2(ctypes.Structure):
    _fields_ = [("version", c_uint)] + [(name, c_ulonglong) for name in ("total", "reserved", "free", "used")]


def main():
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 16
    cuda = ctypes.CDLL("libcuda.so.1")
    context = c_void_p()
    for code in (cuda.cuInit(0), cuda.cuDevicePrimaryCtxRetain(byref(context), 0), cuda.cuCtxSetCurrent(context)):
        if code != 0:
            sys.exit(f"the driver says {code}")

    blocks, code = [], 0
    while len(blocks) < most:
        block = c_ulonglong()
        code = cuda.cuMemAlloc_v2(byref(block), c_size_t(MIB))
        if code != 0:
            break
        blocks.append(block)
    say(f"held={len(blocks)} refused={code}")
    free, total = c_size_t(), c_size_t()
    if cuda.cuMemGetInfo_v2(byref(free), byref(total)) == 0:
        say(f"cuMemGetInfo free={free.value} total={total.value}")
    if cuda.cuDeviceTotalMem_v2(byref(total), 0) == 0:
        say(f"cuDeviceTotalMem total={total.value}")
    look_at_nvml(cuda)

    sys.stdin.read()
    if all(cuda.cuMemFree_v2(block) == 0 for block in blocks):
        say("freed")


def look_at_nvml(cuda):
    nvml = ctypes.CDLL("libnvidia-ml.so.1")
    device = c_void_p()
    uuid = (ctypes.c_ubyte * 16)()
    if nvml.nvmlInit_v2() != 0 or cuda.cuDeviceGetUuid_v2(uuid, 0) != 0:
        return
    digits = bytes(uuid).hex()
    name = "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if nvml.nvmlDeviceGetHandleByUUID(name.encode(), byref(device)) != 0:
        return
    memory, memory_v2 = Memory(), MemoryV2(version=ctypes.sizeof(MemoryV2) | 2 << 24)
    if nvml.nvmlDeviceGetMemoryInfo(device, byref(memory)) == 0:
        say(f"nvmlDeviceGetMemoryInfo total={memory.total} free={memory.free} used={memory.used}")
    if nvml.nvmlDeviceGetMemoryInfo_v2(device, byref(memory_v2)) == 0:
        say(f"nvmlDeviceGetMemoryInfo_v2 total={memory_v2.total} free={memory_v2.free} used={memory_v2.used}")


def say(line):
    print(line, flush=True)


if __name__ == "__main__":
    main()

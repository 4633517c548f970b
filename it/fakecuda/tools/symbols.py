#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/driver/symbols.def from a CUDA toolkit's headers: python3 tools/symbols.py INCLUDE_DIR > src/driver/symbols.def

Only facts leave the headers: which names the driver API has, in which CUDA version each ABI of a name appeared, and
which of them have a per-thread-default-stream twin (_ptsz or _ptds). Not part of the build: the list is committed.
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

include = Path(sys.argv[1])
headers = ["cuda", "cudaProfiler", "cudaGL", "cudaEGL", "cudaVDPAU"]
source = "\n".join((include / f"{h}.h").read_text() for h in headers)
typedefs = "\n".join((include / f"{h}Typedefs.h").read_text() for h in headers)

ALIAS = r"^\s*#\s*define\s+cu[A-Z]\w*\s+"
TWIN = re.compile(ALIAS + r"__CUDA_API_(PTDS|PTSZ)\((cu\w+)\)", re.M)
NAME = re.compile(r"\bCUDAAPI\s+(cu[A-Z]\w*)\s*\(")
RENAMED = re.compile(ALIAS + r"(cu[A-Z]\w*)\s*$", re.M)
VERSION = re.compile(r"\bPFN_(cu[A-Z]\w*?)_v(\d{4,5})(_pt(?:ds|sz))?\b")
ELSEWHERE = {"cuGetProcAddress_v2_ptsz", "cuWGLGetDevice"}  # inline in the header; Windows alone

twin = {name: kind.lower() for kind, name in TWIN.findall(source)}
names = set(NAME.findall(source)) | set(RENAMED.findall(source)) | set(twin)
names |= {f"{name}_{kind}" for name, kind in twin.items()}
names -= ELSEWHERE

versions = defaultdict(set)  # (base name, per-thread twin?) -> CUDA versions in which its ABI changed
for base, version, suffix in VERSION.findall(typedefs):
    versions[base, bool(suffix)].add(int(version))


def split(symbol):
    """cuMemcpyHtoD_v2_ptds -> (cuMemcpyHtoD, 2, True)"""
    base, abi, suffix = re.fullmatch(r"(\w+?)(?:_v(\d))?(_pt(?:ds|sz))?", symbol).groups()
    return base, int(abi or 1), bool(suffix)


abis = defaultdict(set)
for symbol in names:
    base, abi, per_thread = split(symbol)
    abis[base, per_thread].add(abi)

print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Every name of the driver API of CUDA 13.0, sorted by base name, then version: SYMBOL(exported name, base name,")
print(" * first CUDA version with this ABI, 1 for the per-thread-default-stream twin). Written by tools/symbols.py. */")
rows = []
for symbol in names:
    base, abi, per_thread = split(symbol)
    known, order = sorted(versions[base, per_thread]), sorted(abis[base, per_thread])
    if len(known) != len(order):
        sys.exit(f"{base}: ABIs {order}, but versions {known}")
    rows.append((base, known[order.index(abi)], per_thread, symbol))
for base, version, per_thread, symbol in sorted(rows):
    print(f"SYMBOL({symbol}, {base}, {version}, {int(per_thread)})")

# SPDX-License-Identifier: Apache-2.0
"""The C programs of the scenarios, by whatever compiler is there. What cannot be had is said in words, in its place."""
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SOURCES = HERE / "programs"
FAMILIES = [
    SOURCES / f"{name}.c"
    for name in ("families", "driver", "scenario", "linear", "pools", "physical", "arrays", "graphs", "ipc")
]
RUNTIME = [SOURCES / "runtime.c", SOURCES / "scenario.c"]
STRICT = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
# A CUDA toolkit has the same declarations: the program comes out the same with either, byte for byte.
HEADERS = ROOT / "it" / "fakecuda" / "include"


def families(out):
    """The program that needs no CUDA toolkit: nothing is linked with it."""
    out.mkdir(parents=True, exist_ok=True)
    command = ["gcc", *STRICT, f"-I{HEADERS}", "-o", out / "families", *FAMILIES, "-ldl"]
    subprocess.run([str(word) for word in command], check=True)
    return out / "families"


def _compiled(command):
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    return None if done.returncode == 0 else f"{command[0]} could not compile it: {done.stdout.strip()[-300:]}"


def _runtimes(out, variants):
    return {name: _compiled(command) or [out / name] for name, command in variants.items()}


def _with_nvcc(out):
    nvcc = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    if not nvcc:
        return {name: "no nvcc here" for name in ("runtime-shared", "runtime-static", "runtime-static-ptds")}
    library = Path(nvcc).resolve().parent.parent / "lib64"

    def nvcc_makes(name, kind, *flags):
        return [nvcc, "-O2", "-cudart", kind, *flags, "-Xlinker", f"-rpath={library}", "-o", out / name, *RUNTIME]

    return _runtimes(out, {
        "runtime-shared": nvcc_makes("runtime-shared", "shared"),
        "runtime-static": nvcc_makes("runtime-static", "static"),
        "runtime-static-ptds": nvcc_makes("runtime-static-ptds", "static", "--default-stream", "per-thread"),
    })


def _with_the_simulated_gpu(out, fakecuda):
    def gcc_makes(name, *link):
        return ["gcc", *STRICT, f"-I{HEADERS}", "-o", out / name, *RUNTIME, f"-L{fakecuda}", f"-Wl,-rpath,{fakecuda}", *link]

    static = ["-lcudart_static", "-ldl", "-lrt", "-lpthread"]
    return _runtimes(out, {
        "runtime-shared": gcc_makes("runtime-shared", "-lcudart"),
        "runtime-static": gcc_makes("runtime-static", *static),
        "runtime-static-ptds": gcc_makes("runtime-static-ptds", "-DCUDA_API_PER_THREAD_DEFAULT_STREAM", *static),
    })


def programs(out, prebuilt, fakecuda=None):
    """By the name that scenarios use: how the program is called, or why there is none.

    out: an empty folder of its own; prebuilt: where `families` may lie; fakecuda: the simulated GPU, else a real one
    """
    found = dict(_with_the_simulated_gpu(out, fakecuda) if fakecuda else _with_nvcc(out))
    if (prebuilt / "families").exists():
        found["families"] = [prebuilt / "families"]
    else:
        found["families"] = [families(out)] if shutil.which("gcc") else f"no {prebuilt}/families, and no gcc to make it"
    found["frameworks"] = (
        "the simulated GPU computes nothing" if fakecuda else [shutil.which("python3") or sys.executable, HERE / "frameworks.py"]
    )
    return found

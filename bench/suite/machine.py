# SPDX-License-Identifier: Apache-2.0
"""The machine that the figures are of."""

import os
import platform
import subprocess
from pathlib import Path


def described() -> dict:
    load = os.getloadavg()[0]
    return {
        "cpu": cpu_field("model name"),
        "mhz": cpu_field("cpu MHz"),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "virtual": "hypervisor" in cpu_field("flags").split(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "compiler": first_line(["gcc", "--version"]),
        "python": platform.python_version(),
        "load": load,
        "busy": load > os.cpu_count() / 2,
    }


def cpu_field(name: str) -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return "unknown"


def first_line(command: list[str]) -> str:
    return subprocess.check_output(command, text=True).splitlines()[0]

# SPDX-License-Identifier: Apache-2.0
"""The daemon's start, restart and memory; and the start of a program under `gpuslice run`."""

import signal
import subprocess
import time
from pathlib import Path

from suite.daemon import Failed
from suite.profile import Profile
from suite.rounds import in_turns, median
from suite.stage import ROOT, Stage

STEP = 4096  # bytes of a charge of `sessions`
SETTLE_S = 2.0


def start(stage: Stage, profile: Profile) -> dict:
    """Seconds from exec to ready, with an empty state, and what it holds of main memory when it has come to rest."""
    seconds = []
    for _ in range(profile.starts):
        daemon = stage.daemon()
        daemon.stop()
        seconds.append(daemon.start_seconds)
    daemon = stage.daemon()
    time.sleep(SETTLE_S)
    return {
        "ready_s": seconds,
        "idle_mib": daemon.resident_mib(),
        "start_up_cache": (stage.tree / "lib" / "daemon" / "gpusliced.aot").exists(),
    }


def restart(stage: Stage, profile: Profile) -> dict:
    """kill -9 of a daemon with many sessions, each with a living process, and its start on what it left behind."""
    daemon = stage.daemon()
    before = time.monotonic()
    stage.program("sessions", daemon.socket, profile.sessions, profile.charges)
    filled = time.monotonic() - before
    expected = profile.sessions * profile.charges * STEP
    assert_used(daemon, expected, "before the restart")
    resident = daemon.resident_mib()
    daemon.stop(signal.SIGKILL)
    before = time.monotonic()
    ready = daemon.start()
    assert_used(daemon, expected, "after the restart")
    known = time.monotonic() - before
    time.sleep(SETTLE_S)
    return {
        "sessions": profile.sessions,
        "charges": profile.charges,
        "filled_s": filled,
        "ready_s": ready,
        "known_s": known,
        "resident_mib": resident,
        "resident_after_mib": daemon.resident_mib(),
        "used_bytes": expected,
    }


def assert_used(daemon, expected: int, when: str) -> None:
    deadline = time.monotonic() + 60
    while (used := daemon.metrics()["gpuslice_used_bytes"]) != expected:
        if time.monotonic() > deadline:
            raise Failed(f"{when} the sessions hold {used:.0f} bytes; {expected} were charged")
        time.sleep(0.05)


def run(stage: Stage, profile: Profile) -> dict:
    """Milliseconds: `gpuslice run -- true` and `ps` with a daemon that is there, `true` itself, an empty Java main."""
    java = Path(subprocess.check_output([ROOT / "tools" / "find-jdk"], text=True).strip()) / "bin"
    classes = stage.build / "bench"
    subprocess.run([java / "javac", "-d", classes, ROOT / "bench" / "programs" / "Empty.java"], check=True)
    environment = stage.environment | {"GPUSLICE_IPC_SOCK": str(stage.daemon().socket)}
    commands = {
        "run": [stage.tree / "bin" / "gpuslice", "run", "--limit", "1GB", "--", "true"],
        "ps": [stage.tree / "bin" / "gpuslice", "ps"],
        "true": ["true"],
        "java": [
            java / "java",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
            "-cp",
            classes,
            "Empty",
        ],
    }
    return in_turns(
        {name: lambda c=command: milliseconds(c, environment) for name, command in commands.items()}, profile.trials
    )


def milliseconds(command: list, environment: dict[str, str]) -> float:
    before = time.monotonic()
    subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.monotonic() - before) * 1000


def start_summary(figures: dict) -> list[str]:
    return [f"ready after {median(figures['ready_s']):.2f} s, {figures['idle_mib']:.0f} MiB resident when idle"]


def run_summary(figures: dict) -> list[str]:
    return ["p50 " + ", ".join(f"{name} {median(taken):.1f} ms" for name, taken in figures.items())]


def restart_summary(figures: dict) -> list[str]:
    return [
        f"{figures['sessions']} sessions of {figures['charges']} charges: ready after {figures['ready_s']:.2f} s,"
        f" all known after {figures['known_s']:.2f} s; {figures['resident_mib']:.0f} MiB before,"
        f" {figures['resident_after_mib']:.0f} after"
    ]

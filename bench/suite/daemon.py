# SPDX-License-Identifier: Apache-2.0
"""A daemon with a state of its own, started, asked and watched."""

import json
import os
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

# Straight to the daemon, whatever proxy the machine has.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
PATIENCE = 120  # seconds; only a hang takes that long


class Failed(Exception):
    """Something that is not a figure: the benchmark ends."""


class Daemon:
    def __init__(self, tree: Path, folder: Path, environment: dict[str, str], prefix: list[str]):
        self.socket = folder / "gpuslice.sock"
        self.audit = folder / "audit.jsonl"
        self._command = [*prefix, str(tree / "bin" / "gpusliced")]
        self._environment = environment | {
            "GPUSLICE_IPC_SOCK": str(self.socket),
            "GPUSLICE_STATE_DIR": str(folder / "state"),
            "GPUSLICE_AUDIT_FILE": str(self.audit),
            "GPUSLICE_LOG_LEVEL": "warn",
            "GPUSLICE_HTTP_ADDRESS": "127.0.0.1:0",
        }
        self._process: subprocess.Popen | None = None
        self.start_seconds = self.start()

    def start(self) -> float:
        """Seconds until it is ready."""
        reader, writer = os.pipe()
        before = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            env=self._environment | {"GPUSLICE_READY_FD": str(writer)},
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as ready:
            if ready.readline() != "READY\n":
                raise Failed("the daemon did not become ready; what it says is above")
        seconds = time.monotonic() - before
        self._http = json.loads(Path(f"{self.socket}.http.json").read_text())
        return seconds

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None

    # --- asked

    @property
    def port(self) -> int:
        return urllib.parse.urlsplit(self._http["url"]).port

    @property
    def token(self) -> str:
        return self._http["token"]

    def call(self, method: str, path: str, body: dict | None = None):
        request = urllib.request.Request(
            self._http["url"].rstrip("/") + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self._http['token']}", "Content-Type": "application/json"},
        )
        with DIRECT.open(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def open_session(self, limit: str) -> dict[str, str]:
        """The environment that makes a program its member, but for LD_PRELOAD."""
        opened = json.loads(self.call("POST", "/sessions", {"limit": limit}))
        return {
            "GPUSLICE_SESSION": opened["id"],
            "GPUSLICE_IPC_TOKEN": opened["token"],
            "GPUSLICE_IPC_SOCK": str(self.socket),
        }

    def metrics(self) -> dict[str, float]:
        """Each metric summed over its labels. Counters lag a second behind, gauges a quarter."""
        sums: dict[str, float] = {}
        for line in self.call("GET", "/metrics").splitlines():
            if line and not line.startswith("#"):
                name, value = line.split("{")[0].split(" ")[0], float(line.rsplit(" ", 1)[1])
                sums[name] = sums.get(name, 0) + value
        return sums

    # --- watched

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_seconds(self) -> float:
        """CPU of all its threads, ended ones too: the clock that clock_getcpuclockid(3) names."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def resident_mib(self) -> float:
        return float(status_field(self.pid, "VmRSS").split()[0]) / 1024


def status_field(pid: int, name: str) -> str:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    raise Failed(f"/proc/{pid}/status has no {name}")

# SPDX-License-Identifier: Apache-2.0
"""The daemon, which may be away at any time."""

import contextlib
import http.client
import json
import os
import signal
import threading
import time
import urllib.error
from pathlib import Path

from suite.daemon import Daemon, Failed

from chaos.log import Log

AWAY = (OSError, http.client.HTTPException, ValueError)
GONE: dict = {}
GONE_STATUS = 404
PATIENCE = 180  # seconds; no restart takes that long, nor two of them on a machine that has much else to do
STOP_POINT_PATIENCE = 3


class Service:
    """`call` asks whatever daemon runs; killing and starting are one thread's."""

    def __init__(self, tree: Path, stops: Path, folder: Path, environment: dict[str, str], log: Log):
        self._log = log
        self._running = threading.Lock()
        self._options = folder / "java.options"
        self._options.write_text("")
        self._point, self._stops = folder / "stop-point", stops
        self._daemon = Daemon(tree, folder, environment | {"GPUSLICE_JAVA_OPTS": f"@{self._options}"}, [])
        self.socket = self._daemon.socket
        self.last_start = self.longest_start = self._daemon.start_seconds

    def kill_and_start(self, away: float) -> None:
        with self._running:
            self._daemon.stop(signal.SIGKILL)
            time.sleep(away)
            self._start()

    def _start(self) -> None:
        try:
            self.last_start = self._daemon.start()
            self.longest_start = max(self.longest_start, self.last_start)
        except Failed as why:
            self._log.violation(f"the daemon did not start again: {why}")
            raise

    def kill_while_it_starts(self, after: float) -> None:
        """Its recovery is killed, too; the one after it must do."""
        with self._running:
            self._daemon.stop(signal.SIGKILL)
            timer = threading.Timer(after, self._kill)
            timer.start()
            self._try_to_start()
            timer.join()
            self._daemon.stop(signal.SIGKILL)
            self._start()

    def kill_at_a_stop_point(self, count: int) -> str | None:
        """At the point that it passes as the `count`th, recovery included; None: it did not pass so many."""
        with self._running:
            self._daemon.stop(signal.SIGKILL)
            self._point.unlink(missing_ok=True)
            self._options.write_text(f'"-javaagent:{self._stops}={count},{self._point}"\n')
            self._try_to_start()
            end = time.monotonic() + STOP_POINT_PATIENCE
            while not self._has_ended() and time.monotonic() < end:
                time.sleep(0.005)
            self._options.write_text("")
            self._daemon.stop(signal.SIGKILL)
            self._start()
        return self._point.read_text() if self._point.exists() else None

    def _kill(self) -> None:
        with contextlib.suppress(AttributeError, ProcessLookupError):  # not there yet, or not any more
            os.kill(self._daemon.pid, signal.SIGKILL)

    def _try_to_start(self) -> None:
        try:
            self._daemon.start()
        except Failed:
            pass  # killed meanwhile

    def _has_ended(self) -> bool:
        """And is left for whoever waits for it."""
        return os.waitid(os.P_PID, self._daemon.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def freeze(self, seconds: float) -> None:
        with self._running:
            os.kill(self._daemon.pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.kill(self._daemon.pid, signal.SIGCONT)

    def call(self, method: str, path: str, body: dict | None = None) -> dict | None:
        """None: no answer, or a refusal, and whether it was done is not known. GONE: there is no such session."""
        try:
            return json.loads(self._daemon.call(method, path, body))
        except urllib.error.HTTPError as refused:
            if refused.code == GONE_STATUS:
                return GONE
        except AWAY:
            pass
        self._log.done["requests without a good answer"] += 1
        return None

    def insist(self, method: str, path: str, body: dict | None = None) -> dict:
        """Again and again while the daemon is away. GONE also when that takes longer than it may."""
        end = time.monotonic() + PATIENCE
        while (answer := self.call(method, path, body)) is None:
            if time.monotonic() > end:
                self._log.violation(f"{method} {path} {body} had no good answer for {PATIENCE} s")
                return GONE
            time.sleep(0.05)
        return answer

    def session(self, session: str) -> dict:
        return self.insist("GET", f"/sessions/{session}")

    def stop(self) -> None:
        with self._running:
            self._daemon.stop()

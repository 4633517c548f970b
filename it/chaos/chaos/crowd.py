# SPDX-License-Identifier: Apache-2.0
"""The guests of all lanes: started, found wherever they came from, and their ends looked at."""

import contextlib
import ctypes
import os
import signal
from pathlib import Path

from chaos.board import GUEST_NAMES, Board, is_guest, stat
from chaos.lane import Lane
from chaos.log import Log

PR_SET_CHILD_SUBREAPER = 36


class Crowd:
    def __init__(self, program: Path, board: Board, environment: dict[str, str], without: str, log: Log):
        # Those whose parents are gone become our children, so that no end goes unseen.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._program, self._board, self._environment, self._log = program, board, environment, log
        self._without = without

    def start(self, lane: Lane, seed: int) -> int:
        kinds = "exact" if lane.exact else "any"
        without = self._without if lane.forks else f"{self._without},fork-exec,fork-stay"
        words = [str(self._program), str(self._board.path), str(lane.number), str(seed), kinds, without]
        environment = self._environment | lane.environment | {"FAKECUDA_GROUP": lane.name}
        self._log.event("guests started", f"in {lane.name}")
        return os.posix_spawn(words[0], words, environment)

    def size(self) -> int:
        """Those that are dead and not buried included."""
        return len(guests_of_ours())

    def send(self, pid: int, how: signal.Signals) -> bool:
        try:
            os.kill(pid, how)
            return True
        except ProcessLookupError:
            return False

    def wake(self) -> None:
        for pid, _, _ in self._board.players():
            self.send(pid, signal.SIGCONT)

    def of_lane(self, lane: int) -> list[int]:
        """All that live, of those whose parents are gone or ourselves."""
        return [pid for pid in guests_of_ours() if is_guest(pid) and words_of(pid)[2:3] == [str(lane)]]

    def bury(self) -> None:
        """Nobody but us kills guests, and none of them ends in any other way but well."""
        for pid in guests_of_ours():
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue  # another thread was first
            code = os.waitstatus_to_exitcode(status) if found else 0
            if code not in (0, -signal.SIGKILL):
                self._log.violation(f"a guest, pid {pid}, ended with {code}{self._last_words(pid)}")

    def _last_words(self, pid: int) -> str:
        """Where it was (guest.c, tell_where)."""
        file = Path(f"{self._board.path}.crash-{pid}")
        return "\n  " + file.read_text().replace("\n", "\n  ") if file.exists() else ""

    def end(self) -> None:
        for pid in guests_of_ours():
            self.send(pid, signal.SIGKILL)


def guests_of_ours() -> list[int]:
    """Children of any of our threads, dead ones included."""
    children: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            children |= {int(pid) for pid in (task / "children").read_text().split()}
    return [pid for pid in children if (known := stat(pid)) is not None and known.name in GUEST_NAMES]


def words_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []

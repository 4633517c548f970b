# SPDX-License-Identifier: Apache-2.0
"""The board that the guests have mapped too: board.h, with its offsets."""

import fcntl
import mmap
import struct
from pathlib import Path
from typing import NamedTuple

PLAYERS, OFFERS = 4096, 64
COUNTS = ("steps", "denials", "forks", "execs", "exports", "imports", "longest_us")
COUNT_AT, OFFERS_AT, PLAYERS_AT = 16, 144, 5264
OFFER, PLAYER = 80, 16
GUEST_NAMES = ("chaos-guest", "exe")  # one that was started from /proc/self/exe has that for a name
F_OFD_SETLK = 37
NONE, WRITTEN, MADE, OPEN = range(4)


class Board:
    def __init__(self, path: Path):
        self.path = path
        self._file = open(path, "w+b")
        self._file.truncate(PLAYERS_AT + PLAYERS * PLAYER)
        self._map = mmap.mmap(self._file.fileno(), 0)
        # Goes with us, however we end, and the guests with it.
        fcntl.fcntl(self._file, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
        self.round = 0

    def _get(self, at: int) -> int:
        return struct.unpack_from("<I", self._map, at)[0]

    def _put(self, at: int, value: int) -> None:
        struct.pack_into("<I", self._map, at, value)

    def turn(self) -> int:
        """From churning to quiet, or back; the round's number."""
        self.round += 1
        self._put(0, self.round)
        return self.round

    def allow_forks(self, number: int) -> None:
        """So many more from now on, whatever was left."""
        self._put(4, number)

    def counts(self) -> dict[str, int]:
        return dict(zip(COUNTS, struct.unpack_from(f"<{len(COUNTS)}Q", self._map, COUNT_AT)))

    def players(self) -> list[tuple[int, int, int]]:
        """Process, lane and last quiet round of everybody that is alive."""
        players = struct.iter_unpack("<IIII", self._map[PLAYERS_AT:])
        return [(pid, lane, quiet) for pid, lane, quiet, _ in players if pid != 0 and is_guest(pid)]

    def of_lane(self, lane: int) -> list[int]:
        return [pid for pid, where, _ in self.players() if where == lane]

    def made(self) -> list[int]:
        """The offers that wait to be opened."""
        return [at for at in self._offers() if self._get(at) == MADE]

    def open(self, offer: int) -> None:
        self._put(offer, OPEN)

    def withdraw(self, lane: int | None = None) -> None:
        """What nobody who lives makes: of a lane without processes; or, while all are quiet, what one died at."""
        for at in self._offers():
            state, of = struct.unpack_from("<II", self._map, at)
            if state == WRITTEN if lane is None else of == lane and state != WRITTEN:
                self._put(at, NONE)

    def _offers(self) -> range:
        return range(OFFERS_AT, OFFERS_AT + OFFERS * OFFER, OFFER)


class Stat(NamedTuple):
    name: str
    state: str


def stat(pid: int) -> Stat | None:
    """None: there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = text[text.index("(") + 1 :].rsplit(")", 1)
    return Stat(name, rest.split()[0])


def is_guest(pid: int) -> bool:
    """Alive, and not another program that has the number by now."""
    known = stat(pid)
    return known is not None and known.name in GUEST_NAMES and known.state not in "ZX"

# SPDX-License-Identifier: Apache-2.0
"""Holds the card's books against the limits while everything churns, and against the daemon's books when all is quiet."""

import threading
import time

from chaos.board import Board
from chaos.card import DEVICES, Card
from chaos.lane import Lane
from chaos.log import Log
from chaos.service import GONE, Service

BETWEEN_LOOKS = 0.0005  # seconds
# A pool or the memory of graphs grows by whole chunks, which are known when the call returns: what one call of one process
# may stand above the limit by until then.
MOST_AT_ONE_CALL = 16 << 20
TRIES = 16
PATIENCE = 30  # seconds until the daemon must have seen the last of the dead


class Checker:
    def __init__(self, card: Card, board: Board, lanes: list[Lane], service: Service, log: Log):
        self._card, self._board, self._lanes, self._service, self._log = card, board, lanes, service, log
        self._known: set[tuple] = set()  # one violation of a kind is enough
        self.looks = self.suspects = self.unresolved = self.unpaid = 0

    # --- at every moment

    def watch(self, over: threading.Event) -> None:
        while not over.wait(BETWEEN_LOOKS):
            self._open_offers()
            for lane in self._lanes:
                self._look_at(lane)

    def _open_offers(self) -> None:
        made = self._board.made()
        if made:
            self._card.witness()
            for offer in made:
                self._board.open(offer)

    def _look_at(self, lane: Lane) -> None:
        group = lane.group_on(self._card)
        if group is None:
            return
        for device in range(DEVICES):
            allowed = lane.allowed[device]  # before the look: it sinks only when what is held has sunk
            self.looks += 1
            if self._card.current(group, device) > allowed:
                self._suspect(lane, group, device, allowed)

    def _suspect(self, lane: Lane, group: int, device: int, allowed: int) -> None:
        """The card's own sum may have dead processes in it, and what was taken over from another session is no breach."""
        self.suspects += 1
        for _ in range(TRIES):
            taken_over = self._card.taken_over(group, device)
            living = self._card.living(group, device)
            if living is None or self._card.taken_over(group, device) != taken_over:
                continue
            # It may have been raised since the look.
            most = max(allowed, lane.allowed[device]) + taken_over
            if not lane.exact:
                most += MOST_AT_ONE_CALL * len(self._board.of_lane(lane.number))
            if living > most and ("over", lane.session, device) not in self._known:
                self._known.add(("over", lane.session, device))
                self._log.violation(
                    f"{lane}: {living} bytes held on device {device}, {most} allowed ({taken_over} of it taken over)"
                    f"{self._in_detail(group, device, self._service.session(lane.session))}"
                )
            return
        self.unresolved += 1

    def _in_detail(self, group: int | None, device: int, view: dict) -> str:
        return (
            f"\n  held and not exported, by process: {self._card.processes(group, device)}"
            f"\n  held and exported: {self._card.exported(group, device)}"
            f"\n  the daemon: {in_short(view, device)}"
        )

    def peaks(self) -> None:
        """At every instant: where a limit never changed, the card's own highest sum is the witness."""
        for lane in self._lanes:
            group = lane.group_on(self._card)
            if not lane.resized and group is not None:
                for device in range(DEVICES):
                    lane.peak[device] = self._card.peak(group, device)
                    if lane.peak[device] > lane.limit:
                        self._log.violation(f"{lane}: once held {lane.peak[device]} bytes on device {device}, {lane.limit} allowed")

    # --- when all is quiet

    def compare(self) -> None:
        """The daemon's books are the card's, per session and device, as soon as it has seen the last deaths."""
        end = time.monotonic() + PATIENCE
        while (different := self._differences()) and time.monotonic() < end:
            time.sleep(0.1)
        for difference in different:
            self._log.violation(difference)
        self._log.done["sessions compared when quiet"] += len(self._lanes)

    def _differences(self) -> list[str]:
        views = [self._service.session(lane.session) for lane in self._lanes]
        found = [f"{lane}: the daemon does not know it" for lane, view in zip(self._lanes, views) if view == GONE]
        if found:
            return found
        for device in range(DEVICES):
            books = self._card.books(device)
            uses = [use_of(view, self._card.uuid(device)) for view in views]
            for lane, view, use in zip(self._lanes, views, uses):
                group = lane.group_on(self._card)
                # What nobody can tell, the daemon counts: a dead process's memory that another may keep.
                may_linger = lingering(view, self._card.uuid(device))
                if not books.least[group] <= use["used_bytes"] <= books.most[group] + may_linger:
                    found.append(
                        f"{lane}, device {device}: the daemon says {use['used_bytes']} used, the card "
                        f"{books.least[group]} to {books.most[group]}{self._in_detail(group, device, view)}"
                    )
                if not lane.resized and use["charge_bytes"] > lane.limit:
                    found.append(f"{lane}, device {device}: {use['charge_bytes']} charged, limit {lane.limit}")
            used = sum(use["used_bytes"] for use in uses)
            may_linger = sum(lingering(view, self._card.uuid(device)) for view in views)
            self.unpaid = max(self.unpaid, books.all - used)
            if not found and not books.all - books.taken_over <= used <= books.all + may_linger:
                found.append(f"device {device}: the daemon says {used} used in all sessions, the card {books.all}")
        for lane, view in zip(self._lanes, views):
            lane.settle(view, self._card)
        return found


def use_of(view: dict, device: str) -> dict:
    return next((use for use in view["devices"] if use["uuid"] == device), {"used_bytes": 0, "charge_bytes": 0})


def lingering(view: dict, device: str) -> int:
    """What is counted for the dead, because somebody living may keep it: their own, and what they had imported."""
    living = {process["pid"] for process in view["processes"]}
    return sum(
        left["bytes"]
        for left in view["remainders"]
        if left["device"] == device and (left["reason"] == "LINGERING" or left["pid"] not in living)
    )


def in_short(view: dict, device: int) -> str:
    if view == GONE:
        return "does not know it"
    members = {
        process["pid"]: use["used_bytes"]
        for process in view["processes"]
        for use in process["devices"]
        if use["index"] == device
    }
    uses = [use for use in view["devices"] if use["index"] == device]
    return f"{members}, all together {uses}, remainders {view['remainders']}"

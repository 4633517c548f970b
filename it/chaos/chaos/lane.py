# SPDX-License-Identifier: Apache-2.0
"""A place for one session after the other, each with a few guests that share a group on the card."""

import threading

from chaos.card import DEVICES, Card

MIB = 1 << 20


class Lane:
    def __init__(self, number: int, limit: int, kind: int):
        """Of three kinds: its limit and its books are exact at every instant; it is resized, and its guests fork; and they take
        and import memory of all kinds, too."""
        self.number, self.limit = number, limit
        self.resized = self.forks = kind > 0
        self.exact = kind < 2
        self.name = f"lane-{number}"
        self.session, self.environment = "", {}
        self.allowed = [limit] * DEVICES  # bytes that may be held now, on each device
        self.peak = [0] * DEVICES
        self.between = threading.Lock()  # held while a guest is started, and while one session gives way to another
        self._group: int | None = None

    def __str__(self) -> str:
        kinds = "exact kinds" if self.exact else "all kinds"
        return f"{self.name} ({kinds}, {'resized, forks' if self.resized else 'never resized'}), session {self.session}"

    def group_on(self, card: Card) -> int | None:
        """Its number on the card; None before its first process has used that."""
        if self._group is None:
            self._group = card.group(self.name)
        return self._group

    def opened(self, session: str, environment: dict[str, str]) -> None:
        self.session, self.environment = session, environment
        self.allowed = [self.limit] * DEVICES

    def may_become(self, limit: int) -> None:
        """Before the daemon is asked: until it has answered, both the old limit and the new one may be in force."""
        self.allowed = [max(allowed, limit) for allowed in self.allowed]

    def settle(self, view: dict, card: Card) -> None:
        """What the daemon says is in force. Lowering a limit takes nothing away, and what is used by then may yet be on its
        way to the card."""
        uses = {use["uuid"]: use for use in view["devices"]}
        for device in range(DEVICES):
            use = uses.get(card.uuid(device))
            if use is not None:
                self.allowed[device] = max(use["limit_bytes"], use["used_bytes"])

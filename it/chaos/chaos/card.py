# SPDX-License-Identifier: Apache-2.0
"""The simulated card's own books, read from its file (fakecuda_card.h); nothing of gpuslice takes part."""

import fcntl
import mmap
import re
import struct
import uuid
from collections import Counter
from pathlib import Path

F_OFD_GETLK = 36
SLOT_LOCK = 1 << 32
SLOTS, GROUPS, SHARED = 512, 256, 256
DEVICES = 2


class Layout:
    """Offsets and sizes that the header asserts of itself."""

    def __init__(self, header: Path):
        text = header.read_text()
        self.size = {
            name: int(size) for name, size in re.findall(r"sizeof\(struct fakecuda_(\w+)\) == (\d+)", text)
        }
        self.at = {
            f"{struct_}.{field}": int(offset)
            for struct_, field, offset in re.findall(
                r"__builtin_offsetof\(struct fakecuda_(\w+), (\w+)\) == (\d+)", text
            )
        }
        self.shared = int(re.search(r"shared\[FAKECUDA_DEVICES\]\[FAKECUDA_SHARED\]; /\* (\d+)", text).group(1))


class Shared:
    """A memory that has been exported: which one, how much, who pays."""

    def __init__(self, key: tuple[int, int, int], size: int, holder: int | None, members: list[int]):
        self.key = key  # device, index, generation
        self.bytes, self.holder, self.members = size, holder, members  # slots


class Books:
    """Bytes of each group on one device: at least, and at most where several may pay for the same memory."""

    def __init__(self):
        self.least: Counter[int] = Counter()
        self.most: Counter[int] = Counter()
        self.all = self.taken_over = 0

    def add(self, size: int, payer: int) -> None:
        self.all += size
        self.most[payer] += size
        self.least[payer] += size

    def add_taken_over(self, size: int, payers: set[int]) -> None:
        """Any of them pays, or nobody: the daemon knows of no exporter that was gone again before it could hear of it."""
        self.all += size
        self.taken_over += size
        for payer in payers:
            self.most[payer] += size


class Card:
    def __init__(self, path: Path, header: Path):
        self._layout = Layout(header)
        self._file = open(path, "rb")
        self._map = mmap.mmap(self._file.fileno(), 0, prot=mmap.PROT_READ)
        self._exporter: dict[tuple, tuple | None] = {}  # of a memory: the process that held it when it was exported

    def _word(self, at: int) -> int:
        return struct.unpack_from("<Q", self._map, at)[0]

    def uuid(self, device: int) -> str:
        at = self._layout.at["card.devices"] + device * self._layout.size["device"] + 32
        return f"GPU-{uuid.UUID(bytes=self._map[at : at + 16])}"

    # --- processes

    def _slot(self, slot: int) -> int:
        return self._layout.at["card.slots"] + slot * self._layout.size["slot"]

    def _alive(self, slot: int) -> bool:
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, SLOT_LOCK + slot, 1, 0)
        return struct.unpack_from("h", fcntl.fcntl(self._file, F_OFD_GETLK, lock))[0] != fcntl.F_UNLCK

    def _group_of(self, slot: int) -> int:
        return struct.unpack_from("<I", self._map, self._slot(slot) + 20)[0]

    def _bytes(self, slot: int, device: int) -> int:
        at = self._slot(slot) + self._layout.at["slot.books"] + device * self._layout.size["books"]
        return self._word(at)

    def _slots_of(self, group: int) -> list[int]:
        return [s for s in range(SLOTS) if self._word(self._slot(s)) != 0 and self._group_of(s) == group]

    def processes(self, group: int, device: int) -> list[tuple[int, int]]:
        """Who holds how much that it has not exported, for people. A process that called exec while a child of its own kept
        the driver's descriptors is in it more than once, and one that died so may be in it, too."""
        return [
            (self._pid(slot), size)
            for slot in self._slots_of(group)
            if (size := self._bytes(slot, device)) and self._alive(slot)
        ]

    def exported(self, group: int, device: int) -> list[tuple[int, int, list[int]]]:
        """What they hold of memory that has been exported, for people: by whom, how much, and who can use it."""
        return [
            (self._pid(shared.holder), shared.bytes, [self._pid(slot) for slot in shared.members])
            for shared in self.shared(device)
            if shared.holder is not None and self._group_of(shared.holder) == group
        ]

    def _pid(self, slot: int) -> int:
        return struct.unpack_from("<I", self._map, self._slot(slot) + 16)[0]

    # --- memory that was exported

    def shared(self, device: int) -> list[Shared]:
        device_at = self._layout.at["card.devices"] + device * self._layout.size["device"]
        base = self._layout.shared + device * SHARED * self._layout.size["shared"]
        found = []
        for index in range(min(self._word(device_at + 96), SHARED)):
            at = base + index * self._layout.size["shared"]
            generation, size, holder = struct.unpack_from("<QQI", self._map, at)
            if size != 0:
                members = self._members(at)
                found.append(Shared((device, index, generation), size, self._payer(holder, members), members))
        return found

    def _members(self, at: int) -> list[int]:
        words = struct.unpack_from(f"<{SLOTS // 64}Q", self._map, at + 24)
        return [slot for slot in range(SLOTS) if words[slot // 64] >> slot % 64 & 1]

    def _payer(self, holder: int, members: list[int]) -> int | None:
        """As the card itself would say: the holder, or, when it is dead, the first that lives of those with references."""
        if holder != 0 and self._alive(holder - 1):
            return holder - 1
        return next((slot for slot in members if self._alive(slot)), None)

    def witness(self) -> None:
        """Remembers whose each exported memory is that it has not seen before. To be called before others may import."""
        for device in range(DEVICES):
            for shared in self.shared(device):
                if shared.key not in self._exporter:
                    self._exporter[shared.key] = self._process(shared.holder)

    def _process(self, slot: int | None) -> tuple | None:
        """A slot is used again, with another generation."""
        return None if slot is None else (slot, self._word(self._slot(slot)))

    # --- groups

    def group(self, name: str) -> int | None:
        """Its number; None before its first process has used the card."""
        for group in range(1, GROUPS):
            at = self._layout.at["card.groups"] + group * self._layout.size["group"]
            known = self._map[at : at + 64].split(b"\0", 1)[0].decode()
            if known == name:
                return group
        return None

    def _memory(self, group: int, device: int) -> int:
        return self._layout.at["card.groups"] + group * self._layout.size["group"] + 64 + 16 * device

    def current(self, group: int, device: int) -> int:
        """At this instant, by the card's own sum, which may have dead processes in it."""
        return self._word(self._memory(group, device))

    def _is_settled(self, device: int) -> bool:
        """Nobody is changing its books: whoever was killed, or stands still, amidst that has left them half changed."""
        return self._word(self._layout.at["card.devices"] + device * self._layout.size["device"]) == 0

    def peak(self, group: int, device: int) -> int:
        return self._word(self._memory(group, device) + 8)

    def _dead(self, group: int, device: int) -> dict:
        """What the dead have in the group's sum."""
        dead = {
            slot: (self._word(self._slot(slot)), self._bytes(slot, device))
            for slot in self._slots_of(group)
            if not self._alive(slot)
        }
        base = self._layout.shared + device * SHARED * self._layout.size["shared"]
        for shared in self.shared(device):
            holder = struct.unpack_from("<I", self._map, base + shared.key[1] * self._layout.size["shared"] + 16)[0]
            if holder != 0 and self._group_of(holder - 1) == group and not self._alive(holder - 1):
                dead[shared.key] = (0, shared.bytes)
        return dead

    def living(self, group: int, device: int) -> int | None:
        """Bytes in the group's sum that the living hold, of one instant; None: too much changes.

        The sum is of one instant, and what the dead have in it does not change but by being struck off: the same dead before
        and after are those in the sum."""
        for _ in range(64):
            before = self._dead(group, device)
            current = self.current(group, device)
            if self._is_settled(device) and self._dead(group, device) == before:
                return current - sum(size for _, size in before.values())
        return None

    def taken_over(self, group: int, device: int) -> int:
        """Of what a group holds, the bytes that another process exported than now holds them."""
        return sum(
            shared.bytes
            for shared in self.shared(device)
            if shared.holder is not None
            and self._group_of(shared.holder) == group
            and self._is_taken_over(shared)
        )

    def books(self, device: int) -> "Books":
        """What everybody holds. Exact where nothing changes meanwhile."""
        books = Books()
        for slot in range(SLOTS):
            if self._word(self._slot(slot)) != 0 and (size := self._bytes(slot, device)) != 0 and self._alive(slot):
                books.add(size, self._group_of(slot))
        for shared in self.shared(device):
            if shared.holder is None:
                continue
            if self._is_taken_over(shared):
                books.add_taken_over(shared.bytes, {self._group_of(slot) for slot in shared.members if self._alive(slot)})
            else:
                books.add(shared.bytes, self._group_of(shared.holder))
        return books

    def _is_taken_over(self, shared: Shared) -> bool:
        """Its exporter has let go of it. Which of the importers pays then is nothing that a real card would know."""
        holder = self._process(shared.holder)
        return self._exporter.get(shared.key, holder) != holder

    def alive(self, group: int) -> bool:
        return any(self._alive(s) for s in self._slots_of(group))

# SPDX-License-Identifier: Apache-2.0
"""What was done, how often, and what it did not stand."""

import threading
import time
from collections import Counter, deque

AROUND = 40  # events that are shown with a violation


class Log:
    def __init__(self):
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._events: deque[str] = deque(maxlen=AROUND)
        self.done: Counter[str] = Counter()
        self.violations: list[str] = []

    def event(self, what: str, detail: str = "") -> None:
        """Something that was done; counted under `what`."""
        with self._lock:
            self.done[what] += 1
            self._events.append(f"{time.monotonic() - self._begun:9.4f} s  {what} {detail}".rstrip())

    def violation(self, text: str) -> None:
        with self._lock:
            around = "\n    ".join(self._events)
            self.violations.append(
                f"{time.monotonic() - self._begun:.4f} s: {text}\n  what was done before:\n    {around}"
            )
        print(f"VIOLATION {text}", flush=True)

# SPDX-License-Identifier: Apache-2.0
"""How much of everything: the same code, more or fewer rounds."""

from typing import NamedTuple


class Profile(NamedTuple):
    name: str
    rounds: int  # of pairs and calls
    repeats: int  # of what takes seconds: round trips, a crowd that registers, windows of the daemon's CPU
    burst_ms: float  # CPU that one burst of pairs takes
    live: tuple[int, ...]  # live allocations
    idle: tuple[int, ...]  # idle registered processes
    requests: int  # of one turn of round trips, over all clients; as many before it, unmeasured
    crowd: int  # processes that register at once
    listeners: int  # streams of events at once
    trials: int  # of what is done once each time: reclaim, run
    starts: int  # of the daemon
    sessions: int  # before a restart
    charges: int  # of each of them
    watch_s: float  # how long the daemon's CPU is watched
    turns: int  # of the ping-pong
    race_s: int


FULL = Profile(
    name="full",
    rounds=21,
    repeats=3,
    burst_ms=25,
    live=(0, 100, 10_000, 1_000_000),
    idle=(0, 1, 4, 16, 64, 256),
    requests=20_000,
    crowd=300,
    listeners=1000,
    trials=30,
    starts=7,
    sessions=1000,
    charges=1000,
    watch_s=5,
    turns=4000,
    race_s=5,
)
QUICK = Profile(
    name="quick",
    rounds=7,
    repeats=1,
    burst_ms=8,
    live=(0, 100, 10_000),
    idle=(0, 16, 64),
    requests=2_000,
    crowd=300,
    listeners=1000,
    trials=7,
    starts=2,
    sessions=100,
    charges=100,
    watch_s=2,
    turns=500,
    race_s=1,
)
# For the test that the suite runs at all; its figures mean nothing.
SMOKE = Profile(
    name="smoke",
    rounds=1,
    repeats=1,
    burst_ms=0.5,
    live=(0, 100),
    idle=(0, 2),
    requests=128,
    crowd=8,
    listeners=8,
    trials=1,
    starts=1,
    sessions=3,
    charges=10,
    watch_s=0.2,
    turns=10,
    race_s=1,
)
PROFILES = {profile.name: profile for profile in (FULL, QUICK, SMOKE)}

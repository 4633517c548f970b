# SPDX-License-Identifier: Apache-2.0
"""What is done to guests, daemon and sessions while they work: one thread for each kind, with random numbers of its own."""

import random
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable

from chaos.board import Board
from chaos.card import Card
from chaos.crowd import Crowd
from chaos.lane import MIB, Lane
from chaos.log import Log
from chaos.service import GONE, Service

GUESTS, MOST_GUESTS = 3, 6  # of a lane
MOST = 38  # of all lanes, children that only wait included
FRAME = struct.Struct("<IHHII")  # gpuslice_abi.h: length, type, version, seq, reserved
FRAME_TYPES, VERSION = 18, 0x0100


class Stage:
    """What the faults have to do with."""

    def __init__(self, lanes: list[Lane], board: Board, card: Card, crowd: Crowd, service: Service, log: Log):
        self.lanes, self.board, self.card, self.crowd, self.service, self.log = lanes, board, card, crowd, service, log


Fault = Callable[[Stage, random.Random], float | None]  # seconds that are to pass before the next one at least


def rounds(stage: Stage, fault: Fault, rng: random.Random, between: float, over: threading.Event) -> None:
    """One fault after the other, `between` seconds apart on average."""
    pause = 0.0
    while not over.wait(pause + rng.expovariate(1 / between)):
        pause = fault(stage, rng) or 0.0


# --- guests


def trouble_guests(stage: Stage, rng: random.Random) -> None:
    stage.crowd.bury()
    few = stage.crowd.size() < MOST
    stage.board.allow_forks(1 if few else 0)
    lane = rng.choice(stage.lanes)
    here = stage.board.of_lane(lane.number)
    if len(here) < GUESTS:
        if few and lane.between.acquire(blocking=False):
            stage.crowd.start(lane, rng.getrandbits(48))
            lane.between.release()
        return
    for pid in here[MOST_GUESTS:]:  # they fork
        if stage.crowd.send(pid, signal.SIGKILL):
            stage.log.event("guests killed", f"pid {pid} of {lane.name}, one too many")
    victim = rng.choice(here)
    if rng.random() < 0.5:
        if stage.crowd.send(victim, signal.SIGKILL):
            stage.log.event("guests killed", f"pid {victim} of {lane.name}")
        return
    stage.crowd.send(victim, signal.SIGSTOP)
    stage.log.event("guests stopped and continued", f"pid {victim} of {lane.name}")
    time.sleep(rng.uniform(0, 0.3))
    if rng.random() < 0.2 and stage.crowd.send(victim, signal.SIGKILL):
        stage.log.event("guests killed", f"pid {victim} of {lane.name}, as it stood")
    stage.crowd.send(victim, signal.SIGCONT)


# --- the daemon


def trouble_daemon(stage: Stage, rng: random.Random) -> float:
    what = rng.random()
    if what < 0.25:
        seconds = rng.choice((0.01, 0.1, 1, 3)) * rng.random()
        stage.log.event("daemon stopped and continued", f"for {seconds:.3f} s")
        stage.service.freeze(seconds)
    elif what < 0.35:
        after = rng.uniform(0, 3)
        stage.log.event("daemon killed", "and again while it starts")
        stage.log.event("daemon killed while it starts", f"after {after:.3f} s")
        stage.service.kill_while_it_starts(after)
        stage.log.event("daemon restarted")
    else:
        away = rng.choice((0, 0, 0.2, 2)) * rng.random()
        stage.log.event("daemon killed", f"and away for {away:.3f} s")
        stage.service.kill_and_start(away)
        stage.log.event("daemon restarted")
    # Something is to happen while it runs, too, however slowly the machine starts it.
    return rng.uniform(0, 2) * stage.service.last_start


def stop_daemon_at_a_point(stage: Stage, rng: random.Random) -> None:
    point = stage.service.kill_at_a_stop_point(round(10 ** rng.uniform(0, 3.5)))
    stage.log.event("daemon killed" if point is None else f"daemon killed {point}")
    stage.log.event("daemon restarted")


# --- sessions


def trouble_sessions(stage: Stage, rng: random.Random) -> None:
    lane = rng.choice(stage.lanes)
    what = rng.random()
    if what < 0.6:
        if lane.resized:
            resize(stage, lane, rng)
    elif what < 0.85:
        expire(stage, lane, rng)
    else:
        replace(stage, lane)


def resize(stage: Stage, lane: Lane, rng: random.Random) -> None:
    limit = rng.randrange(8 * MIB, 2 * lane.limit, 4096)
    lane.may_become(limit)
    stage.log.event("sessions resized", f"{lane.name} to {limit}")
    # Until it is known: what had no answer may yet be done at any time.
    stage.service.insist("PATCH", f"/sessions/{lane.session}", {"limit": limit})
    view = stage.service.session(lane.session)
    if view != GONE:
        lane.settle(view, stage.card)


def expire(stage: Stage, lane: Lane, rng: random.Random) -> None:
    stage.log.event("sessions expired and renewed", lane.name)
    if stage.service.call("PATCH", f"/sessions/{lane.session}", {"ttl": "1s"}) is not None:
        time.sleep(1 + rng.random() / 2)
    stage.service.insist("PATCH", f"/sessions/{lane.session}", {"ttl": "none"})


def replace(stage: Stage, lane: Lane) -> None:
    """All its processes killed, its books empty, and another session in its place."""
    with lane.between:
        stage.log.event("sessions emptied and replaced", lane.name)
        close_session(stage, lane)
        open_session(stage.service, lane)


def close_session(stage: Stage, lane: Lane) -> None:
    empty(stage, lane)
    end = time.monotonic() + 30
    while (view := stage.service.session(lane.session)) != GONE and view["charge_bytes"] + view["used_bytes"] > 0:
        if time.monotonic() > end:
            stage.log.violation(f"{lane}: nobody lives in it, and it does not get empty\n  {view}")
            break
        time.sleep(0.05)
    stage.service.insist("DELETE", f"/sessions/{lane.session}")


def empty(stage: Stage, lane: Lane) -> None:
    """Those too that have been forked and have not joined yet."""
    while here := stage.crowd.of_lane(lane.number):
        for pid in here:
            if stage.crowd.send(pid, signal.SIGKILL):
                stage.log.event("guests killed", f"pid {pid} of {lane.name}, with its session")
        time.sleep(0.02)
        stage.crowd.bury()
    stage.board.withdraw(lane.number)


def open_session(service: Service, lane: Lane) -> None:
    opened = service.insist("POST", "/sessions", {"limit": lane.limit})
    lane.opened(
        opened["id"],
        {
            "GPUSLICE_SESSION": opened["id"],
            "GPUSLICE_IPC_TOKEN": opened["token"],
            "GPUSLICE_IPC_SOCK": str(service.socket),
        },
    )


# --- clients that mean no good


def trouble_socket(stage: Stage, rng: random.Random) -> None:
    """A frame that ends in its midst, or is none."""
    length = rng.choice((16, 24, 200, 1024, 1 << 20, 1 << 31, 0, rng.getrandbits(32)))
    frame = FRAME.pack(length, rng.randint(0, FRAME_TYPES + 2), rng.choice((VERSION, VERSION, 0x0200)), rng.getrandbits(32), 0)
    frame += rng.randbytes(rng.randint(0, 400))
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.settimeout(1)
            client.connect(str(stage.service.socket))
            client.sendall(frame[: rng.randint(1, len(frame))])
            time.sleep(rng.choice((0, 0, 0.05)))
        except OSError:
            pass  # nobody listens, or has had enough of it
    stage.log.event("connections closed in mid-frame")

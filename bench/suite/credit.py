# SPDX-License-Identifier: Apache-2.0
"""What moves between programs and daemon: nothing inside the credit, one round trip for each collect."""

import json
import time

from suite.daemon import Daemon, Failed
from suite.pairs import LIMIT
from suite.profile import Profile
from suite.rounds import in_turns, median
from suite.stage import Program, Stage

BURST = 20_000
WHOLE = 256 << 20  # bytes: the limit of the session in which two processes play


def quiet(stage: Stage, profile: Profile) -> dict:
    """Two processes churn inside their credit: what they send, what the daemon decides, what CPU that takes it."""
    daemon = stage.daemon()
    session, card = daemon.open_session(LIMIT), stage.card()
    programs = [
        stage.program("pairs", "linear", 1, 1000, "random", extra=card | session, witnessed=True) for _ in range(2)
    ]
    churn(programs, 0)
    joined = sends(programs)
    if min(joined) == 0:
        raise Failed("two programs have joined their session, and libsends.so has counted nothing: it does not count")
    settle(daemon)
    before = decisions(daemon)
    windows = in_turns(
        {
            "idle": lambda: cpu_share(daemon, lambda: time.sleep(profile.watch_s)),
            "churning": lambda: cpu_share(daemon, lambda: churn(programs, profile.watch_s)),
        },
        profile.repeats,
    )
    settle(daemon)
    return {
        "pairs": sum(program.pairs for program in programs),
        "frames": sum(sends(programs)) - sum(joined),
        "requests": decisions(daemon) - before,
        "seconds": profile.watch_s,
        "idle": windows["idle"],
        "churning": windows["churning"],
    }


def churn(programs: list[Program], seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        for program in programs:
            program.tell(BURST)
        for program in programs:
            program.answer = program.hear().split()
            program.pairs = getattr(program, "pairs", 0) + BURST
        if time.monotonic() >= end:
            return


def sends(programs: list[Program]) -> list[int]:
    return [int(program.answer[2]) for program in programs]


def decisions(daemon: Daemon) -> float:
    return daemon.metrics().get("gpuslice_decision_duration_seconds_count", 0)


def settle(daemon: Daemon) -> None:
    """Counters lag a second; and what a start leaves to do is done by then."""
    time.sleep(1.5)


def cpu_share(daemon: Daemon, meanwhile) -> float:
    """CPU of the daemon while something goes on, in percent of one core."""
    cpu, wall = daemon.cpu_seconds(), time.monotonic()
    meanwhile()
    return 100 * (daemon.cpu_seconds() - cpu) / (time.monotonic() - wall)


def pingpong(stage: Stage, profile: Profile) -> dict:
    """Two processes that take the whole limit: in turns, each collecting what the other gave back; and as a race."""
    daemon = stage.daemon()
    played = {}
    for game, much in (("turns", profile.turns), ("race", profile.race_s)):
        session = daemon.open_session(str(WHOLE))
        result = stage.ask("pingpong", game, WHOLE, much, extra=stage.card() | session | {"GPUSLICE_DEBUG": "0"})
        played[game] = result | decided(daemon, session["GPUSLICE_SESSION"])
    each = max(1, profile.requests // 4)  # a round trip that collects nothing, to compare with
    played["grant"] = stage.ask("client", "grant", daemon.socket, 1, each, each, "own")
    return played


def decided(daemon: Daemon, session: str) -> dict:
    """What the audit log says of a session, in the order of its decisions, and which refusals it does not bear out.

    Both processes ask for the whole limit each time, so a charge is all or nothing. A refusal is right if what nobody
    is charged with, once all idle credit has been collected, is less than what was asked for.
    """
    counts = {"grants": 0, "collects": 0, "denials": 0, "unjustified": 0, "over_the_limit": 0}
    charges: dict[int, int] = {}
    for entry in audited(daemon, session):
        pid, operation = entry.get("pid"), entry["operation"]
        if operation == "grant":
            counts["grants"] += 1
            charges[pid] = charges.get(pid, 0) + entry.get("bytes", 0)  # none: its own credit had become enough
            counts["over_the_limit"] += sum(charges.values()) > WHOLE
        elif operation == "collect":
            counts["collects"] += 1
            charges[pid] -= entry["bytes"]
        elif operation == "reclaim":
            charges.pop(pid, None)
        elif operation == "deny":
            counts["denials"] += 1
            counts["unjustified"] += WHOLE - sum(charges.values()) >= entry["bytes"]
    return counts


def audited(daemon: Daemon, session: str) -> list[dict]:
    """All lines of the session, once the last process's end is among them."""
    deadline = time.monotonic() + 10
    while True:
        lines = map(json.loads, daemon.audit.read_text().splitlines())
        entries = [line for line in lines if line.get("session_id") == session]
        if sum(entry["operation"] == "reclaim" for entry in entries) == 2:
            return entries
        if time.monotonic() > deadline:
            raise Failed("the audit log does not say what became of the two processes within 10 s")
        time.sleep(0.05)


def quiet_summary(figures: dict) -> list[str]:
    return [
        f"{figures['pairs']} pairs: {figures['frames']} frames sent, {figures['requests']:.0f} requests decided",
        f"daemon's CPU: idle {median(figures['idle']):.2f} %, churning {median(figures['churning']):.2f} % of a core",
    ]


def pingpong_summary(figures: dict) -> list[str]:
    return [
        f"{game:<5} {played['made']} made by {played['grants']} grants and {played['collects']} collects;"
        f" {played['refused']} refused, {played['unjustified'] + played['unexplained']} without reason; p50"
        f" {played['p50_us']:.1f} us p99 {played['p99_us']:.1f} us"
        for game, played in figures.items()
        if game != "grant"
    ] + [f"a charge beside it: p50 {figures['grant']['p50_us']:.1f} us p99 {figures['grant']['p99_us']:.1f} us"]

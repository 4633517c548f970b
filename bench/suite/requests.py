# SPDX-License-Identifier: Apache-2.0
"""What asking the daemon costs: a charge, joining, a death. Times on the wall, as a program waits for them."""

import json
import threading
import time
from collections.abc import Sequence
from collections.abc import Callable

from suite.daemon import Daemon
from suite.profile import Profile
from suite.rounds import in_turns, median, percentile
from suite.stage import Program, Stage

CLIENTS = 32
OTHERS = 200  # sessions that a scrape has to look at
ASKED_PER_SECOND = 200


def echo(stage: Stage, pinned: bool = False) -> str:
    path = str(stage.folder / ("echo-pinned" if pinned else "echo"))
    stage.program("echo", path, pinned=pinned)
    return path


def round_trips(stage: Stage, profile: Profile) -> list[dict]:
    """A charge that is decided and journaled, beside an echo between two C programs on such a socket."""
    rows = []
    for placement in ("pinned", "free"):
        pinned = placement == "pinned"
        daemon, floor = stage.daemon(pinned), echo(stage, pinned)
        for clients, sessions in ((1, "own"), (CLIENTS, "own"), (CLIENTS, "shared")):
            each = max(1, profile.requests // clients)
            turns = in_turns(
                {
                    "echo": lambda: stage.ask("client", "echo", floor, clients, each, each, pinned=pinned),
                    "grant": lambda: stage.ask(
                        "client", "grant", daemon.socket, clients, each, each, sessions, pinned=pinned
                    ),
                },
                profile.repeats,
            )
            rows.append(
                {
                    "placement": placement,
                    "clients": clients,
                    "sessions": 1 if sessions == "shared" else clients,
                    "echo": middle(turns["echo"]),
                    "grant": middle(turns["grant"]),
                    "turns": turns,
                }
            )
    return rows


def scrape(stage: Stage, profile: Profile) -> dict:
    """A charge beside many open sessions, without and with somebody who reads /metrics once a second."""
    daemon = stage.daemon()
    stage.program("sessions", daemon.socket, OTHERS, 1)

    def charges():
        return stage.ask("client", "grant", daemon.socket, 1, profile.requests, profile.requests, "own")

    contenders = {"without": charges, "with": lambda: beside_scrapes(daemon, charges)}
    return {"sessions": OTHERS} | in_turns(contenders, 2 * profile.repeats + 1)


def beside_scrapes(daemon: Daemon, measure: Callable[[], dict]) -> dict:
    stop, taken = threading.Event(), []
    scraper = threading.Thread(target=read_metrics, args=(daemon, stop, taken))
    scraper.start()
    try:
        return measure() | {"scrapes_ms": taken}
    finally:
        stop.set()
        scraper.join()


def read_metrics(daemon: Daemon, stop: threading.Event, taken: list[float]) -> None:
    while True:
        before = time.monotonic()
        daemon.metrics()
        took = time.monotonic() - before
        taken.append(1000 * took)
        if stop.wait(max(0.0, 1 - took)):
            return


def listeners(stage: Stage, profile: Profile) -> dict:
    """A charge beside many streams of events: what the client holds changes all the time, and each stream is told."""
    daemon = stage.daemon()
    stage.program("sessions", daemon.socket, OTHERS, 1)
    before = daemon.resident_mib()
    beside = {"with": lambda: [web(stage, daemon, profile.listeners, "/events", "stream")]}
    figures = beside_web(stage, daemon, profile, {"without": lambda: []} | beside)
    return figures | {
        "sessions": OTHERS,
        "listeners": profile.listeners,
        "resident_mib": [before, daemon.resident_mib()],
    }


def lists(stage: Stage, profile: Profile) -> dict:
    """A charge beside those who list the sessions: at a rate, and as fast as they are answered."""
    daemon = stage.daemon()
    stage.program("sessions", daemon.socket, OTHERS, 1)
    contenders = {
        "without": lambda: [],
        "rate": lambda: [web(stage, daemon, CLIENTS, "/sessions", ASKED_PER_SECOND)],
        "saturated": lambda: [web(stage, daemon, CLIENTS, "/sessions", 0)],
    }
    return beside_web(stage, daemon, profile, contenders) | {"sessions": OTHERS, "clients": CLIENTS}


def web(stage: Stage, daemon: Daemon, connections: int, path: str, how: str | int) -> Program:
    return stage.program("web", daemon.port, daemon.token, connections, path, how)


def beside_web(stage: Stage, daemon: Daemon, profile: Profile, contenders: dict) -> dict:
    def beside(begin):
        programs = begin()
        for program in programs:
            program.tell("")
            program.hear()
        # Long enough that what happens once a second happens.
        taken = stage.ask("client", "grant", daemon.socket, 1, 2 * profile.requests, profile.requests // 4, "own")
        for program in programs:
            program.tell("")
            taken["web"] = json.loads(program.hear())
            program.end()
        return taken

    # The JVM compiles what answers while the first ones are told and asked.
    for begin in contenders.values():
        beside(begin)
    return in_turns({name: lambda begin=begin: beside(begin) for name, begin in contenders.items()}, profile.repeats)


def registration(stage: Stage, profile: Profile) -> list[dict]:
    """HELLO until the page is mapped: one process alone, and a crowd at one moment; beside connecting and an echo."""
    daemon, floor = stage.daemon(), echo(stage)
    for sessions in ("own", "shared"):  # until the JVM has compiled most of it
        stage.ask("client", "join", daemon.socket, profile.crowd, sessions)
    rows = []
    for clients, sessions in ((1, "own"), (profile.crowd, "own"), (profile.crowd, "shared")):
        turns = in_turns(
            {
                "greet": lambda: stage.ask("client", "greet", floor, clients),
                "join": lambda: stage.ask("client", "join", daemon.socket, clients, sessions),
            },
            profile.trials if clients == 1 else profile.repeats,
        )
        joined = whole if clients == 1 else middle
        rows.append(
            {
                "processes": clients,
                "sessions": 1 if sessions == "shared" else clients,
                "greet": joined(turns["greet"]),
                "join": joined(turns["join"]),
                "turns": turns,
            }
        )
    return rows


def reclaim(stage: Stage, profile: Profile) -> dict:
    """Milliseconds from the SIGKILL of a holder of 64 x 1 MiB until a sibling has them."""
    return {"ms": stage.ask("reclaim", stage.daemon().socket, profile.trials)}


def middle(turns: list[dict]) -> dict:
    """The turn with the median p50."""
    return sorted(turns, key=lambda turn: turn["p50_us"])[len(turns) // 2]


def whole(turns: list[dict]) -> dict:
    """Turns of one request each, taken together."""
    taken = [turn["p50_us"] for turn in turns]
    return {"p50_us": median(taken), "p99_us": percentile(taken, 0.99), "max_us": max(taken), "requests": len(taken)}


def round_trip_summary(rows: list[dict]) -> list[str]:
    return [
        f"{row['placement']:<7} {row['clients']:>3} clients {row['sessions']:>3} sessions   echo p50"
        f" {row['echo']['p50_us']:8.1f} us   grant p50 {row['grant']['p50_us']:8.1f} p99"
        f" {row['grant']['p99_us']:8.1f} p99.9 {row['grant']['p999_us']:8.1f} us"
        for row in rows
    ]


def scrape_summary(figures: dict, names: Sequence[str] = ("without", "with")) -> list[str]:
    return [
        f"{name:<8} p50 {listed(figures[name], 'p50_us')}   p99 {listed(figures[name], 'p99_us')} us"
        for name in names
    ]


def beside_summary(figures: dict) -> list[str]:
    names = [name for name in ("without", "with", "rate", "saturated") if name in figures]
    lines = scrape_summary(figures, names)
    for name in names[1:]:
        heard = [turn["web"] for turn in figures[name]]
        lines.append(
            f"{name:<8} answers a second {median([each['answers'] / each['seconds'] for each in heard]):.0f}, "
            f" {median([each['bytes'] / each['seconds'] for each in heard]) / 1e6:.1f} MB a second"
        )
    return lines


def listed(turns: list[dict], key: str) -> str:
    return " ".join(f"{turn[key]:.1f}" for turn in turns)


def registration_summary(rows: list[dict]) -> list[str]:
    return [
        f"{row['processes']:>4} processes {row['sessions']:>4} sessions   greet p50"
        f" {row['greet']['p50_us'] / 1000:7.2f} ms   join p50 {row['join']['p50_us'] / 1000:7.2f} p99"
        f" {row['join']['p99_us'] / 1000:7.2f} max {row['join']['max_us'] / 1000:7.2f} ms"
        for row in rows
    ]


def reclaim_summary(figures: dict) -> list[str]:
    return [f"p50 {median(figures['ms']):.2f} ms, max {max(figures['ms']):.2f} ms of {len(figures['ms'])}"]

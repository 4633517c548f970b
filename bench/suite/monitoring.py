# SPDX-License-Identifier: Apache-2.0
"""What it costs to be watched: a scrape of /metrics among many sessions."""

import time

from suite.daemon import Daemon
from suite.profile import Profile
from suite.requests import beside_scrapes, listed
from suite.rounds import in_turns, median
from suite.stage import Stage

APART_S = 0.3  # scrapes that are closer share an answer
WARM_UP = 5  # until the JVM has compiled most of it


def metrics(stage: Stage, profile: Profile) -> dict:
    """How long a scrape takes, how large it is, what CPU it costs; then charges without and beside one a second."""
    daemon = stage.daemon()
    stage.program("sessions", daemon.socket, profile.sessions, 1)
    scrapes = [one_scrape(daemon) for _ in range(WARM_UP + profile.trials // 2 + 1)][WARM_UP:]

    def charges():
        return stage.ask("client", "grant", daemon.socket, 1, profile.requests, profile.requests, "own")

    turns = in_turns({"without": charges, "with": lambda: beside_scrapes(daemon, charges)}, profile.repeats)
    return {"sessions": profile.sessions, "scrapes": scrapes} | turns


def one_scrape(daemon: Daemon) -> dict:
    time.sleep(APART_S)
    before, cpu = time.monotonic(), daemon.cpu_seconds()
    text = daemon.call("GET", "/metrics")
    return {
        "ms": 1000 * (time.monotonic() - before),
        "cpu_ms": 1000 * (daemon.cpu_seconds() - cpu),
        "bytes": len(text.encode()),
        "series": sum(not line.startswith("#") for line in text.splitlines()),
    }


def middle(scrapes: list[dict], key: str) -> float:
    return median([scrape[key] for scrape in scrapes])


def metrics_summary(figures: dict) -> list[str]:
    scrapes = figures["scrapes"]
    return [
        f"{figures['sessions']} sessions   {middle(scrapes, 'ms'):.1f} ms, longest"
        f" {max(scrape['ms'] for scrape in scrapes):.1f} ms   {middle(scrapes, 'cpu_ms'):.1f} ms CPU  "
        f" {middle(scrapes, 'series'):,.0f} series   {middle(scrapes, 'bytes') / 1024:,.0f} KiB",
        *(
            f"{name:<8} p50 {listed(figures[name], 'p50_us')}   p99 {listed(figures[name], 'p99_us')} us"
            for name in ("without", "with")
        ),
    ]

# SPDX-License-Identifier: Apache-2.0
"""Everything that is measured, in the order in which it is."""

from collections.abc import Callable
from typing import NamedTuple

from suite import credit, lifetime, monitoring, pairs, requests
from suite.profile import Profile
from suite.stage import Stage


class Measurement(NamedTuple):
    title: str
    measure: Callable[[Stage, Profile], dict | list]
    summary: Callable[[dict | list], list[str]]


MEASUREMENTS = {
    "threads": Measurement("a pair, by threads", pairs.threads, pairs.summary),
    "processes": Measurement("a pair, by processes in one session", pairs.processes, pairs.summary),
    "live": Measurement("a pair, by live allocations", pairs.live, pairs.summary),
    "idle": Measurement("a pair, by idle registered processes", pairs.idle, pairs.summary),
    "families": Measurement("a pair, by family", pairs.families, pairs.summary),
    "calls": Measurement("calls that take nothing", pairs.calls, pairs.summary),
    "quiet": Measurement(
        "what the daemon notices of programs inside their credit", credit.quiet, credit.quiet_summary
    ),
    "pingpong": Measurement("two processes, the whole limit", credit.pingpong, credit.pingpong_summary),
    "roundtrip": Measurement("a charge, decided and journaled", requests.round_trips, requests.round_trip_summary),
    "scrape": Measurement("a charge beside somebody who reads /metrics", requests.scrape, requests.scrape_summary),
    "metrics": Measurement("a scrape among many sessions", monitoring.metrics, monitoring.metrics_summary),
    "listeners": Measurement("a charge beside streams of events", requests.listeners, requests.beside_summary),
    "lists": Measurement("a charge beside those who list the sessions", requests.lists, requests.beside_summary),
    "registration": Measurement("becoming a member", requests.registration, requests.registration_summary),
    "reclaim": Measurement("memory of a killed process", requests.reclaim, requests.reclaim_summary),
    "start": Measurement("the daemon's start and its memory", lifetime.start, lifetime.start_summary),
    "run": Measurement("gpuslice run -- true", lifetime.run, lifetime.run_summary),
    "restart": Measurement("a restart among many sessions", lifetime.restart, lifetime.restart_summary),
}

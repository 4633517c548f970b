# SPDX-License-Identifier: Apache-2.0
"""The report's sections, in their order."""

from collections.abc import Callable

from suite import about_daemon, about_monitoring, about_pairs

SECTIONS: dict[str, Callable[..., str]] = {
    "threads": about_pairs.pairs_by(
        "threads",
        "A pair, by threads",
        "`cuMemAlloc` and `cuMemFree` of 4 KiB. Threads pass each other the lines of the card's books and of ours; what"
        " that costs depends on how far apart the processors are. With virtual ones, 4 threads were seen to cost 37 to"
        " 240 ns more, hour by hour, where they took 80 to 260 without gpuslice.",
        "thread",
        "threads",
    ),
    "processes": about_pairs.pairs_by(
        "processes",
        "A pair, by processes",
        "So many processes of one session at once, each on a simulated card of its own, whose books they would otherwise"
        " pass each other.",
        "process",
        "processes",
    ),
    "live": about_pairs.live,
    "idle": about_pairs.pairs_by(
        "idle",
        "A pair, by idle processes",
        "Beside the process that is measured, so many others have joined its session, hold 4 KiB each, and do"
        " nothing.",
        "idle",
        "idle",
    ),
    "families": about_pairs.families,
    "calls": about_pairs.calls,
    "quiet": about_daemon.quiet,
    "pingpong": about_daemon.pingpong,
    "roundtrip": about_daemon.round_trips,
    "scrape": about_daemon.scrape,
    "metrics": about_monitoring.metrics,
    "listeners": about_daemon.listeners,
    "lists": about_daemon.lists,
    "registration": about_daemon.registration,
    "reclaim": about_daemon.reclaim,
    "run": about_daemon.run,
    "start": about_daemon.start,
    "restart": about_daemon.restart,
}


def rounds_of(result: dict) -> int:
    for rows in result["measurements"].values():
        if isinstance(rows, list) and "baseline" in rows[0]:
            return len(rows[0]["baseline"])
    return 0

# SPDX-License-Identifier: Apache-2.0
"""What gpuslice promises to cost, and whether the figures bear it out."""

from collections.abc import Iterator
from typing import NamedTuple

from suite.rounds import added, median

MOST_ADDED_NS = 40
MOST_BESIDE_OTHERS = 1.3  # times what one thread, or one process, pays
MOST_GROWTH = 0.10
MOST_RANDOM_NS = 150
MOST_DAEMON_CPU = 0.5  # percent of a core
MOST_TIMES_QUIET = 2  # p99 of a charge beside those who ask over HTTP
MOST_START_S = 1.5
MOST_IDLE_MIB = 200
MOST_TIMES_JAVA = {"run": 5, "ps": 8}  # an empty Java main


class Bar(NamedTuple):
    claim: str
    figure: str
    met: bool | None = None  # None: not measured

    @property
    def verdict(self) -> str:
        return "not measured" if self.met is None else "met" if self.met else "MISSED"


def judged(measurements: dict) -> list[Bar]:
    bars = []
    for name, judge in JUDGES.items():
        if name in measurements:
            bars += judge(measurements[name])
    return bars


def find(rows: list[dict], **wanted) -> dict:
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


def added_ns(row: dict) -> float:
    return median(added(row))


def growth(side: str, before: dict, after: dict) -> float:
    return median(after[side]) - median(before[side])


def share(side: str, before: dict, after: dict) -> float:
    """The growth, as a part of what it was before."""
    return growth(side, before, after) / median(before[side])


def beside_it(one: dict, four: dict) -> str:
    """What busy processors cost without gpuslice, too."""
    return f"(without gpuslice a pair takes {median(one['baseline']):.0f}, then {median(four['baseline']):.0f} ns)"


def of_threads(rows: list[dict]) -> Iterator[Bar]:
    alone, together = find(rows, threads=1), find(rows, threads=4)
    one, four = added_ns(alone), added_ns(together)
    yield Bar(f"a pair costs at most {MOST_ADDED_NS} ns more, in one thread", f"{one:.1f} ns", one <= MOST_ADDED_NS)
    yield Bar(
        f"in 4 threads at most {MOST_BESIDE_OTHERS} times that, {MOST_BESIDE_OTHERS * MOST_ADDED_NS:.0f} ns",
        f"{four:.1f} ns, {four / one:.2f} times what it costs more in one here {beside_it(alone, together)}",
        four <= MOST_BESIDE_OTHERS * MOST_ADDED_NS,
    )


def of_processes(rows: list[dict]) -> Iterator[Bar]:
    alone, together = find(rows, processes=1), find(rows, processes=4)
    one, four = added_ns(alone), added_ns(together)
    yield Bar(
        f"in 4 processes of one session at most {MOST_BESIDE_OTHERS} times what it costs more in one",
        f"{four:.1f} ns after {one:.1f}, {four / one:.2f} times {beside_it(alone, together)}",
        four <= MOST_BESIDE_OTHERS * one,
    )


def of_idle(rows: list[dict]) -> Iterator[Bar]:
    first, last = rows[0], rows[-1]
    grown = share("subject", first, last)
    yield Bar(
        f"beside {last['idle']} idle registered processes a pair takes at most {MOST_GROWTH:.0%} more than beside"
        " none",
        f"{grown:+.1%} (what gpuslice adds: {added_ns(first):.1f}, then {added_ns(last):.1f} ns)",
        grown <= MOST_GROWTH,
    )


def of_live(rows: list[dict]) -> Iterator[Bar]:
    none = find(rows, order="newest", live=0)
    most = max(row["live"] for row in rows)
    newest, random = find(rows, order="newest", live=most), find(rows, order="random", live=most)
    grown = share("subject", none, newest)
    yield Bar(
        f"with {most:,} live allocations a pair of the newest block takes at most {MOST_GROWTH:.0%} more than with"
        " none",
        f"{grown:+.1%} (without gpuslice {share('baseline', none, newest):+.1%})",
        grown <= MOST_GROWTH,
    )
    ours, floor = growth("subject", none, random), growth("baseline", none, random)
    yield Bar(
        f"replaced in random order among {most:,}, it grows by at most {MOST_RANDOM_NS} ns more than without"
        " gpuslice",
        f"{ours:+.0f} ns, without gpuslice {floor:+.0f}: {ours - floor:+.0f} ns",
        ours - floor <= MOST_RANDOM_NS,
    )


def of_quiet(figures: dict) -> Iterator[Bar]:
    yield Bar(
        "programs inside their credit send the daemon nothing",
        f"{figures['frames']} frames in {figures['pairs']:,} pairs; {figures['requests']:.0f} requests decided",
        figures["frames"] == 0 and figures["requests"] == 0,
    )
    more = median(figures["churning"]) - median(figures["idle"])
    yield Bar(
        f"and cost it at most {MOST_DAEMON_CPU} % of a core",
        f"{more:+.2f} % ({median(figures['idle']):.2f} % idle, {median(figures['churning']):.2f} % then)",
        more <= MOST_DAEMON_CPU,
    )


def of_pingpong(figures: dict) -> Iterator[Bar]:
    turns, race = figures["turns"], figures["race"]
    yield Bar(
        "a collect takes one round trip: two processes that take the whole limit in turns",
        f"{turns['made']} allocations, {turns['grants']} grants, {turns['collects']} collects, {turns['refused']}"
        " refusals",
        turns["grants"] <= turns["made"] and turns["refused"] == 0,
    )
    reasons = race["unjustified"] + race["unexplained"] + turns["unjustified"] + turns["unexplained"]
    yield Bar(
        "every refusal is right, by the audit log and by what the other process held",
        f"{race['refused'] + turns['refused']} refusals, {reasons} without reason",
        reasons == 0,
    )


def of_lists(figures: dict) -> Iterator[Bar]:
    quiet, asked = (median([turn["p99_us"] for turn in figures[name]]) for name in ("without", "rate"))
    yield Bar(
        f"beside 200 `GET /sessions` a second of {figures['sessions']} sessions a charge's p99 is at most"
        f" {MOST_TIMES_QUIET} times its quiet one",
        f"{asked / quiet:.2f} times ({quiet:.0f} µs, then {asked:.0f})",
        asked <= MOST_TIMES_QUIET * quiet,
    )


def of_start(figures: dict) -> Iterator[Bar]:
    seconds = median(figures["ready_s"])
    yield Bar(
        f"the daemon is ready within {MOST_START_S} s with its start-up cache",
        f"{seconds:.2f} s" + ("" if figures["start_up_cache"] else ", without the cache: this build has none"),
        seconds <= MOST_START_S,
    )
    yield Bar(
        f"and holds at most {MOST_IDLE_MIB} MiB when idle",
        f"{figures['idle_mib']:.0f} MiB",
        figures["idle_mib"] <= MOST_IDLE_MIB,
    )


def of_run(figures: dict) -> Iterator[Bar]:
    java = median(figures["java"])
    for verb, most in MOST_TIMES_JAVA.items():
        if verb in figures:
            taken = median(figures[verb])
            yield Bar(
                f"`gpuslice {verb}` takes at most {most} times an empty Java main",
                f"{taken:.0f} ms, {taken / java:.1f} times {java:.0f} ms",
                taken <= most * java,
            )


JUDGES = {
    "threads": of_threads,
    "processes": of_processes,
    "idle": of_idle,
    "live": of_live,
    "quiet": of_quiet,
    "pingpong": of_pingpong,
    "lists": of_lists,
    "start": of_start,
    "run": of_run,
}

# SPDX-License-Identifier: Apache-2.0
"""The README's few figures, from those of one run."""

from pathlib import Path

from suite.bars import find
from suite.markdown import micro, table
from suite.rounds import median, percentile

BEGIN = "<!-- figures: made by `bench/run --report` -->\n"
END = "<!-- /figures -->\n"


def write(measurements: dict, page: Path) -> None:
    """Puts them where the page says that they go; one that was not measured is not in it."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} has no {BEGIN.strip()} … {END.strip()}")
    page.write_text(before + BEGIN + figures(measurements) + END + after)


def figures(measurements: dict) -> str:
    rows = [row for name, of in ROWS.items() if name in measurements for row in of(measurements[name])]
    return table(["", "gpuslice", "beside it"], rows)


def nanoseconds(row: dict) -> list[str]:
    return [f"{median(row['subject']):.0f} ns", f"{median(row['baseline']):.0f} ns without gpuslice"]


def of_threads(rows: list[dict]) -> list[list[str]]:
    return [["an allocation and its free, one thread", *nanoseconds(find(rows, threads=1))]]


def of_processes(rows: list[dict]) -> list[list[str]]:
    return [["the same in each of 4 processes of one session", *nanoseconds(find(rows, processes=4))]]


def of_live(rows: list[dict]) -> list[list[str]]:
    most = max(row["live"] for row in rows)
    newest = find(rows, order="newest", live=most)
    return [[f"the same among {most:,} live allocations, newest block", *nanoseconds(newest)]]


def of_idle(rows: list[dict]) -> list[list[str]]:
    return [[f"the same beside {rows[-1]['idle']} idle processes of the session", *nanoseconds(rows[-1])]]


def of_quiet(quiet: dict) -> list[list[str]]:
    what = f"messages to the daemon in {quiet['pairs'] / 1e6:,.0f} million such pairs, inside what was granted"
    return [[what, f"{quiet['frames']}", ""]]


def of_roundtrip(rows: list[dict]) -> list[list[str]]:
    alone = find(rows, placement="pinned", clients=1)
    return [
        [
            "a charge that is decided and journaled, one client, one CPU, p50",
            micro(alone["grant"]["p50_us"]),
            f"{micro(alone['echo']['p50_us'])}, a C-to-C echo on such a socket",
        ]
    ]


def of_run(run: dict) -> list[list[str]]:
    java = f"{median(run['java']):.0f} ms, an empty Java main"
    return [
        ["`gpuslice run --limit 1GB -- true`, p50", f"{median(run['run']):.0f} ms", java],
        ["`gpuslice ps`, p50", f"{median(run['ps']):.0f} ms", java],
    ]


def of_reclaim(reclaim: dict) -> list[list[str]]:
    ms = reclaim["ms"]
    what = f"memory usable again after SIGKILL, {len(ms)} trials"
    return [[what, f"p50 {percentile(ms, 0.5):.0f} ms, max {max(ms):.0f} ms", ""]]


def of_start(start: dict) -> list[list[str]]:
    return [["daemon ready; idle", f"{median(start['ready_s']):.2f} s; {start['idle_mib']:.0f} MiB", ""]]


ROWS = {
    "threads": of_threads,
    "processes": of_processes,
    "live": of_live,
    "idle": of_idle,
    "quiet": of_quiet,
    "roundtrip": of_roundtrip,
    "run": of_run,
    "reclaim": of_reclaim,
    "start": of_start,
}

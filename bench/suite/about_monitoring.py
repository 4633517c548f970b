# SPDX-License-Identifier: Apache-2.0
"""The report's section on what it costs to be watched."""

from suite.markdown import Plot, micro, table
from suite.monitoring import middle
from suite.rounds import median


def metrics(figures: dict, plot: Plot) -> str:
    scrapes = figures["scrapes"]
    return "\n".join(
        [
            "## A scrape\n",
            f"`/metrics` with {figures['sessions']:,} sessions, each with a process, read {len(scrapes)} times:"
            f" {middle(scrapes, 'ms'):.0f} ms (longest {max(scrape['ms'] for scrape in scrapes):.0f} ms) and"
            f" {middle(scrapes, 'cpu_ms'):.0f} ms of the daemon's CPU for {middle(scrapes, 'series'):,.0f} series,"
            f" {middle(scrapes, 'bytes') / 1024:,.0f} KiB. One client's charges without a scrape and beside one a"
            f" second, median of {len(figures['with'])} rounds:\n",
            table(
                ["", "without", "with"],
                [
                    [words, *(micro(median([turn[key] for turn in figures[name]])) for name in ("without", "with"))]
                    for key, words in (("p50_us", "p50"), ("p99_us", "p99"))
                ],
            ),
        ]
    )

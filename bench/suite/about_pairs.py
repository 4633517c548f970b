# SPDX-License-Identifier: Apache-2.0
"""The report's sections on what a pair costs: a few words, a plot, the figures."""

from collections.abc import Callable

from suite.markdown import Plot, table
from suite.plot import Series, bars
from suite.rounds import added, median, quartiles

Name = Callable[[dict], str]


def pair_table(head: str, rows: list[dict], name: Name) -> str:
    return table(
        [head, "baseline, ns", "gpuslice, ns", "added, ns", "quartiles of added"],
        [
            [
                name(row),
                f"{median(row['baseline']):.1f}",
                f"{median(row['subject']):.1f}",
                f"{median(added(row)):+.1f}",
                "{:+.1f} … {:+.1f}".format(*quartiles(added(row))),
            ]
            for row in rows
        ],
    )


def pair_plot(plot: Plot, stem: str, title: str, rows: list[dict], name: Name, logarithmic=False) -> str:
    series = [
        Series(words, [median(row[side]) for row in rows], [quartiles(row[side]) for row in rows])
        for side, words in (("baseline", "baseline"), ("subject", "with gpuslice"))
    ]
    return plot(stem, bars(title, "ns of CPU per pair", [name(row) for row in rows], series, logarithmic))


def pairs_by(key: str, title: str, words: str, singular: str, plural: str) -> Callable[[list[dict], Plot], str]:
    def section(rows: list[dict], plot: Plot) -> str:
        def name(row):
            return f"{row[key]:,} {singular if row[key] == 1 else plural}"

        return "\n".join(
            [f"## {title}\n", words + "\n", pair_plot(plot, key, title, rows, name), pair_table("", rows, name)]
        )

    return section


def live(rows: list[dict], plot: Plot) -> str:
    def name(row):
        return f"{row['live']:,}, {row['order']}" if row["live"] else "none"

    title = "A pair, by live allocations"
    words = (
        "The program holds so many allocations all the time. *Newest*: it takes one more and frees that. *Random*:"
        " it frees one of those that it holds, wherever that is, and takes another for it, so that every cache"
        " misses."
    )
    return "\n".join(
        [f"## {title}\n", words + "\n", pair_plot(plot, "live", title, rows, name), pair_table("live", rows, name)]
    )


def families(rows: list[dict], plot: Plot) -> str:
    title = "A pair, by family"
    picture = bars(
        "What gpuslice adds to a pair, by family",
        "ns of CPU per pair",
        [row["family"] for row in rows],
        [Series("added", [median(added(row)) for row in rows], [quartiles(added(row)) for row in rows])],
    )
    words = "One way of each family to take memory and to give it back. A pool's memory stays reserved meanwhile."
    return "\n".join(
        [
            f"## {title}\n",
            words + "\n",
            plot("families", picture),
            pair_table("", rows, lambda row: f"{row['family']}: {coded(row['calls'])}"),
        ]
    )


def coded(calls: str) -> str:
    return ", ".join(f"`{call}`" if call.startswith("cu") and " " not in call else call for call in calls.split(", "))


def calls(rows: list[dict], plot: Plot) -> str:
    words = (
        "`cuMemGetInfo` answers with the session's numbers instead of the card's, which only the daemon knows: on"
        " the wall it is a round trip. `cuLaunchKernel` is not hooked: what is added to it is the difference of two"
        " equal things, and shows how exact this page is."
    )
    walls = table(
        ["on the wall", "baseline, ns", "gpuslice, ns"],
        [
            [f"`{row['calls']}`", f"{median(row['baseline_wall']):.1f}", f"{median(row['subject_wall']):.1f}"]
            for row in rows
        ],
    )
    return "\n".join(
        [
            "## Calls that take nothing\n",
            words + "\n",
            pair_table("CPU per call", rows, lambda row: f"`{row['calls']}`"),
            walls,
        ]
    )

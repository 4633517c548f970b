# SPDX-License-Identifier: Apache-2.0
"""Things measured in turns, so that a machine that slows down slows all of them down; and what their figures say."""

import statistics
from collections.abc import Sequence


def in_turns(contenders: dict, rounds: int) -> dict:
    """What each contender answers, round by round. Each round begins with another one: none is always first."""
    names = list(contenders)
    figures: dict = {name: [] for name in names}
    for round in range(rounds):
        first = round % len(names)
        for name in names[first:] + names[:first]:
            figures[name].append(contenders[name]())
    return figures


def median(figures: Sequence[float]) -> float:
    return statistics.median(figures)


def quartiles(figures: Sequence[float]) -> tuple[float, float]:
    if len(figures) < 2:
        return figures[0], figures[0]
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return low, high


def added(row: dict) -> list[float]:
    """What the subject took over the baseline, in each round."""
    return [subject - baseline for subject, baseline in zip(row["subject"], row["baseline"], strict=True)]


def percentile(figures: Sequence[float], share: float) -> float:
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

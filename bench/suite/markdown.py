# SPDX-License-Identifier: Apache-2.0
"""Pieces of Markdown."""

from collections.abc import Callable

# Takes a stem and an SVG, keeps the SVG under that name, and gives the Markdown that shows it.
Plot = Callable[[str, str], str]


def table(head: list[str], rows: list[list[str]]) -> str:
    numeric = ["---" if i == 0 or not head[i] else "---:" for i in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, numeric, *rows]) + "\n"


def micro(microseconds: float) -> str:
    return f"{microseconds / 1000:,.2f} ms" if microseconds >= 1000 else f"{microseconds:.1f} µs"


def listed(figures: list[float]) -> str:
    return ", ".join(f"{figure:.2f}" for figure in figures)

# SPDX-License-Identifier: Apache-2.0
"""Bar charts as SVG, in colours that can be read on white and on black: nobody knows what a page is shown on."""

import math
from html import escape
from typing import NamedTuple

INK = "#7d8590"
COLOURS = ("#8c959f", "#2f81f7", "#d29922", "#cf5b96")
WIDTH, HEIGHT = 760, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 52, 48


class Series(NamedTuple):
    name: str
    values: list[float]
    spans: list[tuple[float, float]] | None = None  # drawn as whiskers


class Scale:
    """From a figure to a height; from 0, or by powers of ten."""

    def __init__(self, highest: float, lowest: float, logarithmic: bool):
        self._logarithmic = logarithmic
        if logarithmic:
            self._first, self._last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
            self.ticks = [10.0**power for power in range(self._first, self._last + 1)]
        else:
            step = nice(highest / 5)
            self.ticks = [step * i for i in range(math.ceil(highest / step) + 1)]
            self._last = self.ticks[-1]

    def y(self, value: float) -> float:
        if self._logarithmic:
            share = (math.log10(max(value, self.ticks[0])) - self._first) / (self._last - self._first)
        else:
            share = max(value, 0) / self._last
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)


def nice(step: float) -> float:
    """The next of 1, 2, 5, 10, …"""
    power = 10 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * 0.999)


def bars(title: str, unit: str, categories: list[str], series: list[Series], logarithmic: bool = False) -> str:
    figures = [value for one in series for value in one.values] + [
        high for one in series for _, high in one.spans or []
    ]
    positive = [value for value in figures if value > 0] or [1.0]
    scale = Scale(max(positive), min(positive), logarithmic)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">',
        f"<title>{escape(title)}</title>",
        text(LEFT, 18, title, size=14),
        text(LEFT, TOP - 8, unit, size=11),
    ]
    for tick in scale.ticks:
        y = scale.y(tick)
        parts.append(line(LEFT, WIDTH - RIGHT, y, y, 'stroke-opacity="0.25"'))
        parts.append(text(LEFT - 6, y + 4, f"{tick:,.0f}" if tick >= 1 else f"{tick:g}", anchor="end"))
    colours = COLOURS[1:] if len(series) == 1 else COLOURS  # grey is the baseline's
    slot = (WIDTH - LEFT - RIGHT) / len(categories)
    width = slot * 0.8 / len(series)
    for i, category in enumerate(categories):
        parts.append(text(LEFT + slot * (i + 0.5), HEIGHT - BOTTOM + 18, category, anchor="middle"))
        for k, one in enumerate(series):
            parts += bar(scale, LEFT + slot * (i + 0.1) + width * k, width, one, i, colours[k])
    parts += legend(series, colours)
    return "\n".join([*parts, "</svg>"]) + "\n"


def bar(scale: Scale, x: float, width: float, series: Series, index: int, colour: str) -> list[str]:
    top, foot = scale.y(series.values[index]), HEIGHT - BOTTOM
    parts = [rectangle(x, top, width * 0.92, max(foot - top, 0), colour)]
    summit = top
    if series.spans is not None:
        low, high = (scale.y(value) for value in series.spans[index])
        middle = x + width * 0.46
        parts.append(line(middle, middle, low, high, 'stroke-width="2"'))
        summit = min(top, high)
    parts.append(text(x + width * 0.46, summit - 4, short(series.values[index]), anchor="middle", size=10))
    return parts


def legend(series: list[Series], colours: tuple[str, ...]) -> list[str]:
    parts, x = [], float(LEFT)
    for one, colour in zip(series, colours):
        parts.append(rectangle(x, HEIGHT - 16, 10, 10, colour))
        parts.append(text(x + 14, HEIGHT - 7, one.name))
        x += 34 + 7 * len(one.name)
    return parts


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def line(x1: float, x2: float, y1: float, y2: float, how: str) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="{INK}" {how}/>'


def short(value: float) -> str:
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}"


def text(x: float, y: float, words: str, anchor: str = "start", size: int = 12) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'

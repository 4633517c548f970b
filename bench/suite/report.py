# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md and its plots, and the README's figures, from one run."""

import os
from pathlib import Path

from suite import bars, readme, sections
from suite.markdown import table

INTRODUCTION = """\
<!-- Made by `bench/run --report` from {source}. Do not edit: `make bench` makes it anew. -->
# Benchmarks

What gpuslice costs, on the [simulated GPU](../it/fakecuda/README.md): a driver that does nothing but keep books, so
that nothing hides what is added to it. `make bench` measures all of it anew; [bench/README.md](../bench/README.md) says
what each figure means and how to take one alone. Every figure of this page is in [{name}](../{source}).

* *Baseline* is the same program on the same simulated driver without gpuslice. Baseline and gpuslice take turns
  within one run, burst by burst, and all settings of a table take turns with each other.
* Figures are medians over {rounds} rounds. *Added* is the median of the rounds' differences. Whiskers are quartiles.
* A *pair* is an allocation and its free. Its cost is CPU time of the whole process, system calls included
  (`CLOCK_PROCESS_CPUTIME_ID`).
* What a real driver takes for itself comes on top of both: `cudaMalloc` of a real card takes microseconds.

## The machine

{machine}

## What was promised

{bars}
"""

MISSED = "A bar that is missed stays on this page until it is met.\n"


def write(result: dict, file: Path, root: Path) -> None:
    page, plots = root / "docs" / "benchmarks.md", root / "docs" / "benchmarks"
    plots.mkdir(parents=True, exist_ok=True)
    for old in plots.glob("*.svg"):
        old.unlink()
    parts = [introduction(result, Path(os.path.relpath(file, root)))]
    for name, section in sections.SECTIONS.items():
        if name in result["measurements"]:
            parts.append(section(result["measurements"][name], lambda stem, svg: plot(plots, stem, svg)))
    for name, why in result["failed"].items():
        parts.append(f"## {name}\n\n**Failed** in this run: {why}.\n")
    page.write_text("\n".join(parts))
    readme.write(result["measurements"], root / "README.md")
    print(f"written to {page}")


def plot(folder: Path, stem: str, svg: str) -> str:
    (folder / f"{stem}.svg").write_text(svg)
    title = svg.split("<title>")[1].split("</title>")[0]
    return f"![{title}](benchmarks/{stem}.svg)\n"


def introduction(result: dict, source: Path) -> str:
    judged = bars.judged(result["measurements"])
    rows = table(["", "measured", ""], [[bar.claim, bar.figure, bold_if_missed(bar)] for bar in judged])
    missed = "" if all(bar.met for bar in judged) else "\n" + MISSED
    return INTRODUCTION.format(
        source=source,
        name=source.name,
        rounds=sections.rounds_of(result),
        machine=machine(result),
        bars=rows + missed,
    )


def bold_if_missed(bar: bars.Bar) -> str:
    return bar.verdict if bar.met else f"**{bar.verdict.lower()}**"


def machine(result: dict) -> str:
    of = result["machine"]
    busy = (
        f" It was **busy** when the run began (load {of['load']:.1f}): these figures say less than they should."
        if of["busy"]
        else f" Load when the run began: {of['load']:.2f}."
    )
    return (
        f"{of['cpus']} CPUs ({of['cpu']}, {float(of['mhz']):,.0f}"
        f" MHz{', of a virtual machine' if of['virtual'] else ''}), {of['memory_gib']} GiB, Linux {of['kernel']},"
        f" {of['libc']}, {of['compiler']}. The run took {result['seconds'] / 60:.1f} minutes.{busy}"
    )

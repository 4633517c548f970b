# SPDX-License-Identifier: Apache-2.0
"""The table, in Markdown."""

# What stands above it in a page stays there.
MARK = "<!-- written by gpu/run from here on -->\n"

COLUMNS = [
    "scenario", "limit", "reached", "refused with code 2", "program recovered", "counted", "held by NVML",
    "pair without", "pair with", "overhead", "result",
]


def size(count):
    """As gpuslice prints it; a difference may be negative."""
    if count is None:
        return "–"
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if abs(count) >= 1 << power:
            return f"{count / (1 << power):.1f} {unit}"
    return f"{count} B"


def time(ns):
    return "–" if ns is None else f"{ns / 1000:.2f} µs" if abs(ns) >= 1000 else f"{ns:.0f} ns"


def _cells(row):
    if row.skipped:
        return [row.scenario.name, size(row.limit)] + ["–"] * 8 + ["skipped"]
    refused = {None: "–", 2: "yes", "OutOfMemory": "its out-of-memory error"}.get(row.refusal, f"no: {row.refusal}")
    recovered = {None: "–", True: "yes", False: "no"}[row.recovered]
    return [
        row.scenario.name, size(row.limit), size(row.reached), refused, recovered, size(row.used), size(row.held),
        time(row.bare_ns), time(row.limited_ns), time(row.overhead_ns), "FAILED" if row.faults else "ok",
    ]


def markdown(rows, facts):
    lines = ["## Measured on " + facts["device"], ""]
    lines += [f"- {name}: {value}" for name, value in facts.items() if name != "device"]
    lines += ["", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    for title, reasons in (
        ("Failed", [(row, fault) for row in rows for fault in row.faults]),
        ("Skipped", [(row, row.skipped) for row in rows if row.skipped]),
    ):
        if reasons:
            lines += ["", f"### {title}", ""] + [f"- {row.scenario.name}: {why}" for row, why in reasons]
    return "\n".join(lines) + "\n"


def put_into(page, table):
    above = page.read_text().split(MARK)[0] if page.exists() else "# Results\n\n"
    page.write_text(above + MARK + "\n" + table)

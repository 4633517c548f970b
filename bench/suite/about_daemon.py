# SPDX-License-Identifier: Apache-2.0
"""The report's sections on the daemon: what it does, how fast, and when it is left in peace."""

from suite.markdown import Plot, listed, micro, table
from suite.plot import Series, bars
from suite.rounds import median, percentile, quartiles


def quiet(figures: dict, plot: Plot) -> str:
    return (
        f"## Inside the credit\n\nTwo processes of one session churned, {figures['pairs']:,} pairs among 1,000 live"
        f" allocations each, in random order. They sent {figures['frames']} frames (counted in the processes, at"
        f" `send`), and the daemon decided {figures['requests']:.0f} requests. Its CPU in windows of"
        f" {figures['seconds']:g} s, in turns: idle {listed(figures['idle'])} % of a core, meanwhile"
        f" {listed(figures['churning'])} %.\n"
    )


def pingpong(figures: dict, plot: Plot) -> str:
    turns, race, grant = figures["turns"], figures["race"], figures["grant"]
    rows = [
        [
            "an allocation in turns: a request, a collect, a grant",
            micro(turns["p50_us"]),
            micro(turns["p99_us"]),
            micro(turns["max_us"]),
        ],
        ["a charge that collects nothing", micro(grant["p50_us"]), micro(grant["p99_us"]), micro(grant["max_us"])],
    ]
    return "\n".join(
        [
            "## Two processes, the whole limit\n",
            f"Each takes the whole limit and gives it back. In turns: {turns['made']:,} allocations needed"
            f" {turns['grants']:,} grants and {turns['collects']:,} collects, {turns['refused']} were refused. What"
            " an allocation takes on the wall:\n",
            table(["", "p50", "p99", "longest"], rows),
            f"As a race, each as fast as it can: {race['made']:,} allocations, most of them in credit that was left"
            f" to them, {race['grants']:,} grants, {race['collects']:,} collects, {race['refused']:,} refusals. By"
            f" the audit log, {race['unjustified']} of those came while there was room, and the charges were above"
            f" the limit {race['over_the_limit']} times; by the two programs' own clocks, {race['unexplained']}"
            " came while the other one neither held memory nor was being given any.\n",
        ]
    )


def round_trips(rows: list[dict], plot: Plot) -> str:
    def name(row):
        return f"{row['clients']} in {row['sessions']}, {'one CPU' if row['placement'] == 'pinned' else 'free'}"

    series = [Series("C echo, p50", [row["echo"]["p50_us"] for row in rows])] + [
        Series(f"charge, {words}", [row["grant"][key] for row in rows])
        for key, words in (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9"))
    ]
    title = "A charge, decided and journaled"
    return "\n".join(
        [
            f"## {title}\n",
            "What a program waits when its credit is used up: asked, decided, in the journal, answered; each"
            " charge of a strict session, so that none is met from credit. *n in m*: n processes in m sessions,"
            " each with one request in flight. *One CPU*: clients and daemon share it; *free*: where the kernel"
            " puts them. The echo is two C programs on such a socket.\n",
            plot("charge", bars(title, "µs", [name(row) for row in rows], series, logarithmic=True)),
            table(
                ["clients in sessions", "echo p50", "p50", "p99", "p99.9", "a second", "p50 / echo"],
                [
                    [
                        name(row),
                        micro(row["echo"]["p50_us"]),
                        *(micro(row["grant"][key]) for key in ("p50_us", "p99_us", "p999_us")),
                        f"{row['grant']['per_second']:,.0f}",
                        f"{row['grant']['p50_us'] / row['echo']['p50_us']:.1f}",
                    ]
                    for row in rows
                ],
            ),
        ]
    )


def scrape(figures: dict, plot: Plot) -> str:
    rows = []
    for key, words in (("p50_us", "p50"), ("p99_us", "p99")):
        without, beside = ([turn[key] for turn in figures[name]] for name in ("without", "with"))
        rows.append(
            [
                words,
                micro(median(without)),
                micro(median(beside)),
                f"{median(beside) - median(without):+.1f} µs",
                f"{max(without) - min(without):.1f} µs",
            ]
        )
    taken = [millis for turn in figures["with"] for millis in turn["scrapes_ms"]]
    return "\n".join(
        [
            "## A charge beside a scrape\n",
            f"One client's charges beside {figures['sessions']} open sessions, {len(figures['with'])} rounds each"
            f" without and with a scrape of `/metrics` a second ({median(taken):.0f} ms each). What it changes,"
            " beside what the rounds without it differ by:\n",
            table(["", "without", "with", "change", "without, round to round"], rows),
        ]
    )


def beside(figures: dict, words: dict[str, str]) -> str:
    """A row for each contender, with what its p99 is in times of the quiet one's."""
    quiet = median([turn["p99_us"] for turn in figures["without"]])
    rows = []
    for name, said in words.items():
        p50, p99 = (median([turn[key] for turn in figures[name]]) for key in ("p50_us", "p99_us"))
        heard = [turn["web"] for turn in figures[name] if "web" in turn]
        answers, sent = (
            median([each[key] / each["seconds"] for each in heard]) if heard else 0 for key in ("answers", "bytes")
        )
        rows.append(
            [
                said,
                micro(p50),
                micro(p99),
                f"{p99 / quiet:.1f}",
                f"{answers:,.0f}" if answers else "",
                f"{sent / 1e6:.1f} MB" if sent else "",
            ]
        )
    return table(["", "p50", "p99", "times quiet", "answers a second", "sent a second"], rows)


def listeners(figures: dict, plot: Plot) -> str:
    before, after = figures["resident_mib"]
    return "\n".join(
        [
            "## A charge beside streams of events\n",
            f"One client's charges, without and with {figures['listeners']:,} streams of `/events`, each of which is"
            f" told once a second what {figures['sessions']} sessions hold, as far as it has changed. Main memory of"
            f" the daemon: {before:.0f} MiB before the first stream, {after:.0f} MiB after the last.\n",
            beside(figures, {"without": "quiet", "with": f"{figures['listeners']:,} streams"}),
        ]
    )


def lists(figures: dict, plot: Plot) -> str:
    return "\n".join(
        [
            "## A charge beside those who list the sessions\n",
            f"One client's charges, beside {figures['clients']} keep-alive connections that `GET /sessions`, of"
            f" which there are {figures['sessions']}: all together 200 times a second, and each as fast as it is"
            " answered.\n",
            beside(figures, {"without": "quiet", "rate": "200 a second", "saturated": "saturated"}),
        ]
    )


def registration(rows: list[dict], plot: Plot) -> str:
    def name(row):
        if row["processes"] == 1:
            return f"one alone, {row['join']['requests']} times"
        return f"{row['processes']} at once, {'in one session' if row['sessions'] == 1 else 'each in a session of its own'}"

    return "\n".join(
        [
            "## Becoming a member\n",
            "From connect to the mapped ledger page: connect, HELLO, journaled, WELCOME, the page. All processes"
            " begin at one moment. Beside it the same number connect to a C program and exchange 32 bytes.\n",
            table(
                ["", "echo p50", "echo longest", "p50", "p99", "longest"],
                [
                    [
                        name(row),
                        micro(row["greet"]["p50_us"]),
                        micro(row["greet"]["max_us"]),
                        *(micro(row["join"][key]) for key in ("p50_us", "p99_us", "max_us")),
                    ]
                    for row in rows
                ],
            ),
        ]
    )


def reclaim(figures: dict, plot: Plot) -> str:
    taken = figures["ms"]
    return (
        "## Memory of a killed process\n\nFrom the SIGKILL of a process that holds 64 × 1 MiB, the whole limit, and"
        f" as much main memory, until a sibling is granted all of it, {len(taken)} trials: p50 {median(taken):.1f}"
        f" ms, p90 {percentile(taken, 0.9):.1f} ms, longest {max(taken):.1f} ms.\n"
    )


def start(figures: dict, plot: Plot) -> str:
    return (
        "## The daemon's start and its memory\n\nFrom exec to ready, with an empty state and"
        f" {'its' if figures['start_up_cache'] else 'no'} start-up cache, {len(figures['ready_s'])} times:"
        f" {listed(figures['ready_s'])} s. Idle it holds {figures['idle_mib']:.0f} MiB of main memory.\n"
    )


def run(figures: dict, plot: Plot) -> str:
    names = {
        "true": "`true` itself",
        "java": "an empty Java main",
        "run": "`gpuslice run --limit 1GB -- true`",
        "ps": "`gpuslice ps`",
    }
    return "\n".join(
        [
            "## gpuslice run\n",
            "From fork to the end of the program, with a daemon that is there.\n",
            table(
                ["", "p50", "quartiles"],
                [
                    [words, f"{median(figures[key]):.1f} ms", "{:.1f} … {:.1f}".format(*quartiles(figures[key]))]
                    for key, words in names.items()
                    if key in figures
                ],
            ),
        ]
    )


def restart(figures: dict, plot: Plot) -> str:
    total = figures["sessions"] * figures["charges"]
    return (
        f"## A restart among many sessions\n\n{figures['sessions']:,} sessions, each with a living process and"
        f" {figures['charges']:,} charges: {total:,} events in the journal (made in {figures['filled_s']:.0f} s)."
        f" Then `kill -9` of the daemon, and another one on what it left: ready after {figures['ready_s']:.2f} s,"
        f" and {figures['known_s']:.2f} s after its start `/metrics` showed all {figures['used_bytes']:,} bytes"
        f" again. Main memory: {figures['resident_mib']:.0f} MiB before the kill,"
        f" {figures['resident_after_mib']:.0f} MiB after.\n"
    )

# SPDX-License-Identifier: Apache-2.0
"""What an allocation and its free cost, in nanoseconds of CPU: with gpuslice (subject) and without (baseline).

Each function answers rows: what was varied, and the figures of each round, `baseline` and `subject` being of the same
round (`…_wall`: nanoseconds of a pair on the wall, of the slowest process). All rows of a function are measured in
turns with each other, by processes that all live at the same time.
"""

from suite.daemon import Daemon
from suite.profile import Profile
from suite.rounds import added, in_turns, median
from suite.stage import Program, Stage

LIMIT = "64GB"
FAMILIES = {
    "linear": "cuMemAlloc, cuMemFree",
    "runtime": "cudaMalloc, cudaFree",
    "managed": "cuMemAllocManaged, cuMemFree",
    "pitched": "cuMemAllocPitch, cuMemFree",
    "async": "cuMemAllocAsync, cuMemFreeAsync",
    "pool": "cuMemAllocFromPoolAsync, cuMemFreeAsync",
    "physical": "cuMemCreate, cuMemRelease",
    "mapped": "cuMemCreate, cuMemMap, cuMemSetAccess, cuMemUnmap, cuMemRelease",
    "array": "cuArrayCreate, cuArrayDestroy",
    "mipmapped": "cuMipmappedArrayCreate, cuMipmappedArrayDestroy",
    "graph": "cuGraphLaunch of an allocation and its free",
}
CALLS = {"info": "cuMemGetInfo", "kernel": "cuLaunchKernel"}


class Churner:
    """Programs of one kind, each in a process of its own, doing bursts of pairs at the same time."""

    def __init__(self, programs: list[Program], threads: int = 1):
        self._programs = programs
        self._threads = threads
        self.count = 0
        self.wall: list[float] = []  # nanoseconds of a pair, of every burst

    def calibrate(self, milliseconds: float) -> None:
        """Finds how many pairs a burst takes; what happens only the first time happens here."""
        self.count = 20
        for _ in range(4):
            nanoseconds = self.burst()
            self.count = max(20, min(50 * self.count, int(milliseconds * 1e6 / nanoseconds / self._threads)))

    def burst(self) -> float:
        """CPU nanoseconds of a pair, the mean of the processes."""
        for program in self._programs:
            program.tell(self.count)
        answers = [program.hear().split() for program in self._programs]
        self.wall.append(max(float(wall) for _, wall, _ in answers))
        return sum(float(cpu) for cpu, _, _ in answers) / len(answers)


def rows_of(settings: list[dict], pairs_of, profile: Profile) -> list[dict]:
    """`pairs_of(setting)` makes the two churners, baseline first.

    The subject does as many pairs as the baseline, or as many as take four times its CPU.
    """
    contenders, churners = {}, []
    for index, setting in enumerate(settings):
        baseline, subject = pairs_of(setting)
        baseline.calibrate(profile.burst_ms)
        subject.calibrate(profile.burst_ms)
        subject.count = min(baseline.count, 4 * subject.count)
        churners.append((baseline, subject))
        contenders |= {(index, "baseline"): baseline.burst, (index, "subject"): subject.burst}
    figures = in_turns(contenders, profile.rounds)
    return [
        setting
        | {
            "baseline": figures[index, "baseline"],
            "subject": figures[index, "subject"],
            "baseline_wall": baseline.wall[-profile.rounds :],
            "subject_wall": subject.wall[-profile.rounds :],
        }
        for index, (setting, (baseline, subject)) in enumerate(zip(settings, churners))
    ]


def one_of_each(stage: Stage, daemon: Daemon, *arguments, threads: int = 1) -> tuple[Churner, Churner]:
    session = daemon.open_session(LIMIT)
    return (
        Churner([stage.program("pairs", *arguments, extra=stage.card())], threads),
        Churner([stage.program("pairs", *arguments, extra=stage.card() | session)], threads),
    )


def threads(stage: Stage, profile: Profile) -> list[dict]:
    daemon = stage.daemon()
    return rows_of(
        [{"threads": count} for count in (1, 2, 4, 8)],
        lambda row: one_of_each(stage, daemon, "linear", row["threads"], threads=row["threads"]),
        profile,
    )


def processes(stage: Stage, profile: Profile) -> list[dict]:
    """So many processes at once, of one session. Each has a card of its own: what they cost each other in the simulator's
    books is left out."""
    daemon = stage.daemon()

    def churners(row):
        session, count = daemon.open_session(LIMIT), range(row["processes"])
        return (
            Churner([stage.program("pairs", "linear", extra=stage.card()) for _ in count]),
            Churner([stage.program("pairs", "linear", extra=stage.card() | session) for _ in count]),
        )

    return rows_of([{"processes": count} for count in (1, 2, 4)], churners, profile)


def live(stage: Stage, profile: Profile) -> list[dict]:
    daemon = stage.daemon()
    settings = [{"order": "newest", "live": count} for count in profile.live]
    settings += [{"order": "random", "live": count} for count in profile.live if count > 0]
    return rows_of(settings, lambda row: one_of_each(stage, daemon, "linear", 1, row["live"], row["order"]), profile)


def idle(stage: Stage, profile: Profile) -> list[dict]:
    """Each count is a session of its own, its idle members on a card of theirs: the simulator's cost is left out."""
    daemon = stage.daemon()

    def churners(row):
        session = daemon.open_session(LIMIT)
        stage.program("members", row["idle"], extra=stage.card() | session)
        return (
            Churner([stage.program("pairs", "linear", extra=stage.card())]),
            Churner([stage.program("pairs", "linear", extra=stage.card() | session)]),
        )

    return rows_of([{"idle": count} for count in profile.idle], churners, profile)


def families(stage: Stage, profile: Profile) -> list[dict]:
    return each_of(FAMILIES, stage, profile)


def calls(stage: Stage, profile: Profile) -> list[dict]:
    return each_of(CALLS, stage, profile)


def each_of(families: dict[str, str], stage: Stage, profile: Profile) -> list[dict]:
    daemon = stage.daemon()
    return rows_of(
        [{"family": name, "calls": calls} for name, calls in families.items()],
        lambda row: one_of_each(stage, daemon, row["family"]),
        profile,
    )


def summary(rows: list[dict]) -> list[str]:
    lines = []
    for row in rows:
        name = " ".join(
            f"{key} {value}" for key, value in row.items() if not isinstance(value, list) and key != "calls"
        )
        baseline, subject = median(row["baseline"]), median(row["subject"])
        lines.append(f"{name:<28} {baseline:9.1f} ns {subject:9.1f} ns   added {median(added(row)):+8.1f} ns")
    return lines

# SPDX-License-Identifier: Apache-2.0
"""What is tried, and how one scenario is tried. A scenario is a program that takes memory in one way until it is refused."""
import collections
import statistics

from rig import Broken

OUT_OF_MEMORY = 2
Scenario = collections.namedtuple("Scenario", "name program arguments environment own_budget")


def _scenario(name, program, *arguments, own_budget=False, **environment):
    return Scenario(name, program, list(arguments), environment, own_budget)


def _torch(configuration):
    # The older name, and the one since PyTorch 2.9.
    return {"PYTORCH_CUDA_ALLOC_CONF": configuration, "PYTORCH_ALLOC_CONF": configuration}


ALL = [
    _scenario("driver: linear", "families", "linear"),
    _scenario("driver: managed", "families", "managed"),
    _scenario("driver: pitched", "families", "pitched"),
    _scenario("driver: default pool", "families", "async"),
    _scenario("driver: own pool that keeps", "families", "pool"),
    _scenario("driver: VMM", "families", "physical"),
    _scenario("driver: arrays", "families", "array"),
    _scenario("driver: graphs", "families", "graph"),
    _scenario("driver: IPC", "families", "ipc"),
    _scenario("shared cudart: cudaMalloc", "runtime-shared", "linear"),
    _scenario("static cudart: cudaMalloc", "runtime-static", "linear"),
    _scenario("static cudart, per-thread stream: cudaMallocAsync", "runtime-static-ptds", "async"),
    _scenario("PyTorch", "frameworks", "torch"),
    _scenario("PyTorch, expandable segments", "frameworks", "torch", **_torch("expandable_segments:True")),
    _scenario("PyTorch, cudaMallocAsync", "frameworks", "torch", **_torch("backend:cudaMallocAsync")),
    _scenario("CuPy", "frameworks", "cupy"),
    _scenario("CuPy, asynchronous pool", "frameworks", "cupy-async"),
    # It keeps to a share of what the device shows, and gives nothing back: it may end before it is refused, and a pair
    # costs the driver nothing.
    _scenario("JAX, preallocating", "frameworks", "jax", own_budget=True, XLA_PYTHON_CLIENT_PREALLOCATE="true"),
    _scenario("JAX, growing", "frameworks", "jax", own_budget=True, XLA_PYTHON_CLIENT_PREALLOCATE="false"),
]


class Row:
    """What became of one scenario. A number is None where there is none."""

    def __init__(self, scenario, limit):
        self.scenario, self.limit = scenario, limit
        self.skipped = None  # why, in words
        self.faults = []  # what is not as it must be, in words
        self.reached = self.refusal = self.again = self.used = self.held = self.bare_ns = self.limited_ns = None

    def must(self, holds, otherwise):
        if not holds:
            self.faults.append(otherwise)

    @property
    def recovered(self):
        return None if self.again is None else not self.faults

    @property
    def overhead_ns(self):
        return None if self.limited_ns is None else self.limited_ns - self.bare_ns

    def as_json(self):
        return {
            "scenario": self.scenario.name, "limit_bytes": self.limit, "reached_bytes": self.reached,
            "refusal": self.refusal, "reached_again_bytes": self.again, "counted_bytes": self.used, "nvml_bytes": self.held,
            "pair_bare_ns": self.bare_ns, "pair_limited_ns": self.limited_ns, "skipped": self.skipped, "faults": self.faults,
        }


class Trial:
    """Tries scenarios, one after the other, on an otherwise idle device."""

    def __init__(self, rig, device, programs, options):
        self._rig, self._device, self._programs, self._options = rig, device, programs, options
        self._sessions = 0

    def of(self, scenario):
        row = Row(scenario, self._options.limit)
        found = self._programs[scenario.program]
        if isinstance(found, str):
            row.skipped = found
            return row
        command = found + scenario.arguments + ["--block", str(self._options.block)]
        try:
            # First without gpuslice: what does not work there is no matter of ours.
            row.skipped = self._cannot(scenario, command)
            if not row.skipped:
                self._until_refused(row, command)
                if not scenario.own_budget:
                    self._pairs(row, command)
        except Broken as e:
            row.faults.append(str(e))
        return row

    def _next_session(self):
        self._sessions += 1
        return f"scenario-{self._sessions}"

    def _cannot(self, scenario, command):
        with self._rig.bare(command + ["--pairs", "1"], scenario.environment) as program:
            word, said = program.hears("pair", "cannot", "skip")
        if word == "skip":
            return said["why"].replace("_", " ")
        return f"without gpuslice too, {said['call']} answers {said['code']}" if word == "cannot" else None

    def _until_refused(self, row, command):
        session, limit = self._next_session(), row.limit
        most = ["--most", str(limit + self._options.block)]
        with self._rig.limited(session, limit, command + most, row.scenario.environment) as program:
            word, said = program.hears("ready", "cannot", "skip")
            if word != "ready":
                raise Broken(f"under gpuslice alone: {word} {said}")
            row.must(said["total"] in (limit, 0), f"the device shows {said['total']} bytes, not the limit")
            before = self._device.memory()[1]

            _, said = program.told("fill", "held")
            row.reached, row.refusal = said["bytes"], said["code"]
            row.held = self._device.memory()[1] - before
            seen = self._rig.inspect(session)
            row.used = seen["used_bytes"]
            row.must(row.refusal in (OUT_OF_MEMORY, "OutOfMemory"), f"refused with {row.refusal}")
            row.must(seen["counters"]["denials"] > 0 or row.scenario.own_budget, "the refusal was not gpuslice's")
            row.must(row.used <= limit, f"counted {row.used} bytes, more than the limit")
            row.must(row.reached <= row.used, f"holds {row.reached} bytes, and {row.used} are counted")
            row.must(row.reached >= limit // 2, f"refused at {row.reached} bytes, less than half of the limit")

            _, said = program.told("again", "again")
            row.again = said["bytes"]
            row.must(said["code"] == row.refusal, f"half freed and filled again, it ended with {said['code']}")
            # A framework's own allocator may place them differently the second time.
            loss = self._options.block if row.scenario.program == "frameworks" else 0
            row.must(abs(row.again - row.reached) <= loss, f"half freed and filled again, it held {row.again} bytes")
            _, said = program.told("free", "freed")
            row.must(said["failed"] == 0, f"{said['failed']} frees failed")
            status = program.finish()
            row.must(status == 0, f"it ended with {status}")

    def _pairs(self, row, command):
        """With and without, in turns, so that a machine that changes its pace changes it for both."""
        bare, limited = [], []
        for _ in range(self._options.rounds):
            timed = command + ["--pairs", str(self._options.milliseconds)]
            with self._rig.bare(timed, row.scenario.environment) as program:
                bare.append(program.hears("pair")[1]["ns"])
            launched = self._rig.limited(self._next_session(), row.limit, timed, row.scenario.environment)
            with launched as program:
                limited.append(program.hears("pair")[1]["ns"])
        row.bare_ns, row.limited_ns = statistics.median(bare), statistics.median(limited)

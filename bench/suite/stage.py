# SPDX-License-Identifier: Apache-2.0
"""Where a measurement happens: folders, simulated cards, a daemon, and programs that come and go with it."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from suite.daemon import Daemon, Failed

ROOT = Path(__file__).resolve().parent.parent.parent
OWN = ("GPUSLICE_", "FAKECUDA_", "CUDA_", "LD_")
CPU = str(min(os.sched_getaffinity(0)))  # the one of whatever is to run on one CPU


class Stage(contextlib.ExitStack):
    """Whatever is started on it ends with it, in reverse order."""

    def __init__(self, build: Path, tree: Path):
        super().__init__()
        self.build = build
        self.tree = tree
        self.folder = Path(self._folder())
        # The card's books in memory: on a disk, its write-back would be measured.
        self._cards = Path(self._folder(where="/dev/shm"))
        self._cards_made = 0
        # LD_PRELOAD ends at blanks and colons, and a checkout's path may have some.
        self.library = self.folder / "libgpuslice.so"
        self.library.symlink_to(self.tree / "lib" / "libgpuslice.so")
        self.witness = self.folder / "libsends.so"
        self.witness.symlink_to(build / "bench" / "libsends.so")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)} | {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "home"),
        }

    def _folder(self, where: str | None = None) -> str:
        folder = tempfile.mkdtemp(prefix="gpuslice-bench-", dir=where)
        self.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def card(self) -> dict[str, str]:
        """A simulated GPU of 256 GiB of its own."""
        self._cards_made += 1
        return {
            "FAKECUDA_STATE": str(self._cards / f"card{self._cards_made}"),
            "FAKECUDA_MEMORY": "256G",
            "LD_LIBRARY_PATH": str(self.build / "fakecuda"),
        }

    def daemon(self, pinned: bool = False) -> Daemon:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        daemon = Daemon(self.tree, folder, self.environment, placed(pinned))
        self.callback(daemon.stop)
        return daemon

    def program(
        self, *command, extra: dict[str, str] | None = None, witnessed: bool = False, pinned: bool = False
    ) -> "Program":
        """One of the benchmark's own that answers lines, once it has said that it is ready."""
        program = Program(
            [*placed(pinned), str(self.build / "bench" / str(command[0])), *map(str, command[1:])],
            self.environment | self._preloads(extra or {}, witnessed),
        )
        self.callback(program.end)
        program.expect("ready")
        return program

    def _preloads(self, extra: dict[str, str], witnessed: bool) -> dict[str, str]:
        libraries = [self.library] if "GPUSLICE_SESSION" in extra else []
        libraries += [self.witness] if witnessed else []
        return extra | ({"LD_PRELOAD": " ".join(map(str, libraries))} if libraries else {})

    def ask(self, *command, extra: dict[str, str] | None = None, pinned: bool = False):
        """One that runs to its end and says one line of JSON."""
        words = [*placed(pinned), str(self.build / "bench" / str(command[0])), *map(str, command[1:])]
        done = subprocess.run(
            words,
            env=self.environment | self._preloads(extra or {}, False),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))} failed; what it says is above")
        return json.loads(done.stdout)


class Program:
    def __init__(self, command: list[str], environment: dict[str, str]):
        self._command = command
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def tell(self, line) -> None:
        self._process.stdin.write(f"{line}\n")

    def hear(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"{' '.join(self._command)} ended; what it says is above")
        return line.rstrip("\n")

    def expect(self, line: str) -> None:
        heard = self.hear()
        if heard != line:
            raise Failed(f"{' '.join(self._command)} said '{heard}', not '{line}'")

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> None:
        """May be called more than once."""
        self._process.stdin.close()
        self._process.wait()


def placed(pinned: bool) -> list[str]:
    return ["taskset", "-c", CPU] if pinned else []

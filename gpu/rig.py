# SPDX-License-Identifier: Apache-2.0
"""A daemon of our own with its own state and socket, and programs that are told what to do line by line."""
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path

PATIENCE = 120  # seconds; importing a framework and making a context takes long, only a hang takes that long


class Broken(Exception):
    """Something did not go as it must, in words."""


class Rig:
    def __init__(self, tree, environment):
        # Short, because a socket's path has 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="gpuslice-gpu.", dir="/tmp"))
        self._daemon = None
        try:
            self.tree = self._unpacked(tree) if tree.is_file() else tree
            self.environment = {
                name: value for name, value in os.environ.items() if not name.startswith(("GPUSLICE_", "FAKECUDA_"))
            }
            self.environment.update(environment(self.folder))
            self.environment.update(
                GPUSLICE_IPC_SOCK=f"{self.folder}/s", GPUSLICE_STATE_DIR=f"{self.folder}/state", PYTHONDONTWRITEBYTECODE="1")
            self._start()
        except BaseException:
            self.close()
            raise

    def _unpacked(self, package):
        with tarfile.open(package) as archive:
            archive.extractall(self.folder)
        return next(self.folder.glob("gpuslice-*"))

    def _start(self):
        log = self.folder / "daemon.log"
        with open(log, "wb") as errors:
            self._daemon = subprocess.Popen(
                [self.tree / "bin" / "gpusliced"], env=dict(self.environment, GPUSLICE_READY_FD="1"), cwd="/",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        give_up = threading.Timer(PATIENCE, self._daemon.kill)
        give_up.start()
        ready = self._daemon.stdout.readline()
        give_up.cancel()
        if ready != b"READY\n":
            raise Broken("the daemon did not start:\n" + log.read_text(errors="replace")[-2000:])

    def close(self):
        if self._daemon:
            self._daemon.terminate()
            try:
                self._daemon.wait(30)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
            self._daemon.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def gpuslice(self, *arguments):
        done = subprocess.run(
            [self.tree / "bin" / "gpuslice", *arguments], env=self.environment, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=PATIENCE)
        if done.returncode:
            raise Broken(f"gpuslice {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def inspect(self, session):
        return json.loads(self.gpuslice("inspect", session, "--format", "json"))

    def bare(self, command, environment):
        """A program without gpuslice."""
        return Program(command, dict(self.environment, **environment), self.folder / "program.log")

    def limited(self, session, limit, command, environment):
        """A program in a new session of that name, which ends with it."""
        launch = [self.tree / "bin" / "gpuslice", "run", "--limit", str(limit), "--name", session, "--"]
        return Program(launch + command, dict(self.environment, **environment), self.folder / "program.log")


class Program:
    """A running program that answers each line with one of its own, "word name=value …"; other lines are passed over."""

    def __init__(self, command, environment, log):
        self._log = log
        with open(log, "wb") as errors:
            self._process = subprocess.Popen(
                [str(word) for word in command], env=environment, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, universal_newlines=True, errors="replace", bufsize=1, start_new_session=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self):
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # With its children, should it have left any.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def hears(self, *words):
        """The next line that starts with one of the words: that word, and its values, numbers where they are some."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise Broken(f"it said nothing for {PATIENCE} s, waiting for '{words[0]}'") from None
            if line is None:
                raise Broken(f"it ended ({self._process.wait()}) without saying '{words[0]}': {self._last_words()}")
            word = line.split(" ", 1)[0].strip()
            if word in words:
                values = dict(re.findall(r"(\w+)=(\S+)", line))
                return word, {name: int(value) if value.lstrip("-").isdigit() else value for name, value in values.items()}

    def told(self, order, *words):
        try:
            self._process.stdin.write(order + "\n")
        except BrokenPipeError:
            pass  # what it said before it ended is told by the missing answer
        return self.hears(*words)

    def finish(self):
        self._process.stdin.close()
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"it did not end within {PATIENCE} s") from None

    def _last_words(self):
        lines = [line for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return lines[-1][:300] if lines else "and nothing on stderr"

# SPDX-License-Identifier: Apache-2.0
"""The demo: gpuslice doing its job on real, separately compiled programs. demo.py CHECKOUT"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(sys.argv[1]).resolve()
BIN = ROOT / "build" / "gpuslice" / "bin"
PROGRAMS = ROOT / "build" / "programs"
PATIENCE = 30  # seconds; only a hang takes that long
TERMINAL = sys.stdout.isatty() and "NO_COLOR" not in os.environ


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if TERMINAL else text


class Broken(Exception):
    """A promise that was not kept."""


def promise(holds, text):
    print(f"  {paint('32', 'ok ') if holds else paint('31', 'BROKEN ')} {text}")
    if not holds:
        raise Broken(text)


def chapter(title):
    print(f"\n{paint('1', title)}")


def shown(command):
    words = [str(word) for word in command]
    short = [word.replace(str(BIN) + "/", "").replace(str(PROGRAMS) + "/", "") for word in words]
    print(paint("2", "  $ " + " ".join(short)))
    return words


class Stage:
    """A folder with a daemon's state, its socket and a simulated card of 1 GiB."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.started = []
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GPUSLICE_", "FAKECUDA_", "CUDA_"))
        } | {
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "XDG_STATE_HOME": f"{folder}/state",
            "GPUSLICE_IPC_SOCK": f"{folder}/gpuslice.sock",
            "LD_LIBRARY_PATH": str(ROOT / "build" / "fakecuda"),
            "FAKECUDA_STATE": f"{folder}/card",
            "FAKECUDA_MEMORY": "1G",
        }

    def run(self, *command, quiet=False):
        """To its end; its output, shown."""
        words = [str(word) for word in command] if quiet else shown(command)
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=PATIENCE)
        if not quiet:
            for line in (done.stdout + done.stderr).splitlines():
                print(f"    {line}")
        return done

    def start(self, *command):
        program = Program(shown(command), self.environment)
        self.started.append(program)
        return program

    def gpuslice(self, *arguments, quiet=False):
        return self.run(BIN / "gpuslice", *arguments, quiet=quiet)

    def json(self, *arguments):
        done = self.gpuslice(*arguments, "--format", "json", quiet=True)
        if done.returncode:
            raise Broken(f"gpuslice {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def session(self, limit):
        return self.gpuslice("create", "-q", "--limit", limit, quiet=True).stdout.strip()

    def close(self):
        for program in self.started:
            program.process.kill()
            program.process.wait()
        try:
            os.kill(self.json("info")["daemon"]["pid"], signal.SIGTERM)
        except (Broken, KeyError, ProcessLookupError, subprocess.TimeoutExpired):
            pass  # there is no daemon (any more), or one that does not answer: the state is kept, with its log


class Program:
    """A running program that says one line per event."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def hears(self, word):
        """The numbers of the next line that has the word."""
        for line in self.process.stdout:
            print(f"    {line.rstrip()}")
            if word in line:
                return {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", line)}
        raise Broken(f"the program ended without saying '{word}'")

    def finish(self):
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


def a_c_program(stage):
    chapter("1. A C program, linked to libcudart, under a limit of 128 MB")
    done = stage.gpuslice("run", "--limit", "128MB", "--", PROGRAMS / "fill", "--free-some", 10, "--exit", 7)
    promise("held=128 refused=2" in done.stdout, "it got 128 blocks of 1 MiB, then CUDA_ERROR_OUT_OF_MEMORY (2)")
    promise("again=128 refused=2" in done.stdout, "it freed 10, got 10 again, and was refused again")
    promise(done.returncode == 7, "it ended with its own exit code, 7")


def a_python_program(stage):
    chapter("2. A Python program, CUDA through ctypes, under the same limit")
    done = stage.gpuslice("run", "--limit", "128MB", "--", "python3", PROGRAMS / "train.py", "--exit", 3)
    promise("held=128 refused=2" in done.stdout, "it got 128 MiB, then CUDA_ERROR_OUT_OF_MEMORY")
    promise(done.returncode == 3, "it freed half, went on, and ended with its own exit code, 3")


def two_sessions(stage):
    chapter("3. Two sessions side by side cannot touch each other's limit")
    first = stage.start(BIN / "gpuslice", "run", "--limit", "128MB", "--", PROGRAMS / "fill", "--hold")
    promise(first.hears("held")["held"] == 128, "the first holds 128 MiB and keeps them")
    second = stage.start(BIN / "gpuslice", "run", "--limit", "64MB", "--", PROGRAMS / "fill", "--hold")
    promise(second.hears("held")["held"] == 64, "the second holds its own 64 MiB, no more, no less")
    stage.gpuslice("ps")
    promise(first.finish() == 0 and second.finish() == 0, "both ended")


def two_processes(stage):
    chapter("4. Two processes of one session share its limit")
    session = stage.session("128MB")
    holder = stage.start(BIN / "gpuslice", "exec", session, "--", PROGRAMS / "holder", "--count", 80)
    promise(holder.hears("ready")["held"] == 80, "one holds 80 MiB of the session's 128 MB")
    done = stage.gpuslice("exec", session, "--", PROGRAMS / "fill")
    promise("held=48 refused=2" in done.stdout, "the other gets the remaining 48 MiB and is refused the rest")
    return session, holder


def killed_holder(stage, session, holder):
    chapter("5. A holder is killed with SIGKILL: its memory comes back")
    waiting = stage.start(BIN / "gpuslice", "exec", session, "--", PROGRAMS / "await", "100M")
    promise(waiting.hears("waiting")["refused"] == 2, "another process wants 100 MiB: refused while the 80 are held")
    pid = stage.json("inspect", session)["processes"]
    promise(holder.process.pid in [process["pid"] for process in pid], f"process {holder.process.pid} is a member")
    killed_at = time.monotonic_ns()
    os.kill(holder.process.pid, signal.SIGKILL)
    milliseconds = (waiting.hears("got")["at"] - killed_at) / 1e6
    promise(milliseconds < 2000, f"it has its 100 MiB {milliseconds:.1f} ms after the kill")
    holder.process.wait()
    waiting.finish()
    stage.gpuslice("rm", session, quiet=True)


def killed_daemon(stage):
    chapter("6. The daemon is killed with SIGKILL and restarted: nothing is lost")
    session = stage.session("128MB")
    holder = stage.start(BIN / "gpuslice", "exec", session, "--", PROGRAMS / "holder", "--count", 80)
    holder.hears("ready")
    before = stage.json("inspect", session)
    daemon = stage.json("info")["daemon"]["pid"]
    os.kill(daemon, signal.SIGKILL)
    promise(holder.process.poll() is None, f"daemon {daemon} is dead, the program goes on")
    holder.process.stdin.write("less 10\nmore 10\n")
    holder.hears("held=70")
    promise(holder.hears("held")["held"] == 80, "it frees and allocates inside its credit with no daemon at all")
    print("  the next command starts the daemon again")
    promise(stage.gpuslice("create", "-q", "--limit", "1MB").returncode == 0, "a new daemon serves")
    after = stage.json("inspect", session)
    for key in ("limit_bytes", "charge_bytes", "used_bytes"):
        promise(before[key] == after[key], f"{key}: {before[key]:,} before, {after[key]:,} after")
    done = stage.gpuslice("exec", session, "--", PROGRAMS / "fill")
    promise("held=48 refused=2" in done.stdout, "a sibling still gets exactly the remaining 48 MiB")
    stage.gpuslice("ps")
    promise(holder.finish() == 0, "the program ended by itself")


def fails_closed(stage):
    chapter("7. What it says when something is wrong")
    promise(stage.gpuslice("run", "--limit", "8 bananas", "--", "true").returncode == 125, "a limit that makes no sense is refused")
    promise(stage.gpuslice("run", "--limit", "1GB", "--", "no-such-program").returncode == 127, "no such program: 127")


def main():
    began = time.monotonic()
    print(paint("1", "gpuslice on a simulated GPU of 1 GiB: real programs, real socket, real journal, real SIGKILL"))
    folder = tempfile.mkdtemp(prefix="gpuslice-demo-")
    stage = Stage(folder)
    try:
        a_c_program(stage)
        a_python_program(stage)
        two_sessions(stage)
        killed_holder(stage, *two_processes(stage))
        killed_daemon(stage)
        fails_closed(stage)
    except (Broken, subprocess.TimeoutExpired) as broken:
        print(f"\n{paint('31', 'The demo failed:')} {broken}\nIts state is kept in {folder}", file=sys.stderr)
        stage.close()
        return 1
    stage.close()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"\nAll as promised, in {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

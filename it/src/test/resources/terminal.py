# SPDX-License-Identifier: Apache-2.0
"""A terminal with a small shell that knows job control: terminal.py GPUSLICE. Runs cat under a limit in the foreground,
types ^Z, brings it back, talks to it, types ^C, and says what became of it."""
import os
import pty
import signal
import sys


def shell(gpuslice):
    """The session's leader. A process group whose parent is outside its session could not be stopped."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in what a script starts with &
        os.execv(gpuslice, [gpuslice, "run", "--limit", "64MB", "--", "/bin/sh", "-c", "echo ready; exec cat"])
    _, status = os.waitpid(job, os.WUNTRACED)
    print("stopped by", signal.Signals(os.WSTOPSIG(status)).name if os.WIFSTOPPED(status) else status, flush=True)
    os.tcsetpgrp(0, job)
    os.kill(job, signal.SIGCONT)
    _, status = os.waitpid(job, 0)
    print("ended by", signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else status, flush=True)
    os._exit(0)


def main():
    leader, master = pty.fork()
    if leader == 0:
        shell(sys.argv[1])

    def read_until(text):
        seen = b""
        while text not in seen:
            seen += os.read(master, 1024)
        return text.decode()

    read_until(b"ready")
    os.write(master, b"\x1a")
    print(read_until(b"stopped by SIGTSTP"))
    os.write(master, b"hello\n")
    read_until(b"hello\r\nhello\r\n")
    print("continued")
    os.write(master, b"\x03")
    print(read_until(b"ended by SIGINT"))
    os.waitpid(leader, 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives each of two teams half of a 24 GB card, and runs programs of both at the same time."""
import pathlib
import subprocess
import sys

TAKE = pathlib.Path(__file__).with_name("take.py")


def start(team, *most):
    command = ["gpuslice", "exec", "-q", team, "--", sys.executable, TAKE, *most]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def main():
    teams = ["team-a", "team-b"]
    for team in teams:
        subprocess.run(["gpuslice", "create", "-q", "--limit", "12GB", "--name", team],
                       check=True, stdout=subprocess.DEVNULL)
    programs = []
    try:
        # Each keeps what it has taken, so the next one finds that much less: of its own team's half.
        for team, most in ("team-a", ["7"]), ("team-a", []), ("team-b", []):
            programs.append(start(team, *most))
            print(f"{team}: a program took {programs[-1].stdout.readline().strip()} GiB", flush=True)
    finally:
        for program in programs:
            program.communicate()
        subprocess.run(["gpuslice", "rm", "--force", "-q", *teams], check=True)


if __name__ == "__main__":
    main()

/* SPDX-License-Identifier: Apache-2.0 */
/* Becomes another program while it holds memory: execer [--count 64] [--size 1M] [--keeper] -- PROGRAM [ARGUMENT...].
 * Says "ready held=N refused=C" and execs when a line comes on stdin. With --keeper a child forked before that keeps every
 * descriptor, uses no CUDA, and ends with its parent's process. */
#include <signal.h>
#include <sys/prctl.h>

#include "guest.h"

static void *blocks[1 << 16];

/* It must not read stdin, whose lines are for the parent. */
static void fork_keeper(void)
{
    pid_t parent = getpid(), pid = fork();
    if (pid < 0)
        exit(3);
    if (pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent)
        pause();
    _exit(0);
}

int main(int argc, char **argv)
{
    char line[64];
    int code, dashes = 1;
    while (dashes < argc && strcmp(argv[dashes], "--") != 0)
        dashes++;
    size_t count = option(argc, argv, "--count", 64);
    if (dashes + 1 >= argc || count > sizeof blocks / sizeof *blocks) {
        fprintf(stderr, "usage: execer [--count N] [--size S] [--keeper] -- PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    size_t held = gpu_fill(blocks, count, option(argc, argv, "--size", MIB), &code);
    if (flag(argc, argv, "--keeper"))
        fork_keeper();
    say("ready held=%zu refused=%d", held, code);
    hear(line, sizeof line);
    execvp(argv[dashes + 1], argv + dashes + 1);
    perror(argv[dashes + 1]);
    return 127;
}

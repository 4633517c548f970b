/* SPDX-License-Identifier: Apache-2.0 */
/* members COUNT: so many processes that each hold one allocation and do nothing, until stdin ends. Says "ready". */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"
#include "operations.h"

static void member(int ready)
{
    CUcontext context;
    struct slot slot;
    must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
    int code = operations_open(&context);
    if (code == 0)
        code = operation_named("linear")->take(&slot);
    if (code != 0)
        die("a member got CUDA error %d", code);
    must(write(ready, "", 1) == 1, "write");
    for (;;)
        pause();
}

/* One at a time: a crowd that registers at once is measured elsewhere. */
int main(int argc, char **argv)
{
    int ready[2];
    char byte;
    if (argc != 2)
        die("usage: members COUNT");
    for (long i = 0, count = number(argv[1]); i < count; i++) {
        must(pipe(ready) == 0, "pipe");
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid == 0)
            member(ready[1]);
        close(ready[1]);
        must(read(ready[0], &byte, 1) == 1, "a member ended");
        close(ready[0]);
    }
    say("ready");
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0; /* PR_SET_PDEATHSIG ends the members */
}

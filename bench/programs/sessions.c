/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sessions PATH COUNT CHARGES
 *
 * Opens so many sessions, each with a process that makes so many charges of 4 KiB, one after the other, and holds
 * them. Says "ready" when all is held, and ends, with the processes, when stdin does; the sessions stay. They are
 * strict: each charge is an event in the journal.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "wire.h"

/* So many at a time: enough to keep the journal busy, few enough that nobody waits for seconds. */
#define AT_ONCE 64

static void stay(const char *path, const struct gpuslice_opened *session, long charges, int ready)
{
    must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
    struct guest guest = wire_join(path, session);
    for (long i = 0; i < charges; i++)
        if (!wire_charge(&guest, STEP))
            die("charge %ld of %ld was denied", i + 1, charges);
    must(write(ready, "", 1) == 1, "write");
    for (;;)
        pause();
}

static void member_ended(int signal)
{
    (void)signal;
    static const char why[] = "sessions: a member ended\n";
    _exit(write(STDERR_FILENO, why, sizeof why - 1) > 0 ? 1 : 2);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("usage: sessions PATH COUNT CHARGES");
    long count = number(argv[2]), charges = number(argv[3]), running = 0;
    struct gpuslice_opened *opened = calloc((size_t)count, sizeof *opened);
    pid_t *members = calloc((size_t)count, sizeof *members);
    int ready[2];
    char byte;
    must(opened != NULL && members != NULL && pipe(ready) == 0, "setting up");
    signal(SIGCHLD, member_ended);
    for (long i = 0; i < count; i++) {
        opened[i] = wire_open(argv[1], "1GB", GPUSLICE_FLAG_STRICT);
        members[i] = fork();
        must(members[i] >= 0, "fork");
        if (members[i] == 0)
            stay(argv[1], &opened[i], charges, ready[1]);
        if (++running >= AT_ONCE)
            must(read(ready[0], &byte, 1) == 1 && running--, "a member ended");
    }
    for (; running > 0; running--)
        must(read(ready[0], &byte, 1) == 1, "a member ended");
    say("ready");
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    signal(SIGCHLD, SIG_DFL);
    for (long i = 0; i < count; i++)
        kill(members[i], SIGKILL);
    for (long i = 0; i < count; i++)
        waitpid(members[i], NULL, 0);
    return 0;
}

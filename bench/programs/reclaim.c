/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reclaim PATH TRIALS: milliseconds from the SIGKILL of a process that holds 64 x 1 MiB, the whole limit, until a
 * sibling is granted those 64 MiB. One line of JSON: the trials.
 */
#include <signal.h>
#include <sys/wait.h>

#include "wire.h"

#define HELD 64

/* Holds as much real memory, too, which the kernel has to take back first. */
static void hold(const char *path, const struct gpuslice_opened *session, int ready)
{
    struct guest guest = wire_join(path, session);
    for (int i = 0; i < HELD; i++)
        if (!wire_charge(&guest, MIB))
            die("the holder was denied its MiB %d of %d", i + 1, HELD);
    char *memory = malloc(HELD * MIB);
    must(memory != NULL, "malloc");
    memset(memory, 1, HELD * MIB);
    must(write(ready, "", 1) == 1, "write");
    for (;;)
        pause();
}

static double one_trial(const char *path)
{
    struct gpuslice_opened session = wire_open(path, "64MB", 0);
    struct guest sibling = wire_join(path, &session);
    int ready[2];
    char byte;
    must(pipe(ready) == 0, "pipe");
    pid_t holder = fork();
    must(holder >= 0, "fork");
    if (holder == 0) {
        close(sibling.fd);
        hold(path, &session, ready[1]);
    }
    close(ready[1]);
    must(read(ready[0], &byte, 1) == 1, "the holder ended");
    if (wire_charge(&sibling, STEP))
        die("a sibling was granted memory beside a holder of the whole limit");
    uint64_t start = now_ns();
    must(kill(holder, SIGKILL) == 0, "kill");
    while (!wire_charge(&sibling, HELD * MIB)) {
        if (now_ns() - start > 10000000000ull)
            die("the killed holder's memory did not come back within 10 s");
        usleep(100);
    }
    double took = (double)(now_ns() - start) / 1e6;
    must(waitpid(holder, NULL, 0) == holder, "waitpid");
    return took;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: reclaim PATH TRIALS");
    printf("[");
    for (long i = 0, trials = number(argv[2]); i < trials; i++) {
        /* A process of its own each time: a member for good would be the sibling of every later session. */
        int result[2];
        double took;
        fflush(stdout);
        must(pipe(result) == 0, "pipe");
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid == 0) {
            took = one_trial(argv[1]);
            must(write(result[1], &took, sizeof took) == sizeof took, "write");
            _exit(0);
        }
        close(result[1]);
        must(read(result[0], &took, sizeof took) == sizeof took, "a trial failed");
        close(result[0]);
        must(waitpid(pid, NULL, 0) == pid, "waitpid");
        printf("%s%.3f", i > 0 ? ", " : "", took);
    }
    say("]");
    return 0;
}

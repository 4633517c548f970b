/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* What the parent shares with its clients. */
struct run {
    atomic_int ready, go;
    uint64_t began[MOST_CLIENTS], ended[MOST_CLIENTS];
    uint32_t nanoseconds[]; /* clients x each */
};

static void client(struct run *run, const struct crowd *crowd, int index)
{
    void *mine = crowd->begin(index);
    atomic_fetch_add(&run->ready, 1);
    while (!atomic_load(&run->go))
        usleep(1000);
    run->began[index] = now_ns();
    for (long k = 0; k < crowd->each; k++) {
        uint64_t start = now_ns();
        crowd->act(mine);
        uint64_t took = now_ns() - start;
        run->nanoseconds[index * crowd->each + k] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
    run->ended[index] = now_ns();
    _exit(0);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void crowd_run(const char *kind, const struct crowd *crowd)
{
    if (crowd->clients < 1 || crowd->clients > MOST_CLIENTS || crowd->each < 1)
        die("1 to %d clients, each with something to do", MOST_CLIENTS);
    size_t samples = (size_t)crowd->clients * (size_t)crowd->each;
    struct run *run = mmap(NULL, sizeof *run + samples * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(run != MAP_FAILED, "mmap");
    for (int i = 0; i < crowd->clients; i++) {
        pid_t pid = fork();
        must(pid >= 0, "fork");
        if (pid == 0)
            client(run, crowd, i);
    }
    while (atomic_load(&run->ready) < crowd->clients) {
        if (waitpid(-1, NULL, WNOHANG) > 0)
            die("a client ended before the measurement");
        usleep(1000);
    }
    atomic_store(&run->go, 1);
    int failed = 0;
    for (int status; wait(&status) > 0;)
        failed += status != 0;
    if (failed)
        die("%d of %d clients failed", failed, crowd->clients);

    uint64_t first = UINT64_MAX, last = 0;
    for (int i = 0; i < crowd->clients; i++) {
        first = run->began[i] < first ? run->began[i] : first;
        last = run->ended[i] > last ? run->ended[i] : last;
    }
    qsort(run->nanoseconds, samples, sizeof(uint32_t), ascending);
    say("{\"kind\":\"%s\",\"clients\":%d,\"requests\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
        "\"max_us\":%.1f,\"per_second\":%.0f}",
        kind, crowd->clients, samples, run->nanoseconds[samples / 2] / 1e3,
        run->nanoseconds[samples * 99 / 100] / 1e3, run->nanoseconds[samples * 999 / 1000] / 1e3, run->nanoseconds[samples - 1] / 1e3,
        (double)samples * 1e9 / (double)(last - first));
}

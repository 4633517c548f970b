/* SPDX-License-Identifier: Apache-2.0 */
/* Many processes that begin at once: crowd [--processes 300] [--size 4K].
 * Forks them and says "ready processes=N"; told to go, by a line on stdin, each allocates one block of `size` bytes, its first
 * call of CUDA. When all have their answer: "got=N refused=N failed=N p50_us=T p99_us=T worst_us=T", the times being those of each
 * one's first call. They keep their blocks until stdin ends. */
#include <sys/mman.h>
#include <sys/wait.h>

#include "guest.h"

#define PROCESSES 1000

/* One line per child. */
struct outcome {
    int code;
    uint64_t ns;
};

static int compare(const void *left, const void *right)
{
    uint64_t a = ((const struct outcome *)left)->ns, b = ((const struct outcome *)right)->ns;
    return (a > b) - (a < b);
}

/* Blocks until the other end is closed everywhere. */
static void wait_for_end_of(int descriptor)
{
    char byte;
    while (read(descriptor, &byte, 1) > 0) {
    }
}

static void child(struct outcome *outcome, size_t bytes, int go, int done, int over)
{
    void *block;
    wait_for_end_of(go);
    uint64_t began = now_ns();
    outcome->code = gpu_alloc(&block, bytes);
    outcome->ns = now_ns() - began;
    close(done);
    wait_for_end_of(over);
    _exit(0);
}

int main(int argc, char **argv)
{
    char line[64];
    int go[2], done[2], over[2];
    size_t count = option(argc, argv, "--processes", 300), bytes = option(argc, argv, "--size", 4096);
    size_t got = 0, refused = 0;
    struct outcome *outcomes = mmap(NULL, PROCESSES * sizeof *outcomes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (count == 0 || count > PROCESSES || outcomes == MAP_FAILED || pipe(go) != 0 || pipe(done) != 0 || pipe(over) != 0)
        return 2;
    for (size_t i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0)
            return 3;
        if (pid == 0) {
            close(go[1]);
            close(done[0]);
            close(over[1]);
            child(&outcomes[i], bytes, go[0], done[1], over[0]);
        }
    }
    close(done[1]);
    say("ready processes=%zu", count);
    if (!hear(line, sizeof line))
        return 0;
    close(go[1]);
    wait_for_end_of(done[0]);
    for (size_t i = 0; i < count; i++) {
        got += outcomes[i].code == 0;
        refused += outcomes[i].code == 2;
    }
    qsort(outcomes, count, sizeof *outcomes, compare);
    say("got=%zu refused=%zu failed=%zu p50_us=%llu p99_us=%llu worst_us=%llu", got, refused, count - got - refused,
        (unsigned long long)outcomes[count / 2].ns / 1000, (unsigned long long)outcomes[count * 99 / 100].ns / 1000,
        (unsigned long long)outcomes[count - 1].ns / 1000);
    until_told_to_end();
    close(over[1]);
    while (wait(NULL) > 0) {
    }
    return 0;
}

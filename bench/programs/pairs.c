/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pairs OPERATION [THREADS [LIVE [random]]]
 *
 * What a pair costs: one allocation and its free. Each thread holds LIVE allocations all the time. A pair takes one
 * more and gives it back at once (the newest block), or with `random` gives back one of those that are held, wherever
 * it is, and takes another one for it.
 *
 * Says "ready" when all is held. Then, for each line COUNT on stdin, so many pairs in each thread, and an answer:
 * "CPU WALL SENDS": nanoseconds of CPU of the whole process (all threads, system calls included) for each pair;
 * nanoseconds on the wall for each pair of a thread; and how many messages the process has ever sent, where libsends.so
 * counts, else -1.
 *
 * The program knows nothing of gpuslice: the same binary is baseline and subject.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "bench.h"
#include "operations.h"

#define MOST_THREADS 64
#define ADDRESSES 16

static struct {
    const struct operation *operation;
    CUcontext context;
    bool random;
    long threads, live, count;
    pthread_barrier_t ready, begin, end;
} work;

static void fine(int code, const char *what)
{
    if (code != 0)
        die("%s: %s answered CUDA error %d", work.operation->name, what, code);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void at_one_address(struct slot *slot, long count)
{
    const struct operation operation = *work.operation;
    for (long i = 0; i < count; i++) {
        int code = operation.take(slot);
        if (code == 0 && operation.give != NULL)
            code = operation.give(slot);
        if (code != 0)
            fine(code, "a pair");
    }
}

/* A driver gives the newest block the same address again and again, and a table may have a good or a bad place for it: so
 * the pairs are shared out among several. */
static void newest(struct slot *slots, long count)
{
    if (work.live == 0) { /* then there is room everywhere */
        at_one_address(slots, count);
        return;
    }
    for (long i = 0; i < ADDRESSES; i++) {
        at_one_address(&slots[i], count * (i + 1) / ADDRESSES - count * i / ADDRESSES);
        fine(work.operation->take(&slots[i]), "keeping one");
    }
    for (long i = ADDRESSES; i-- > 0;)
        fine(work.operation->give(&slots[i]), "giving one back");
}

static void anywhere(struct slot *slots, long count, uint64_t *state)
{
    const struct operation operation = *work.operation;
    for (long i = 0; i < count; i++) {
        struct slot *slot = &slots[next_random(state) % (uint64_t)work.live];
        int code = operation.give(slot);
        if (code == 0)
            code = operation.take(slot);
        if (code != 0)
            fine(code, "a replacement");
    }
}

static void *worker(void *index)
{
    struct slot *slots = calloc((size_t)work.live + ADDRESSES, sizeof *slots);
    uint64_t state = 88172645463325252ull + (uint64_t)(uintptr_t)index;
    must(slots != NULL, "calloc");
    fine(cuCtxSetCurrent(work.context), "cuCtxSetCurrent");
    for (long i = 0; i < work.live; i++)
        fine(work.operation->take(&slots[i]), "taking what is to be live");
    pthread_barrier_wait(&work.ready);
    for (;;) {
        pthread_barrier_wait(&work.begin);
        if (work.random)
            anywhere(slots, work.count, &state);
        else
            newest(&slots[work.live], work.count);
        pthread_barrier_wait(&work.end);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2 || (work.operation = operation_named(argv[1])) == NULL)
        die("usage: pairs OPERATION [THREADS [LIVE [random]]]");
    work.threads = argc > 2 ? number(argv[2]) : 1;
    work.live = argc > 3 ? number(argv[3]) : 0;
    work.random = argc > 4 && strcmp(argv[4], "random") == 0;
    if (work.threads < 1 || work.threads > MOST_THREADS)
        die("1 to %d threads, not %ld", MOST_THREADS, work.threads);
    if (work.random && (work.live == 0 || work.operation->give == NULL))
        die("`random` wants live allocations, and an operation that gives back");
    fine(operations_open(&work.context), "opening device 0");
    if (work.operation->prepare != NULL)
        fine(work.operation->prepare(), "preparing");

    unsigned all = (unsigned)work.threads + 1;
    pthread_barrier_init(&work.ready, NULL, all);
    pthread_barrier_init(&work.begin, NULL, all);
    pthread_barrier_init(&work.end, NULL, all);
    for (long i = 0; i < work.threads; i++) {
        pthread_t thread;
        must(pthread_create(&thread, NULL, worker, (void *)i) == 0, "pthread_create");
    }
    pthread_barrier_wait(&work.ready);
    const unsigned long *sends = dlsym(RTLD_DEFAULT, "bench_sends");
    say("ready");
    for (char line[64]; fgets(line, sizeof line, stdin) != NULL;) {
        line[strcspn(line, "\n")] = '\0';
        work.count = number(line);
        uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns();
        pthread_barrier_wait(&work.begin);
        pthread_barrier_wait(&work.end);
        wall = now_ns() - wall;
        cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        say("%.2f %.2f %ld", (double)cpu / (double)(work.count * work.threads), (double)wall / (double)work.count,
            sends != NULL ? (long)__atomic_load_n(sends, __ATOMIC_RELAXED) : -1l);
    }
    _exit(0); /* the threads wait for ever, and what is live goes with the process */
}

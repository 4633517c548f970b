/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of one limit, wanted by several processes at once: seesaw [--processes 2] [--threads 1] [--limit 64M] [--block 1M]
 * [--rounds 100].
 * Each thread, `rounds` times and until all have done as many, takes blocks until it is refused or has the whole limit by itself,
 * and gives them all back: none of them is ever alone. For every
 * refusal it is looked up what all of them together held or were asking for while it was waiting: where that was never above the
 * limit, there was room. Begins when told to, by a line on stdin: "ready processes=N", then "done allocated=N refused=N baseless=N
 * failed=N", baseless being the refusals for which there was room. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "guest.h"

#define LOG ((size_t)1 << 23)
#define PROCESSES 16
#define THREADS 64

/* Shared by the processes. What they may hold at most is known at every instant: bytes are wanted from before the call that
 * takes them, until it has been refused or the call that frees them is back. */
static struct shared {
    pthread_mutex_t lock;
    pthread_barrier_t start; /* of all threads, each with a block behind it: becoming a member takes longer than a round */
    atomic_size_t riding;    /* threads that have rounds before them */
    size_t wanted, changes;
    atomic_ulong allocated, refused, baseless, failed;
    size_t log[LOG]; /* `wanted` after each change */
} *shared;

static struct {
    size_t limit, block, rounds, threads;
} work;

/* The number of this change. */
static size_t want(long bytes)
{
    pthread_mutex_lock(&shared->lock);
    shared->wanted += (size_t)bytes;
    size_t number = shared->changes++;
    if (number == LOG)
        exit(3);
    shared->log[number] = shared->wanted;
    pthread_mutex_unlock(&shared->lock);
    return number;
}

/* Whether there was no moment since that change at which not everybody could have had what he wanted. */
static bool had_room_since(size_t change)
{
    bool room = true;
    pthread_mutex_lock(&shared->lock);
    for (size_t i = change; room && i < shared->changes; i++)
        room = shared->log[i] <= work.limit;
    pthread_mutex_unlock(&shared->lock);
    return room;
}

static bool take(void **block)
{
    size_t asked = want((long)work.block);
    int code = gpu_alloc(block, work.block);
    if (code == 0) {
        atomic_fetch_add(&shared->allocated, 1);
        return true;
    }
    if (code == 2 && had_room_since(asked))
        atomic_fetch_add(&shared->baseless, 1);
    atomic_fetch_add(code == 2 ? &shared->refused : &shared->failed, 1);
    want(-(long)work.block);
    return false;
}

static void give_back(void *block)
{
    if (gpu_free(block) != 0)
        atomic_fetch_add(&shared->failed, 1);
    want(-(long)work.block);
}

static void *ride(void *unused)
{
    size_t most = work.limit / work.block, count = 0;
    void **blocks = calloc(most, sizeof *blocks);
    if (blocks == NULL)
        exit(3);
    if (take(&blocks[0]))
        give_back(blocks[0]);
    pthread_barrier_wait(&shared->start);
    for (size_t round = 1; atomic_load(&shared->riding) > 0; round++) {
        while (count < most && take(&blocks[count]))
            count++;
        while (count > 0)
            give_back(blocks[--count]);
        if (round == work.rounds)
            atomic_fetch_sub(&shared->riding, 1);
    }
    free(blocks);
    return unused;
}

static int child(int go)
{
    pthread_t threads[THREADS];
    char byte;
    while (read(go, &byte, 1) > 0) {
    }
    for (size_t i = 0; i < work.threads; i++)
        if (pthread_create(&threads[i], NULL, ride, NULL) != 0)
            return 3;
    for (size_t i = 0; i < work.threads; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static bool share(size_t threads)
{
    pthread_mutexattr_t attributes;
    pthread_barrierattr_t barrier;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared != MAP_FAILED && pthread_mutexattr_init(&attributes) == 0 &&
           pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
           pthread_mutex_init(&shared->lock, &attributes) == 0 && pthread_barrierattr_init(&barrier) == 0 &&
           pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED) == 0 &&
           pthread_barrier_init(&shared->start, &barrier, (unsigned)threads) == 0;
}

int main(int argc, char **argv)
{
    char line[64];
    int go[2], status, failed = 0;
    size_t processes = option(argc, argv, "--processes", 2);
    work.threads = option(argc, argv, "--threads", 1);
    work.limit = option(argc, argv, "--limit", 64 * MIB);
    work.block = option(argc, argv, "--block", MIB);
    work.rounds = option(argc, argv, "--rounds", 100);
    if (processes == 0 || processes > PROCESSES || work.threads == 0 || work.threads > THREADS || work.rounds == 0 ||
        work.block == 0 || !share(processes * work.threads) || pipe(go) != 0)
        return 2;
    atomic_store(&shared->riding, processes * work.threads);
    for (size_t i = 0; i < processes; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            close(go[1]);
            _exit(child(go[0]));
        }
        failed |= pid < 0;
    }
    say("ready processes=%zu", processes);
    bool told = hear(line, sizeof line);
    close(go[1]);
    while (wait(&status) > 0)
        failed |= status != 0;
    say("done allocated=%lu refused=%lu baseless=%lu failed=%lu", shared->allocated, shared->refused, shared->baseless,
        shared->failed);
    until_told_to_end();
    return failed || !told;
}

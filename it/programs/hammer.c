/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads at one limit: hammer [--threads 8] [--rounds 1000] [--block 1M].
 * Each thread allocates until refused and frees some, `rounds` calls long, and then frees all. When every thread is done
 * so: "max=N", the most blocks that were held at one moment. Then all allocate until refused once more:
 * "held=N refused=C failed=F", F being the calls that neither succeeded nor ran out of memory, and keep it until stdin
 * ends. */
#include <pthread.h>
#include <stdatomic.h>

#include "guest.h"

#define THREADS 256
#define BLOCKS 4096

static struct {
    size_t block, rounds;
    pthread_barrier_t churned, counted;
    atomic_long held, max, failed;
    atomic_int refused;
} work;

static int gain(void **block)
{
    int code = gpu_alloc(block, work.block);
    if (code == 0) {
        long now = atomic_fetch_add(&work.held, 1) + 1, max = atomic_load(&work.max);
        while (now > max && !atomic_compare_exchange_weak(&work.max, &max, now)) {
        }
    } else if (code != 2) {
        atomic_fetch_add(&work.failed, 1);
    }
    return code;
}

/* Counted as lost before it is, as gained after: `held` never says more than is really held. */
static void lose(void *block)
{
    atomic_fetch_sub(&work.held, 1);
    if (gpu_free(block) != 0)
        atomic_fetch_add(&work.failed, 1);
}

static void churn(void **blocks, unsigned seed)
{
    size_t count = 0;
    for (size_t round = 0; round < work.rounds; round++) {
        if (count < BLOCKS && gain(&blocks[count]) == 0) {
            count++;
            continue;
        }
        for (size_t some = count != 0 ? (size_t)rand_r(&seed) % count + 1 : 0; some > 0; some--)
            lose(blocks[--count]);
    }
    while (count > 0)
        lose(blocks[--count]);
}

static void *hammer(void *number)
{
    void *blocks[BLOCKS];
    size_t count = 0;
    int code = 0;
    churn(blocks, (unsigned)(size_t)number + 1);
    pthread_barrier_wait(&work.churned);
    pthread_barrier_wait(&work.counted);
    while (count < BLOCKS && (code = gain(&blocks[count])) == 0)
        count++;
    atomic_store(&work.refused, code);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    size_t count = option(argc, argv, "--threads", 8);
    work.block = option(argc, argv, "--block", MIB);
    work.rounds = option(argc, argv, "--rounds", 1000);
    if (count == 0 || count > THREADS)
        return 2;
    pthread_barrier_init(&work.churned, NULL, (unsigned)count + 1);
    pthread_barrier_init(&work.counted, NULL, (unsigned)count + 1);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, hammer, (void *)i) != 0)
            return 3;
    pthread_barrier_wait(&work.churned);
    say("max=%ld", atomic_load(&work.max));
    pthread_barrier_wait(&work.counted);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    say("held=%ld refused=%d failed=%ld", atomic_load(&work.held), atomic_load(&work.refused),
        atomic_load(&work.failed));
    until_told_to_end();
    return atomic_load(&work.failed) == 0 ? 0 : 1;
}

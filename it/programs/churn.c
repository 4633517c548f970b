/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates and frees at random until stdin ends or it is killed:
 * churn [--seed 1] [--threads 1] [--most 256K] [--blocks 16] [--seconds S].
 * Keeps a first block of 4 KiB for good, says "ready first=C", then each thread holds up to `blocks` blocks of up to `most`
 * bytes. At the end (of stdin, or after S seconds) "calls=N refused=N failed=N". */
#include <pthread.h>
#include <stdatomic.h>

#include "guest.h"

#define THREADS 256
#define BLOCKS 1024

static struct {
    size_t most, blocks, seed;
    atomic_bool over;
    atomic_ulong calls, refused, failed;
} work;

static void count(int code)
{
    atomic_fetch_add(code == 0 ? &work.calls : code == 2 ? &work.refused : &work.failed, 1);
}

static void *churn(void *number)
{
    void *blocks[BLOCKS] = {NULL};
    unsigned random = (unsigned)(work.seed * 1000003u + (size_t)number);
    while (!atomic_load(&work.over)) {
        void **block = &blocks[(size_t)rand_r(&random) % work.blocks];
        if (*block == NULL) {
            int code = gpu_alloc(block, (size_t)rand_r(&random) % work.most + 1);
            if (code != 0)
                *block = NULL;
            count(code);
        } else {
            count(gpu_free(*block));
            *block = NULL;
        }
    }
    for (size_t i = 0; i < work.blocks; i++)
        if (blocks[i] != NULL)
            count(gpu_free(blocks[i]));
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    void *first;
    size_t number = option(argc, argv, "--threads", 1);
    work.seed = option(argc, argv, "--seed", 1);
    work.most = option(argc, argv, "--most", (size_t)256 << 10);
    work.blocks = option(argc, argv, "--blocks", 16);
    size_t seconds = option(argc, argv, "--seconds", 0);
    if (number > THREADS || work.blocks == 0 || work.blocks > BLOCKS || work.most == 0)
        return 2;
    say("ready first=%d", gpu_alloc(&first, 4096));
    for (size_t i = 0; i < number; i++)
        if (pthread_create(&threads[i], NULL, churn, (void *)i) != 0)
            return 3;
    if (seconds != 0)
        sleep((unsigned)seconds);
    else
        until_told_to_end();
    atomic_store(&work.over, true);
    for (size_t i = 0; i < number; i++)
        pthread_join(threads[i], NULL);
    say("calls=%lu refused=%lu failed=%lu", work.calls, work.refused, work.failed);
    return work.failed == 0 ? 0 : 1;
}

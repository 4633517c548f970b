/* SPDX-License-Identifier: Apache-2.0 */
/* So many allocations, come what may: steps [--count 100] [--most 1M] [--seed 1].
 * Keeps a first block of 4 KiB for good and says "ready first=C". Told to go, by a line on stdin, it allocates blocks of up
 * to `most` bytes; refused, it frees its oldest and tries again, or waits for the others' where it has none. After each,
 * "step=N held=BLOCKS". Then frees them all: "done allocated=N refused=N failed=N", and ends when stdin does. */
#include "guest.h"

#define BLOCKS 1024

static struct {
    void *blocks[BLOCKS];
    size_t oldest, newest, refused, failed;
} work;

static void free_oldest(void)
{
    if (gpu_free(work.blocks[work.oldest++]) != 0)
        work.failed++;
}

/* False if it failed otherwise than by a refusal. */
static bool allocate(size_t bytes)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (;;) {
        int code = gpu_alloc(&work.blocks[work.newest], bytes);
        if (code == 0) {
            work.newest++;
            return true;
        }
        if (code != 2) {
            work.failed++;
            return false;
        }
        work.refused++;
        if (work.oldest < work.newest)
            free_oldest();
        else
            nanosleep(&moment, NULL);
    }
}

int main(int argc, char **argv)
{
    void *first;
    char line[64];
    size_t count = option(argc, argv, "--count", 100), most = option(argc, argv, "--most", MIB);
    unsigned random = (unsigned)option(argc, argv, "--seed", 1);
    if (count > BLOCKS || most == 0)
        return 2;
    say("ready first=%d", gpu_alloc(&first, 4096));
    if (!hear(line, sizeof line))
        return 0;
    for (size_t step = 1; step <= count; step++)
        if (allocate((size_t)rand_r(&random) % most + 1))
            say("step=%zu held=%zu", step, work.newest - work.oldest);
    size_t allocated = work.newest;
    while (work.oldest < work.newest)
        free_oldest();
    say("done allocated=%zu refused=%zu failed=%zu", allocated, work.refused, work.failed);
    until_told_to_end();
    return work.failed == 0 ? 0 : 1;
}

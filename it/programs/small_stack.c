/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates until refused on a thread with a stack of 128 KiB, as language runtimes have, which is also the first thing
 * that uses CUDA; then on a second one: "held=N refused=C" each. */
#include <pthread.h>

#include "guest.h"

static void *blocks[1 << 12];

static void *work(void *nothing)
{
    int code;
    size_t held = gpu_fill(blocks, sizeof blocks / sizeof *blocks, MIB, &code);
    say("held=%zu refused=%d", held, code);
    gpu_free_all(blocks, held);
    return nothing;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, 128 << 10) != 0)
        return 3;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread, &attributes, work, NULL) != 0 || pthread_join(thread, NULL) != 0)
            return 3;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tries to allocate, again and again, until it may: await SIZE. Prints "waiting refused=C" at the first refusal and
 * "got at=NANOSECONDS tries=N" (CLOCK_MONOTONIC) at once when it has the memory. */
#include "guest.h"

int main(int argc, char **argv)
{
    void *block;
    unsigned long tries = 1;
    size_t bytes = size_of(argc > 1 ? argv[1] : "1M");
    int code = gpu_alloc(&block, bytes);
    if (code) {
        say("waiting refused=%d", code);
        while (gpu_alloc(&block, bytes))
            tries++;
    }
    say("got at=%llu tries=%lu", (unsigned long long)now_ns(), tries);
    until_told_to_end();
    return 0;
}

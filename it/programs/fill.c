/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates until refused: fill [--step 1M] [--max N] [--free-some 8] [--exit CODE] [--hold].
 * Says "held=N refused=C free=BYTES total=BYTES info=C". With --hold keeps it until stdin ends. Else frees some and
 * allocates again: "again=N refused=C", N being what it holds then; frees all: "freed". Ends with CODE (0). */
#include "guest.h"

static void **blocks;

int main(int argc, char **argv)
{
    size_t step = option(argc, argv, "--step", MIB), max = option(argc, argv, "--max", (size_t)1 << 16);
    size_t some = option(argc, argv, "--free-some", 8), available = 0, total = 0;
    int refused, opened = gpu_open();
    blocks = calloc(max + 1, sizeof *blocks);
    if (opened != 0 || blocks == NULL) {
        say("held=0 refused=%d", opened);
        return 1;
    }
    size_t held = gpu_fill(blocks, max, step, &refused);
    int info = gpu_info(&available, &total);
    say("held=%zu refused=%d free=%zu total=%zu info=%d", held, refused, available, total, info);
    if (flag(argc, argv, "--hold")) {
        until_told_to_end();
    } else {
        some = some < held ? some : held;
        held -= some;
        int failed = gpu_free_all(blocks + held, some);
        held += gpu_fill(blocks + held, max - held, step, &refused);
        say("again=%zu refused=%d", held, refused);
        if (failed != 0) {
            say("free failed=%d", failed);
            return 1;
        }
    }
    int failed = gpu_free_all(blocks, held);
    if (failed != 0) {
        say("free failed=%d", failed);
        return 1;
    }
    say("freed");
    return (int)option(argc, argv, "--exit", 0);
}

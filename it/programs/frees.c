/* SPDX-License-Identifier: Apache-2.0 */
/* Frees what it may and what it may not: frees [--count 4]. Holds blocks of 1 MiB, says "ready held=N refused=C", then obeys
 * lines on stdin until it ends: "stranger" frees an address that nobody was given, "inside" one in the middle of the first
 * block, "last" the last block it holds, which it goes on holding if that fails, and "gone" the block it freed last, once
 * more; each answered "held=N code=C". */
#include "guest.h"

static void *blocks[1 << 10];

int main(int argc, char **argv)
{
    size_t count = option(argc, argv, "--count", 4);
    void *gone = NULL;
    char line[64];
    int code, opened = gpu_open();
    if (count == 0 || count > sizeof blocks / sizeof *blocks || opened != 0)
        return 2;
    size_t held = gpu_fill(blocks, count, MIB, &code);
    say("ready held=%zu refused=%d", held, code);
    while (hear(line, sizeof line)) {
        if (strcmp(line, "stranger") == 0) {
            code = gpu_free((void *)MIB);
        } else if (strcmp(line, "inside") == 0) {
            code = gpu_free((char *)blocks[0] + MIB / 2);
        } else if (strcmp(line, "last") == 0 && held > 1) {
            code = gpu_free(blocks[held - 1]);
            if (code == 0)
                gone = blocks[--held];
        } else if (strcmp(line, "gone") == 0 && gone != NULL) {
            code = gpu_free(gone);
        } else {
            fprintf(stderr, "frees: '%s' cannot be done with %zu blocks held\n", line, held);
            return 2;
        }
        say("held=%zu code=%d", held, code);
    }
    return 0;
}

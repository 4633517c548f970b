/* SPDX-License-Identifier: Apache-2.0 */
/* Becomes another program while it holds memory: execer [--count 64] [--size 1M] -- PROGRAM [ARGUMENT...].
 * Says "ready held=N refused=C" and execs when a line comes on stdin. */
#include "guest.h"

static void *blocks[1 << 16];

int main(int argc, char **argv)
{
    char line[64];
    int code, dashes = 1;
    while (dashes < argc && strcmp(argv[dashes], "--") != 0)
        dashes++;
    size_t count = option(argc, argv, "--count", 64);
    if (dashes + 1 >= argc || count > sizeof blocks / sizeof *blocks) {
        fprintf(stderr, "usage: execer [--count N] [--size S] -- PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    size_t held = gpu_fill(blocks, count, option(argc, argv, "--size", MIB), &code);
    say("ready held=%zu refused=%d", held, code);
    hear(line, sizeof line);
    execvp(argv[dashes + 1], argv + dashes + 1);
    perror(argv[dashes + 1]);
    return 127;
}

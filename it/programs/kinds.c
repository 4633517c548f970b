/* SPDX-License-Identifier: Apache-2.0 */
/* Linear, managed and pitched memory, one after the other, each until refused: "linear held=N refused=C", "managed …",
 * "pitched held=N refused=C pitch=P". Blocks of 1 MiB; a pitched block has 1,000 rows of 1,000 bytes. With --overflow: asks for
 * sizes that no machine has and prints each code. */
#include "guest.h"

static void *blocks[1 << 16];

static void release(size_t held)
{
    while (held)
        if (gpu_free(blocks[--held]))
            say("free failed");
}

int main(int argc, char **argv)
{
    size_t held, pitch = 0;
    int code;
    if (flag(argc, argv, "--overflow")) {
        size_t sizes[] = {SIZE_MAX, SIZE_MAX - 511, (size_t)1 << 63, ((size_t)1 << 63) - 1, (size_t)1 << 56};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            say("linear %zx refused=%d", sizes[i], gpu_alloc(blocks, sizes[i]));
        say("pitched refused=%d", cudaMallocPitch(blocks, &pitch, (size_t)1 << 40, (size_t)1 << 40));
        return 0;
    }
    for (held = 0, code = 0; held < 65536 && !(code = gpu_alloc(&blocks[held], MIB)); held++) {
    }
    say("linear held=%zu refused=%d", held, code);
    release(held);
    for (held = 0, code = 0; held < 65536 && !(code = cudaMallocManaged(&blocks[held], MIB, 1)); held++) {
    }
    say("managed held=%zu refused=%d", held, code);
    release(held);
    for (held = 0, code = 0; held < 65536 && !(code = cudaMallocPitch(&blocks[held], &pitch, 1000, 1000)); held++) {
    }
    say("pitched held=%zu refused=%d pitch=%zu", held, code, pitch);
    release(held);
    say("freed");
    until_told_to_end();
    return 0;
}

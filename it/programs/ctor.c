/* SPDX-License-Identifier: Apache-2.0 */
/* Uses CUDA before main, perhaps before other libraries' constructors, and after it: "constructed=C", "main",
 * "destructed=C". */
#include "guest.h"

static void *block;

static void __attribute__((constructor)) construct(void)
{
    say("constructed=%d", gpu_alloc(&block, MIB));
}

static void __attribute__((destructor)) destruct(void)
{
    say("destructed=%d", gpu_free(block));
}

int main(void)
{
    say("main");
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/types.h>

static _Atomic bool is_full;

void memory_is_full(bool full)
{
    is_full = full;
}

void *__real_mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset);

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset)
{
    if (is_full) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(address, bytes, protection, flags, descriptor, offset);
}

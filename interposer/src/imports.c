/* SPDX-License-Identifier: Apache-2.0 */
#include "imports.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "debug.h"
#include "lock.h"
#include "map.h"

struct import_key imports_key_of_descriptor(int descriptor)
{
    struct import_key key = {{0}};
    struct stat status;
    int saved = errno;
    /* Not fstat(): see descriptor.c. */
    if (syscall(SYS_fstat, descriptor, &status) == 0 && !S_ISCHR(status.st_mode)) {
        uint64_t words[2] = {status.st_dev, status.st_ino};
        memcpy(key.bytes, words, sizeof words);
    }
    errno = saved;
    return key;
}

struct import_key imports_key_of_bytes(const void *bytes)
{
    struct import_key key;
    memcpy(key.bytes, bytes, sizeof key.bytes);
    return key;
}

struct import_key imports_key_of_shareable(void *shareable, int type)
{
    if (type == GS_HANDLE_POSIX_FD)
        return imports_key_of_descriptor((int)(intptr_t)shareable);
    if (type == GS_HANDLE_FABRIC && shareable != NULL)
        return imports_key_of_bytes(shareable);
    return (struct import_key){{0}};
}

void imports_begin(struct process *process, uint64_t handle, enum import_kind kind, struct import_key key)
{
    int state = lock_enter(&process->imports.lock);
    struct import *import = map_add(&process->imports.live, sizeof *import, handle);
    if (import != NULL) {
        import->kind = kind;
        import->key = key;
    }
    lock_leave(&process->imports.lock, state);
    debug_line("imported memory %#llx: not charged, its exporter pays", (unsigned long long)handle);
}

void imports_end(struct process *process, uint64_t handle)
{
    int state = lock_enter(&process->imports.lock);
    struct import *import = map_find(&process->imports.live, sizeof *import, handle);
    if (import != NULL)
        map_remove(&process->imports.live, sizeof *import, import);
    lock_leave(&process->imports.lock, state);
}

bool imports_find(struct process *process, uint64_t handle, struct import *import)
{
    int state = lock_enter(&process->imports.lock);
    const struct import *known = map_find(&process->imports.live, sizeof *known, handle);
    if (known != NULL)
        *import = *known;
    lock_leave(&process->imports.lock, state);
    return known != NULL;
}

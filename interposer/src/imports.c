/* SPDX-License-Identifier: Apache-2.0 */
#include "imports.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "debug.h"
#include "lock.h"
#include "map.h"
#include "resolve.h"
#include "shares.h"

struct share_key imports_key_of_descriptor(int descriptor)
{
    struct share_key key = {{0}};
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

struct share_key imports_key_of_bytes(const void *bytes)
{
    struct share_key key;
    memcpy(key.bytes, bytes, sizeof key.bytes);
    return key;
}

struct share_key imports_key_of_shareable(void *shareable, int type)
{
    if (type == GS_HANDLE_POSIX_FD)
        return imports_key_of_descriptor((int)(intptr_t)shareable);
    if (type == GS_HANDLE_FABRIC && shareable != NULL)
        return imports_key_of_bytes(shareable);
    return (struct share_key){{0}};
}

bool imports_begin(struct process *process, uint64_t handle, enum import_kind kind, struct share_key key,
                   uint32_t device, uint64_t bytes)
{
    int state = lock_enter(&process->imports.lock);
    struct import *import = map_add(&process->imports.live, sizeof *import, handle);
    struct import former = {0};
    if (import != NULL && memcmp(&import->key, &key, sizeof key) != 0) { /* nobody saw the end of what was there */
        former = *import;
        import->references = 0;
    }
    if (import != NULL) {
        import->kind = kind;
        import->key = key;
        import->references++;
    }
    lock_leave(&process->imports.lock, state);
    for (; former.references > 0; former.references--)
        shares_closed(process, &former.key);
    debug_line("imported memory %#llx: not charged, its exporter pays", (unsigned long long)handle);
    if (kind == IMPORT_POOL)
        return true; /* only a name to look for pointers under: they keep the memory */
    return import != NULL && shares_imported(config_get(), process, device, bytes, &key);
}

void imports_end(struct process *process, uint64_t handle)
{
    int state = lock_enter(&process->imports.lock);
    struct import *import = map_find(&process->imports.live, sizeof *import, handle);
    struct share_key key = import == NULL ? (struct share_key){{0}} : import->key;
    if (import != NULL && --import->references == 0)
        map_remove(&process->imports.live, sizeof *import, import);
    lock_leave(&process->imports.lock, state);
    shares_closed(process, &key);
}

/* One whose address means nothing to the driver any more; 0: there is none. */
static uint64_t lost_with_its_context(struct process *process)
{
    cuPointerGetAttribute_fn *get = DRIVER_REAL(cuPointerGetAttribute);
    const struct map *live = &process->imports.live;
    uint64_t lost = 0;
    int ordinal, state = lock_enter(&process->imports.lock);
    for (const struct import *import = NULL; lost == 0 && (import = map_next(live, sizeof *import, import)) != NULL;) {
        if (import->kind == IMPORT_IPC && get != NULL &&
            get(&ordinal, GS_POINTER_DEVICE_ORDINAL, import->handle) == GS_INVALID_VALUE)
            lost = import->handle;
    }
    lock_leave(&process->imports.lock, state);
    return lost;
}

void imports_context_ended(struct process *process)
{
    for (uint64_t lost; (lost = lost_with_its_context(process)) != 0;)
        imports_end(process, lost);
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "import.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct exported {
    struct card_shared shared;
    uint64_t bytes;
    unsigned references;
    struct exported *next;
};

static struct {
    pthread_mutex_t lock;
    struct exported *all;
} exports = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool same(const struct card_shared *a, const struct card_shared *b)
{
    return a->device == b->device && a->index == b->index && a->generation == b->generation;
}

static struct exported *enter(const struct card_shared *shared, uint64_t bytes)
{
    struct exported *exported = malloc(sizeof *exported);
    if (exported == NULL)
        return NULL;
    *exported = (struct exported){*shared, bytes, 1, exports.all};
    exports.all = exported;
    return exported;
}

struct exported *exported_start(uint32_t device, uint64_t bytes, enum fakecuda_kind kind)
{
    struct card_shared shared;
    struct exported *exported = NULL;
    pthread_mutex_lock(&exports.lock);
    if (card_share(&driver.card, device, bytes, kind, &shared))
        exported = enter(&shared, bytes);
    pthread_mutex_unlock(&exports.lock);
    return exported;
}

struct exported *exported_join(const struct card_shared *shared)
{
    pthread_mutex_lock(&exports.lock);
    struct exported *exported = exports.all;
    while (exported != NULL && !same(&exported->shared, shared))
        exported = exported->next;
    if (exported != NULL)
        exported->references++;
    else if (card_shared_join(&driver.card, shared)) {
        exported = enter(shared, driver.card.map->shared[shared->device][shared->index].bytes);
        if (exported == NULL)
            card_shared_leave(&driver.card, shared);
    }
    pthread_mutex_unlock(&exports.lock);
    return exported;
}

/* The file behind it is named after the entry. */
struct exported *exported_join_descriptor(int fd)
{
    char link[64], path[PATH_MAX + 16];
    struct card_shared shared;
    size_t prefix = strlen(driver.card.path);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= (ssize_t)prefix || strncmp(path, driver.card.path, prefix) != 0)
        return NULL;
    path[length] = '\0';
    int end = 0;
    if (sscanf(path + prefix, ".%u.%u%n", &shared.device, &shared.index, &end) != 2 || path[prefix + (size_t)end] != '\0'
        || shared.device >= driver.card.map->device_count || shared.index >= FAKECUDA_SHARED)
        return NULL;
    shared.generation = driver.card.map->shared[shared.device][shared.index].generation;
    return exported_join(&shared);
}

void exported_end(struct exported *exported)
{
    pthread_mutex_lock(&exports.lock);
    bool last = --exported->references == 0;
    if (last) {
        struct exported **link = &exports.all;
        while (*link != exported)
            link = &(*link)->next;
        *link = exported->next;
        card_shared_leave(&driver.card, &exported->shared);
    }
    pthread_mutex_unlock(&exports.lock);
    if (last)
        free(exported);
}

const struct card_shared *exported_id(const struct exported *exported)
{
    return &exported->shared;
}

uint64_t exported_bytes(const struct exported *exported)
{
    return exported->bytes;
}

int exported_descriptor(const struct exported *exported, bool to_hand_out)
{
    return card_shared_open(&driver.card, &exported->shared, to_hand_out);
}

/* --- imported blocks -------------------------------------------------------------------------------------------- */

int import_ordinal(uint32_t device)
{
    for (int i = 0; i < driver.device_count; i++)
        if (driver.device[i] == device)
            return i;
    return -1;
}

static CUresult place(struct import import, int fd, uint32_t device, uint64_t offset, uint64_t bytes, CUcontext context,
                      CUdeviceptr *pointer)
{
    struct block *block;
    int ordinal = import_ordinal(device);
    struct import *record = malloc(sizeof *record);
    CUdeviceptr address = record != NULL && fd >= 0 && ordinal >= 0 ? heap_place(device, SPACE_DEVICE, bytes, &block) : 0;
    if (address == 0 || !heap_back(block, address, fd, offset, false)) {
        if (address != 0)
            heap_vacate(address);
        free(record);
        return CUDA_ERROR_MAP_FAILED;
    }
    *record = import;
    block->context = context;
    block->ordinal = ordinal;
    block->owner = OWNER_IMPORT;
    block->kind = FAKECUDA_KIND_linear;
    block->of = record;
    heap_publish(block);
    *pointer = address;
    return CUDA_SUCCESS;
}

CUresult import_buffer(struct exported *exported, int fd, CUcontext context, uint64_t offset, uint64_t bytes,
                       CUdeviceptr *pointer)
{
    uint32_t device = exported != NULL ? exported->shared.device : context->device;
    return place((struct import){.type = IMPORT_OTHER, .exported = exported}, fd, device, offset, bytes, context, pointer);
}

CUresult import_block(struct exported *exported, int type, uint64_t offset, uint64_t bytes, CUcontext context,
                      CUdeviceptr *pointer)
{
    int fd = exported_descriptor(exported, false);
    CUresult result = place((struct import){.type = type, .exported = exported, .opened = 1}, fd, exported->shared.device,
                            offset, bytes, context, pointer);
    if (fd >= 0)
        close(fd);
    return result;
}

/* "Memory returned from cuIpcOpenMemHandle must be freed with cuIpcCloseMemHandle." */
CUresult import_free(CUdeviceptr address, struct block *block, enum fakecuda_call call)
{
    struct import *import = block->of;
    bool ends = import->type != IMPORT_IPC || call == FAKECUDA_CALL_cuIpcCloseMemHandle
                || call == FAKECUDA_CALL_implicit_free;
    if (!ends) {
        heap_unclaim(block);
        return CUDA_ERROR_INVALID_VALUE;
    }
    uint32_t device = block->device;
    heap_vacate(address);
    if (import->exported != NULL)
        exported_end(import->exported);
    card_count(&driver.card, device, call, 0, 0);
    free(import);
    return CUDA_SUCCESS;
}

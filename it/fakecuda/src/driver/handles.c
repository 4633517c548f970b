/* SPDX-License-Identifier: Apache-2.0 */
#include "handles.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct entry {
    const void *handle;
    enum handle_type type; /* 0: was removed, or never used */
};

static struct {
    pthread_mutex_t lock;
    struct entry *entries; /* open addressing; a power of two, at most half of them ever used */
    size_t size, used;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t slot_of(const void *handle, size_t size)
{
    return (size_t)(((uintptr_t)handle >> 4) * 0x9e3779b97f4a7c15ull >> 20) & (size - 1);
}

static struct entry *find(const void *handle)
{
    for (size_t i = table.size != 0 ? slot_of(handle, table.size) : 0; table.size != 0; i = (i + 1) & (table.size - 1)) {
        struct entry *entry = &table.entries[i];
        if (entry->handle == handle || entry->handle == NULL)
            return entry;
    }
    return NULL;
}

/* Entries of removed handles go. */
static bool grow(void)
{
    struct entry *old = table.entries;
    size_t old_size = table.size, live = 0;
    for (size_t i = 0; i < old_size; i++)
        live += old[i].type != 0;
    size_t size = 64;
    while (size < 4 * (live + 1))
        size *= 2;
    struct entry *entries = calloc(size, sizeof *entries);
    if (entries == NULL)
        return false;
    table.entries = entries;
    table.size = size;
    table.used = live;
    for (size_t i = 0; i < old_size; i++)
        if (old[i].type != 0)
            *find(old[i].handle) = old[i];
    free(old);
    return true;
}

bool handle_add(enum handle_type type, const void *handle)
{
    pthread_mutex_lock(&table.lock);
    bool good = 2 * (table.used + 1) <= table.size || grow();
    if (good) {
        struct entry *entry = find(handle);
        table.used += entry->handle == NULL;
        *entry = (struct entry){.handle = handle, .type = type};
    }
    pthread_mutex_unlock(&table.lock);
    return good;
}

static struct entry *find_live(enum handle_type type, const void *handle)
{
    struct entry *entry = handle != NULL ? find(handle) : NULL;
    return entry != NULL && entry->handle == handle && entry->type == type ? entry : NULL;
}

bool handle_known(enum handle_type type, const void *handle)
{
    pthread_mutex_lock(&table.lock);
    bool known = find_live(type, handle) != NULL;
    pthread_mutex_unlock(&table.lock);
    return known;
}

bool handle_remove(enum handle_type type, const void *handle)
{
    pthread_mutex_lock(&table.lock);
    struct entry *entry = find_live(type, handle);
    if (entry != NULL)
        entry->type = 0;
    pthread_mutex_unlock(&table.lock);
    return entry != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_CAPACITY 128u /* a power of two, as all that follow */

static uint64_t *at(const struct map *map, size_t size, uint32_t slot)
{
    return (uint64_t *)(void *)(map->slots + (size_t)(slot & (map->capacity - 1)) * size);
}

static uint32_t home(const struct map *map, uint64_t key)
{
    return (uint32_t)(key * 0x9e3779b97f4a7c15ull >> 32) & (map->capacity - 1);
}

/* The slot that has the key, or the free one where it belongs. There is always a free one. */
static uint32_t slot_of(const struct map *map, size_t size, uint64_t key)
{
    uint32_t slot = home(map, key);
    while (*at(map, size, slot) != 0 && *at(map, size, slot) != key)
        slot = (slot + 1) & (map->capacity - 1);
    return slot;
}

static bool grow(struct map *map, size_t size)
{
    struct map larger = {.capacity = map->capacity == 0 ? FIRST_CAPACITY : map->capacity * 2, .count = map->count};
    int saved = errno;
    void *memory =
        mmap(NULL, larger.capacity * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED)
        madvise(memory, larger.capacity * size, MADV_DONTFORK); /* a child starts with an empty map, and no leak */
    errno = saved;
    if (memory == MAP_FAILED)
        return false;
    larger.slots = memory;
    for (uint32_t i = 0; i < map->capacity; i++) {
        uint64_t *record = at(map, size, i);
        if (*record != 0)
            memcpy(at(&larger, size, slot_of(&larger, size, *record)), record, size);
    }
    if (map->slots != NULL)
        munmap(map->slots, map->capacity * size);
    *map = larger;
    return true;
}

void *map_find(const struct map *map, size_t size, uint64_t key)
{
    if (map->count == 0 || key == 0)
        return NULL;
    uint64_t *record = at(map, size, slot_of(map, size, key));
    return *record == key ? record : NULL;
}

void *map_add(struct map *map, size_t size, uint64_t key)
{
    void *known = map_find(map, size, key);
    if (known != NULL || key == 0)
        return known;
    if (map->count >= map->capacity / 2 && !grow(map, size))
        return NULL;
    uint64_t *record = at(map, size, slot_of(map, size, key));
    memset(record, 0, size);
    *record = key;
    map->count++;
    return record;
}

void map_remove(struct map *map, size_t size, void *record)
{
    uint32_t hole = (uint32_t)(((uint8_t *)record - map->slots) / (ptrdiff_t)size);
    uint32_t mask = map->capacity - 1;
    /* What follows without a gap moves up where it may, so that every search still ends at the first free slot. */
    for (uint32_t next = (hole + 1) & mask; *at(map, size, next) != 0; next = (next + 1) & mask) {
        uint32_t wanted = home(map, *at(map, size, next));
        if (((next - wanted) & mask) >= ((next - hole) & mask)) {
            memcpy(at(map, size, hole), at(map, size, next), size);
            hole = next;
        }
    }
    *at(map, size, hole) = 0;
    map->count--;
}

void *map_next(const struct map *map, size_t size, const void *after)
{
    uint32_t slot = after == NULL ? 0 : (uint32_t)(((const uint8_t *)after - map->slots) / (ptrdiff_t)size) + 1;
    for (; slot < map->capacity; slot++) {
        if (*at(map, size, slot) != 0)
            return at(map, size, slot);
    }
    return NULL;
}

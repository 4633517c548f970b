/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/mman.h>

#include "map.h"
#include "test.h"

struct record {
    uint64_t key;
    uint64_t value;
};

static void whatIsAddedIsFoundUntilItIsRemoved(void)
{
    struct map map = {0};
    CHECK(map_find(&map, sizeof(struct record), 7) == NULL);
    CHECK(map_add(&map, sizeof(struct record), 0) == NULL); /* 0 is no key */
    struct record *record = map_add(&map, sizeof *record, 7);
    if (!CHECK(record != NULL))
        return;
    CHECK_EQUAL(record->value, 0);
    record->value = 42;
    CHECK(map_add(&map, sizeof *record, 7) == record);
    CHECK_EQUAL(map.count, 1);
    map_remove(&map, sizeof *record, record);
    CHECK(map_find(&map, sizeof *record, 7) == NULL);
    record = map_add(&map, sizeof *record, 7);
    CHECK_EQUAL(record->value, 0);
    munmap(map.slots, map.capacity * sizeof *record);
}

/* Against an array that needs no cleverness. */
static void aMillionRandomStepsLoseAndInventNothing(void)
{
    enum { KEYS = 5000 };
    static bool present[KEYS + 1];
    struct map map = {0};
    unsigned seed = 20261122;
    uint32_t count = 0;
    for (int i = 0; i < 1000000; i++) {
        uint64_t key = 1 + (uint64_t)rand_r(&seed) % KEYS;
        uint64_t spread = key * 4096; /* as addresses are */
        struct record *record = map_find(&map, sizeof *record, spread);
        if (!CHECK_EQUAL(record != NULL, present[key]))
            return;
        if (record == NULL) {
            record = map_add(&map, sizeof *record, spread);
            record->value = key;
        } else if (CHECK_EQUAL(record->value, key)) {
            map_remove(&map, sizeof *record, record);
        }
        present[key] = !present[key];
        count += present[key] ? 1u : -1u;
    }
    CHECK_EQUAL(map.count, count);
    uint32_t walked = 0;
    for (const struct record *record = NULL; (record = map_next(&map, sizeof *record, record)) != NULL; walked++)
        CHECK(present[record->value]);
    CHECK_EQUAL(walked, count);
    munmap(map.slots, map.capacity * sizeof(struct record));
}

void map_tests(void)
{
    RUN(whatIsAddedIsFoundUntilItIsRemoved);
    RUN(aMillionRandomStepsLoseAndInventNothing);
}

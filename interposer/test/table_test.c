/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "table.h"
#include "test.h"

static struct page create(void)
{
    int memfd = test_page_create(1, 1);
    struct page page = test_page_view(test_page_map(memfd));
    close(memfd);
    return page;
}

#define EVERY_KIND UINT32_MAX

static uint64_t handle_of(uint64_t i)
{
    return 0x7f0000000000ull + i * 512; /* as close together as a driver hands them out */
}

/* A page's owner never writes 0: that is what an untouched slot has. */
static uint64_t meta_of(uint64_t i)
{
    return GPUSLICE_META(i, 0, GPUSLICE_KIND_LINEAR);
}

static uint64_t live(const struct page *page)
{
    uint64_t count = 0;
    uint64_t end = ((uint64_t)GPUSLICE_TABLE_SEGMENT0 << page->header->segments) - GPUSLICE_TABLE_SEGMENT0;
    for (uint64_t i = 0; i < end; i++)
        count += page->table[i].handle != GPUSLICE_ENTRY_FREE;
    return count;
}

static void whatIsInsertedIsTakenOnce(void)
{
    struct page page = create();
    uint64_t meta = 0;
    CHECK(table_insert(&page, 4096, GPUSLICE_META(GPUSLICE_MAX_BYTES, 31, GPUSLICE_KIND_PITCHED)));
    CHECK_EQUAL(page.header->segments, 0); /* the page's owner sets 1; an unset header does no harm */
    struct gpuslice_page_entry *entry = table_take(&page, 4096, EVERY_KIND, &meta);
    if (!CHECK(entry != NULL))
        return;
    CHECK_EQUAL(GPUSLICE_META_BYTES(meta), GPUSLICE_MAX_BYTES);
    CHECK_EQUAL(GPUSLICE_META_DEVICE(meta), 31);
    CHECK_EQUAL(GPUSLICE_META_KIND(meta), GPUSLICE_KIND_PITCHED);
    CHECK(table_take(&page, 4096, EVERY_KIND, &meta) == NULL);
    table_put_back(entry, 4096);
    CHECK(table_take(&page, 4096, EVERY_KIND, &meta) == entry);
    table_release(entry);
    CHECK(table_take(&page, 4096, EVERY_KIND, &meta) == NULL);
    CHECK_EQUAL(entry->handle, GPUSLICE_ENTRY_FREE);
    test_page_unmap(page.header);
}

static void unknownPointersAreNotFound(void)
{
    struct page page = create();
    uint64_t meta;
    CHECK(table_insert(&page, 4096, meta_of(0)));
    static const uint64_t unknown[] = {0, 1, 2, 4095, 4097, UINT64_MAX, 1ull << 63};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        CHECK(table_take(&page, unknown[i], EVERY_KIND, &meta) == NULL);
    test_page_unmap(page.header);
}

static void aMillionLiveAllocationsAreFoundAgain(void)
{
    struct page page = create();
    page.header->segments = 1;
    const uint64_t count = 1000000;
    for (uint64_t i = 0; i < count; i++) {
        if (!table_insert(&page, handle_of(i), meta_of(i))) {
            CHECK(!"the table was full");
            return;
        }
    }
    CHECK_EQUAL(live(&page), count);
    printf("    segments %u, load %.0f %%\n", page.header->segments,
           100.0 * (double)count /
               (double)(((uint64_t)GPUSLICE_TABLE_SEGMENT0 << page.header->segments) - GPUSLICE_TABLE_SEGMENT0));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t meta = 0;
        struct gpuslice_page_entry *entry = table_take(&page, handle_of(i), EVERY_KIND, &meta);
        if (!CHECK(entry != NULL) || !CHECK_EQUAL(GPUSLICE_META_BYTES(meta), i))
            return;
        table_release(entry);
    }
    CHECK_EQUAL(live(&page), 0);
    test_page_unmap(page.header);
}

static void slotsAreUsedAgain(void)
{
    struct page page = create();
    page.header->segments = 1;
    for (uint64_t i = 0; i < 3000000; i++) {
        uint64_t meta;
        CHECK(table_insert(&page, handle_of(i), meta_of(i)));
        if (i >= 1000) {
            struct gpuslice_page_entry *entry = table_take(&page, handle_of(i - 1000), EVERY_KIND, &meta);
            if (!CHECK(entry != NULL))
                return;
            table_release(entry);
        }
    }
    CHECK(page.header->segments <= 1 + TABLE_STRIDE); /* one crowded place among 3 million is to be expected */
    test_page_unmap(page.header);
}

static void aForgedNumberOfSegmentsStaysInsideThePage(void)
{
    struct page page = create();
    static const uint32_t forged[] = {0, 13, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
        uint64_t meta;
        page.header->segments = forged[i];
        CHECK(table_insert(&page, handle_of(i), meta_of(i)));
        page.header->segments = forged[i];
        struct gpuslice_page_entry *entry = table_take(&page, handle_of(i), EVERY_KIND, &meta);
        if (CHECK(entry != NULL)) {
            CHECK(entry >= page.table && entry < page.table + GPUSLICE_TABLE_ENTRIES);
            table_release(entry);
        }
    }
    test_page_unmap(page.header);
}

static void aFullTableSaysSo(void)
{
    struct page page = create();
    page.header->segments = GPUSLICE_TABLE_SEGMENTS;
    uint64_t inserted = 0;
    /* One handle fills all its windows: 16 places in each of the 12 segments. */
    while (inserted < 1000 && table_insert(&page, 4096, meta_of(inserted)))
        inserted++;
    CHECK_EQUAL(inserted, 16 * GPUSLICE_TABLE_SEGMENTS);
    uint64_t meta, found = 0;
    while (table_take(&page, 4096, EVERY_KIND, &meta) != NULL)
        found++;
    CHECK_EQUAL(found, inserted);
    test_page_unmap(page.header);
}

static void aHandleIsFoundPastABucketThatWasFullOnce(void)
{
    /* The third of its name lies in the second bucket of the window; then those before it go. */
    struct page page = create();
    page.header->segments = 1;
    struct gpuslice_page_entry *entries[6];
    uint64_t meta;
    for (uint64_t i = 0; i < 6; i++)
        CHECK(table_insert(&page, 4096, meta_of(i + 1)));
    for (uint64_t i = 0; i < 4; i++)
        entries[i] = table_take(&page, 4096, EVERY_KIND, &meta);
    for (uint64_t i = 0; i < 4; i++)
        table_release(entries[i]);
    for (uint64_t i = 4; i < 6; i++) {
        entries[i] = table_take(&page, 4096, EVERY_KIND, &meta);
        if (!CHECK(entries[i] != NULL))
            return;
        CHECK_EQUAL(meta, meta_of(i + 1));
    }
    CHECK(entries[4] - entries[0] >= TABLE_BUCKET);
    CHECK(table_take(&page, 4096, EVERY_KIND, &meta) == NULL);
    test_page_unmap(page.header);
}

static void aLargerSegmentIsBegunWhereTheTwoNewestHaveNoRoom(void)
{
    struct page page = create();
    page.header->segments = 7; /* in use: 0, 3 and 6 */
    for (uint64_t i = 0; i < 32; i++)
        CHECK(table_insert(&page, 4096, meta_of(i)));
    CHECK_EQUAL(page.header->segments, 7);
    CHECK(table_insert(&page, 4096, meta_of(32)));
    CHECK_EQUAL(page.header->segments, 10);
    uint64_t meta;
    for (uint64_t i = 0; i < 33; i++)
        CHECK(table_take(&page, 4096, EVERY_KIND, &meta) != NULL);
    CHECK(table_take(&page, 4096, EVERY_KIND, &meta) == NULL);
    test_page_unmap(page.header);
}

static void whatIsReplacedAgainAndAgainIsFoundInTheNewestSegment(void)
{
    struct page page = create();
    page.header->segments = 1;
    uint64_t count = 100000, meta, newest = 0;
    for (uint64_t i = 0; i < count; i++)
        CHECK(table_insert(&page, handle_of(i), meta_of(i)));
    for (uint64_t i = 0; i < count; i++) {
        struct gpuslice_page_entry *entry = table_take(&page, handle_of(i), EVERY_KIND, &meta);
        if (!CHECK(entry != NULL))
            return;
        table_release(entry);
        CHECK(table_insert(&page, handle_of(i), meta_of(i)));
    }
    struct gpuslice_page_entry *start = table_bucket(&page, page.header->segments - 1, 0, 0);
    for (uint64_t i = 0; i < GPUSLICE_TABLE_SEGMENT0 << (page.header->segments - 1); i++)
        newest += start[i].handle > GPUSLICE_ENTRY_CLAIMED;
    printf("    %llu %% in the newest of %u segments\n", (unsigned long long)(100 * newest / count), page.header->segments);
    CHECK(newest > count * 3 / 4);
    test_page_unmap(page.header);
}

static void addressesInStridesSpreadOverTheTable(void)
{
    /* Half as many as there are places: of random ones, one in 26 would find its first bucket full. */
    static uint8_t filled[1u << (TABLE_SEGMENT0_BITS + 9)];
    struct page page = create();
    for (uint32_t segment = 0; segment <= 9; segment += TABLE_STRIDE) {
        struct gpuslice_page_entry *start = table_bucket(&page, segment, 0, 0);
        uint64_t half = GPUSLICE_TABLE_SEGMENT0 / 2 << segment;
        for (uint64_t stride = 256; stride <= 1ull << 30; stride *= 2) {
            uint64_t full = 0;
            memset(filled, 0, sizeof filled);
            for (uint64_t i = 0; i < half; i++) {
                uint64_t mixed = table_mix(0x700000000000 + i * stride);
                full += filled[(table_bucket(&page, segment, mixed, 0) - start) / TABLE_BUCKET]++ >= TABLE_BUCKET;
            }
            if (!CHECK(full <= half / 16))
                fprintf(stderr, "    %llu of %llu addresses, each %llu bytes behind the other, have no room in segment %u\n",
                        (unsigned long long)full, (unsigned long long)half, (unsigned long long)stride, segment);
        }
    }
    test_page_unmap(page.header);
}

struct hammer {
    struct page page;
    _Atomic uint64_t lost;
};

static void insert_and_take(void *context, int index)
{
    struct hammer *hammer = context;
    uint64_t base = (uint64_t)index << 32;
    for (uint64_t i = 0; i < 60000; i++) {
        uint64_t meta = 0;
        if (!table_insert(&hammer->page, handle_of(base + i), meta_of(base + i)))
            atomic_fetch_add(&hammer->lost, 1);
        if (i < 2000)
            continue; /* each keeps 2,000, so that segments are added under load */
        struct gpuslice_page_entry *entry = table_take(&hammer->page, handle_of(base + i - 2000), EVERY_KIND, &meta);
        if (entry == NULL || meta != meta_of(base + i - 2000)) {
            atomic_fetch_add(&hammer->lost, 1);
            continue;
        }
        if (i % 3 == 0) { /* the driver refused: back, and once more */
            table_put_back(entry, handle_of(base + i - 2000));
            entry = table_take(&hammer->page, handle_of(base + i - 2000), EVERY_KIND, &meta);
            if (entry == NULL) {
                atomic_fetch_add(&hammer->lost, 1);
                continue;
            }
        }
        table_release(entry);
    }
}

static void eightThreadsLoseNothing(void)
{
    static struct hammer hammer;
    hammer.page = create();
    hammer.page.header->segments = 1;
    test_threads(8, insert_and_take, &hammer);
    CHECK_EQUAL(hammer.lost, 0);
    CHECK_EQUAL(live(&hammer.page), 8 * 2000);
    CHECK(hammer.page.header->segments > 1);
    test_page_unmap(hammer.page.header);
}

static void freeTheSame(void *context, int index)
{
    (void)index;
    struct hammer *hammer = context;
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t meta;
        struct gpuslice_page_entry *entry = table_take(&hammer->page, handle_of(i), EVERY_KIND, &meta);
        if (entry != NULL) {
            atomic_fetch_add(&hammer->lost, 1);
            table_release(entry);
        }
    }
}

static void anEntryIsTakenByOneThreadOnly(void)
{
    static struct hammer hammer;
    hammer.page = create();
    hammer.page.header->segments = 1;
    for (uint64_t i = 0; i < 20000; i++)
        CHECK(table_insert(&hammer.page, handle_of(i), meta_of(i)));
    test_threads(8, freeTheSame, &hammer);
    CHECK_EQUAL(hammer.lost, 20000);
    test_page_unmap(hammer.page.header);
}

static void aTableMovesWhole(void)
{
    struct page from = create(), to = create();
    from.header->segments = to.header->segments = 1;
    for (uint64_t i = 0; i < 50000; i++)
        CHECK(table_insert(&from, handle_of(i), meta_of(i)));
    CHECK(table_move(&from, &to));
    CHECK_EQUAL(live(&from), 0);
    for (uint64_t i = 0; i < 50000; i++) {
        uint64_t meta = 0;
        if (!CHECK(table_take(&to, handle_of(i), EVERY_KIND, &meta) != NULL) || !CHECK_EQUAL(meta, meta_of(i)))
            break;
    }
    test_page_unmap(from.header);
    test_page_unmap(to.header);
}

void table_tests(void)
{
    RUN(whatIsInsertedIsTakenOnce);
    RUN(unknownPointersAreNotFound);
    RUN(aMillionLiveAllocationsAreFoundAgain);
    RUN(slotsAreUsedAgain);
    RUN(aForgedNumberOfSegmentsStaysInsideThePage);
    RUN(aFullTableSaysSo);
    RUN(aHandleIsFoundPastABucketThatWasFullOnce);
    RUN(aLargerSegmentIsBegunWhereTheTwoNewestHaveNoRoom);
    RUN(whatIsReplacedAgainAndAgainIsFoundInTheNewestSegment);
    RUN(addressesInStridesSpreadOverTheTable);
    RUN(eightThreadsLoseNothing);
    RUN(anEntryIsTakenByOneThreadOnly);
    RUN(aTableMovesWhole);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "books.h"

#include <dirent.h>
#include <fakecuda_card.h>
#include <fcntl.h>
#include <gpuslice_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The two number their kinds differently. */
#define KINDS 8
static const struct {
    const char *name;
    int on_page, on_card;
    bool measured;
} kinds[KINDS] = {
    {"linear", GPUSLICE_KIND_LINEAR, FAKECUDA_KIND_linear, false},
    {"managed", GPUSLICE_KIND_MANAGED, FAKECUDA_KIND_managed, false},
    {"pitched", GPUSLICE_KIND_PITCHED, FAKECUDA_KIND_pitched, false},
    {"pool", GPUSLICE_KIND_POOL, FAKECUDA_KIND_pool, true},
    {"physical", GPUSLICE_KIND_PHYSICAL, FAKECUDA_KIND_physical, false},
    {"array", GPUSLICE_KIND_ARRAY, FAKECUDA_KIND_array, false},
    {"graph", GPUSLICE_KIND_GRAPH, FAKECUDA_KIND_graph, true},
    {"context", GPUSLICE_KIND_CONTEXT, FAKECUDA_KIND_context, false},
};

struct sums {
    uint64_t of[KINDS];
    uint64_t used;     /* what the page says in one word */
    uint64_t imported; /* the card: held by this process, exported by another or by itself */
};

void (*books_journal)(void);

/* ------------------------------------------------------------ the ledger page */

/* NULL until the shim has one: it has not allocated yet. */
static const struct gpuslice_page_header *ledger(void)
{
    static const struct gpuslice_page_header *page;
    DIR *folder = page != NULL ? NULL : opendir("/proc/self/fd");
    if (folder == NULL)
        return page;
    for (struct dirent *entry; page == NULL && (entry = readdir(folder)) != NULL;) {
        char path[512], target[256];
        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        if (strncmp(target, "/memfd:gpuslice-", 16) != 0)
            continue;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        void *map = fd < 0 ? MAP_FAILED : mmap(NULL, GPUSLICE_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (map != MAP_FAILED)
            page = map;
    }
    closedir(folder);
    return page;
}

static const struct gpuslice_page_device *line(int device)
{
    return ledger() == NULL ? NULL : (const struct gpuslice_page_device *)(ledger() + 1) + device;
}

uint64_t books_used(int device)
{
    return line(device) == NULL ? 0 : __atomic_load_n(&line(device)->used, __ATOMIC_SEQ_CST);
}

static const struct gpuslice_page_entry *first(void)
{
    return (const struct gpuslice_page_entry *)((const char *)ledger() + GPUSLICE_PAGE_TABLE_OFFSET);
}

static const struct gpuslice_page_entry *behind_last(void)
{
    return first() + GPUSLICE_TABLE_SEGMENT0 * ((1u << ledger()->segments) - 1u);
}

static void read_page(struct sums sums[DEVICES])
{
    const struct gpuslice_page_header *page = ledger();
    memset(sums, 0, DEVICES * sizeof *sums);
    if (page == NULL)
        return;
    for (const struct gpuslice_page_entry *entry = first(), *end = behind_last(); entry < end; entry++) {
        if (entry->handle < 2)
            continue;
        unsigned device = GPUSLICE_META_DEVICE(entry->meta);
        for (int i = 0; i < KINDS && device < DEVICES; i++)
            if (kinds[i].on_page == (int)GPUSLICE_META_KIND(entry->meta))
                sums[device].of[i] += GPUSLICE_META_BYTES(entry->meta);
    }
    for (int device = 0; device < DEVICES; device++)
        sums[device].used = books_used(device);
}

/* ------------------------------------------------------------ the card */

static const struct fakecuda_card *card(void)
{
    static const struct fakecuda_card *mapped;
    if (mapped == NULL) {
        int fd = open(getenv("FAKECUDA_STATE"), O_RDONLY | O_CLOEXEC);
        void *map = mmap(NULL, sizeof *mapped, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
            perror("FAKECUDA_STATE");
            exit(3);
        }
        close(fd);
        mapped = map;
    }
    return mapped;
}

static unsigned my_slot(void)
{
    static unsigned slot = FAKECUDA_SLOTS;
    for (unsigned i = 0; slot == FAKECUDA_SLOTS && i < FAKECUDA_SLOTS; i++)
        if (card()->slots[i].pid == (uint32_t)getpid())
            slot = i;
    return slot;
}

uint64_t books_capacity(int device)
{
    return card()->devices[device].capacity;
}

static void read_card(struct sums sums[DEVICES])
{
    memset(sums, 0, DEVICES * sizeof *sums);
    unsigned slot = my_slot();
    for (int device = 0; device < DEVICES && slot < FAKECUDA_SLOTS; device++) {
        const struct fakecuda_books *books = &card()->slots[slot].books[device];
        uint64_t others = 0;
        for (int i = 1; i < KINDS; i++) {
            sums[device].of[i] = books->kinds[kinds[i].on_card];
            others += sums[device].of[i];
        }
        sums[device].of[0] = books->bytes - others;
        for (unsigned i = 0; i < card()->devices[device].shared; i++) {
            const struct fakecuda_shared *shared = &card()->shared[device][i];
            if (shared->bytes == 0 || shared->holder != slot + 1)
                continue;
            sums[device].imported += shared->bytes;
            for (int k = 0; k < KINDS; k++)
                sums[device].of[k] += kinds[k].on_card == (int)shared->kind ? shared->bytes : 0;
        }
    }
}

/* ------------------------------------------------------------ comparison */

static void print(const char *name, const struct sums *sums)
{
    fprintf(stderr, "    %-6s", name);
    for (int i = 0; i < KINDS; i++)
        if (sums->of[i] != 0)
            fprintf(stderr, " %s=%llu", kinds[i].name, (unsigned long long)sums->of[i]);
    fprintf(stderr, " used=%llu shared=%llu\n", (unsigned long long)sums->used, (unsigned long long)sums->imported);
}

/* What the driver says of each pool that is on the page. */
static void print_pools(void)
{
    if (ledger() == NULL)
        return;
    for (const struct gpuslice_page_entry *entry = first(), *end = behind_last(); entry < end; entry++) {
        uint64_t reserved = 0;
        if (entry->handle < 2 || GPUSLICE_META_KIND(entry->meta) != GPUSLICE_KIND_POOL)
            continue;
        CUresult result = cuMemPoolGetAttribute((CUmemoryPool)(uintptr_t)entry->handle,
                                                CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved);
        fprintf(stderr, "    pool %#llx on device %u: %llu on the page, the driver says %llu (%d)\n",
                (unsigned long long)entry->handle, (unsigned)GPUSLICE_META_DEVICE(entry->meta),
                (unsigned long long)GPUSLICE_META_BYTES(entry->meta), (unsigned long long)reserved, result);
    }
}

void books_print(void)
{
    struct sums page[DEVICES], real[DEVICES];
    read_page(page);
    read_card(real);
    for (int device = 0; device < DEVICES; device++) {
        fprintf(stderr, "device %d\n", device);
        print("page", &page[device]);
        print("card", &real[device]);
    }
    print_pools();
}

void books_fail(void)
{
    if (books_journal != NULL)
        books_journal();
    books_print();
    _exit(1);
}

static void disagree(int device, const char *what, uint64_t on_page, uint64_t on_card, const char *difference)
{
    fprintf(stderr, "MISMATCH device %d, %s: %llu on the page, %llu on the card%s\n", device, what,
            (unsigned long long)on_page, (unsigned long long)on_card, difference);
    books_fail();
}

/* The page's own sum is that of its table. */
static void compare_page_with_itself(int device, const struct sums *page)
{
    uint64_t sum = 0;
    for (int i = 0; i < KINDS; i++)
        sum += page->of[i];
    if (sum != page->used)
        disagree(device, "the sum of the table (second number) and used", page->used, sum, "");
}

/* Physical memory that may be charged for an array that nothing is mapped to any more. */
static uint64_t tiles(const struct world *worlds, unsigned count, int device)
{
    uint64_t bytes = 0;
    for (const struct world *world = worlds; world < worlds + count; world++) {
        bytes += world->tiles_lost[device];
        for (int i = 0; i < TILES; i++)
            bytes += world->tiles[i].array != NULL && world->tiles[i].device == device ? GRANULE : 0;
    }
    return bytes;
}

void books_compare(const struct world *worlds, unsigned count, bool settled)
{
    struct sums page[DEVICES], real[DEVICES];
    read_page(page);
    read_card(real);
    for (int device = 0; device < DEVICES; device++) {
        compare_page_with_itself(device, &page[device]);
        for (int i = 0; i < KINDS; i++) {
            uint64_t on_page = page[device].of[i], on_card = real[device].of[i];
            bool shrunk = kinds[i].measured && !settled && on_page > on_card;
            bool tiled = kinds[i].on_card == FAKECUDA_KIND_physical && on_page > on_card &&
                         on_page - on_card <= tiles(worlds, count, device);
            if (on_page != on_card && !shrunk && !tiled)
                disagree(device, kinds[i].name, on_page, on_card, kinds[i].measured && settled ? " after it looked" : "");
        }
    }
}

void books_compare_importer(void)
{
    struct sums page[DEVICES], real[DEVICES];
    read_page(page);
    read_card(real);
    for (int device = 0; device < DEVICES; device++) {
        uint64_t charged = 0;
        compare_page_with_itself(device, &page[device]);
        for (int i = 0; i < KINDS; i++)
            charged += real[device].of[i];
        charged -= real[device].imported; /* difference "imports" */
        if (page[device].used != charged)
            disagree(device, "in the importing process", page[device].used, charged, " without imports");
    }
}

void books_compare_info(int device, uint64_t free, uint64_t total, uint64_t others)
{
    uint64_t used = books_used(device) + others;
    if (total > books_capacity(device) || (free != 0 && free + used > total) || free > total)
        disagree(device, "cuMemGetInfo's free and used; of total", free, used, total < books_capacity(device) ? " (limited)" : "");
}

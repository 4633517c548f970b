/* SPDX-License-Identifier: Apache-2.0 */
/* Address space is plentiful, so it is laid out for arithmetic instead of search: each space of each device is a row of
 * equal strides, one per power-of-two block size, each stride long enough for the whole capacity in blocks of its size.
 * An address then tells its size class and its index, and a table beside it (never touched, never paid for) holds what
 * is known about the block. Freed places go onto a lock-free stack per class; no system call is made for a plain
 * allocation and free. */
#include "heap.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALLEST_SHIFT 9 /* "at least 256-byte aligned" (CUDA C++ programming guide, device memory accesses): 512 here */
#define CLASSES 40
#define PAGE 4096u
#define LOW_BYTES (1ull << 29)
#define LOW_CLASSES 16 /* 512 B to 16 MiB, 32 MiB of each */
#ifndef MAP_32BIT
#define MAP_32BIT 0 /* not on this architecture: then the old ABI finds no room */
#endif

/* Threads begin at different stacks, so that they seldom meet. */
#define STRIPES 4u

struct size_class {
    struct {
        uint64_t head; /* free list: tag << 32 | index + 1; the tag makes a popped and re-pushed head different */
    } __attribute__((aligned(64))) stack[STRIPES];
    uint32_t fresh; /* blocks never used begin here */
};

struct area {
    CUdeviceptr base; /* 0 until first used */
    uint64_t size;
    unsigned stride_shift;
    unsigned classes;
    struct block *blocks;
    struct size_class free[CLASSES];
};

static struct {
    pthread_mutex_t opening;
    struct area areas[FAKECUDA_DEVICES][SPACES];
} heap = {.opening = PTHREAD_MUTEX_INITIALIZER};

static unsigned log2_up(uint64_t value)
{
    return value <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);
}

static void *reserve(uint64_t size, int protection, int flags)
{
    void *at = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    madvise(at, size, MADV_DONTDUMP);
    return at;
}

static bool open_area(struct area *area, enum space space, uint64_t capacity)
{
    /* Blocks are less than twice as long as asked for, so twice the capacity in each class is always enough. */
    area->stride_shift = space == SPACE_LOW ? log2_up(LOW_BYTES / LOW_CLASSES) : log2_up(capacity) + 1;
    area->classes = space == SPACE_LOW ? LOW_CLASSES : area->stride_shift - SMALLEST_SHIFT;
    area->size = (uint64_t)area->classes << area->stride_shift;
    void *memory = reserve(area->size, space == SPACE_MANAGED ? PROT_READ | PROT_WRITE : PROT_NONE,
                           space == SPACE_LOW ? MAP_32BIT : 0);
    uint64_t table = (2ull << (area->stride_shift - SMALLEST_SHIFT)) * sizeof(struct block);
    area->blocks = memory != NULL ? reserve(table, PROT_READ | PROT_WRITE, 0) : NULL;
    bool reachable = space != SPACE_LOW || (uint64_t)memory + area->size <= 1ull << 32;
    if (area->blocks == NULL || !reachable) {
        if (memory != NULL)
            munmap(memory, area->size);
        return false;
    }
    __atomic_store_n(&area->base, (CUdeviceptr)memory, __ATOMIC_RELEASE);
    return true;
}

static bool opened(struct area *area, enum space space, uint64_t capacity)
{
    if (__builtin_expect(__atomic_load_n(&area->base, __ATOMIC_ACQUIRE) != 0, 1))
        return true;
    pthread_mutex_lock(&heap.opening);
    bool done = area->base != 0 || open_area(area, space, capacity);
    pthread_mutex_unlock(&heap.opening);
    return done;
}

/* --- addresses -------------------------------------------------------------------------------------------------- */

static uint32_t blocks_in(const struct area *area, unsigned class)
{
    return (uint32_t)(1ull << (area->stride_shift - SMALLEST_SHIFT - class));
}

struct place {
    struct area *area;
    unsigned class;
    uint32_t index;
};

static CUdeviceptr address_of(const struct place *place)
{
    return place->area->base + ((uint64_t)place->class << place->area->stride_shift)
           + ((uint64_t)place->index << (SMALLEST_SHIFT + place->class));
}

static struct block *block_of(const struct place *place)
{
    /* Class k has 2^(n-k) blocks, n = stride - smallest: the classes before it have 2 * 2^n - 2 * 2^(n-k). */
    uint64_t all = 2ull << (place->area->stride_shift - SMALLEST_SHIFT);
    return &place->area->blocks[all - (all >> place->class) + place->index];
}

static bool locate(CUdeviceptr address, struct place *place)
{
    for (uint32_t d = 0; d < driver.card.map->device_count; d++)
        for (int s = 0; s < SPACES; s++) {
            struct area *area = &heap.areas[d][s];
            CUdeviceptr base = __atomic_load_n(&area->base, __ATOMIC_ACQUIRE);
            uint64_t offset = address - base;
            if (base == 0 || address < base || offset >= area->size)
                continue;
            place->area = area;
            place->class = (unsigned)(offset >> area->stride_shift);
            place->index =
                (uint32_t)((offset & ((1ull << area->stride_shift) - 1)) >> (SMALLEST_SHIFT + place->class));
            return true;
        }
    return false;
}

/* --- free places ------------------------------------------------------------------------------------------------ */

static unsigned own_stripe(void)
{
    static unsigned threads;
    static _Thread_local unsigned stripe;
    if (stripe == 0)
        stripe = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % STRIPES + 1;
    return stripe - 1;
}

static bool pop_from(uint64_t *head, struct place *place)
{
    uint64_t old = __atomic_load_n(head, __ATOMIC_ACQUIRE), new;
    do {
        if ((uint32_t)old == 0)
            return false;
        place->index = (uint32_t)old - 1;
        /* May be somebody else's by now; then the tag has moved on and the exchange fails. */
        uint32_t next = __atomic_load_n(&block_of(place)->next, __ATOMIC_RELAXED);
        new = ((old >> 32) + 1) << 32 | next;
    } while (!__atomic_compare_exchange_n(head, &old, new, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    return true;
}

static bool pop(struct place *place)
{
    unsigned own = own_stripe();
    for (unsigned i = 0; i < STRIPES; i++)
        if (pop_from(&place->area->free[place->class].stack[(own + i) % STRIPES].head, place))
            return true;
    return false;
}

static void push(const struct place *place)
{
    uint64_t *head = &place->area->free[place->class].stack[own_stripe()].head;
    uint64_t old = __atomic_load_n(head, __ATOMIC_RELAXED), new;
    struct block *block = block_of(place);
    do {
        __atomic_store_n(&block->next, (uint32_t)old, __ATOMIC_RELAXED);
        new = ((old >> 32) + 1) << 32 | (place->index + 1);
    } while (!__atomic_compare_exchange_n(head, &old, new, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

CUdeviceptr heap_place(uint32_t device, enum space space, uint64_t bytes, struct block **block)
{
    struct area *area = &heap.areas[device][space];
    unsigned shift = log2_up(bytes);
    struct place place = {.area = area, .class = shift > SMALLEST_SHIFT ? shift - SMALLEST_SHIFT : 0};
    if (!opened(area, space, driver.card.map->devices[device].capacity) || place.class >= area->classes)
        return 0;
    if (!pop(&place)) {
        place.index = __atomic_fetch_add(&area->free[place.class].fresh, 1, __ATOMIC_RELAXED);
        if (place.index >= blocks_in(area, place.class)) {
            __atomic_fetch_sub(&area->free[place.class].fresh, 1, __ATOMIC_RELAXED);
            return 0;
        }
        block_of(&place)->space = (uint8_t)space;
    }
    *block = block_of(&place);
    (*block)->device = device;
    (*block)->bytes = bytes;
    return address_of(&place);
}

void heap_publish(struct block *block)
{
    __atomic_store_n(&block->live, 1, __ATOMIC_RELEASE);
}

struct block *heap_claim(CUdeviceptr address)
{
    struct place place;
    if (!locate(address, &place) || address_of(&place) != address)
        return NULL;
    struct block *block = block_of(&place);
    uint32_t live = 1;
    bool mine = __atomic_compare_exchange_n(&block->live, &live, 0, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    return mine ? block : NULL;
}

void heap_unclaim(struct block *block)
{
    __atomic_store_n(&block->live, 1, __ATOMIC_RELEASE);
}

void heap_vacate(CUdeviceptr address)
{
    struct place place;
    locate(address, &place);
    struct block *block = block_of(&place);
    uint64_t length = 1ull << (SMALLEST_SHIFT + place.class);
    /* Pages are given back where a block has pages of its own; smaller ones share theirs. */
    if (block->foreign) {
        mmap((void *)address, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        block->foreign = block->touched = false;
    } else if ((block->touched || block->space == SPACE_MANAGED) && length >= PAGE) {
        madvise((void *)address, length, MADV_DONTNEED);
        if (block->touched)
            mprotect((void *)address, length, PROT_NONE);
        block->touched = false;
    }
    push(&place);
}

/* --- looking up ------------------------------------------------------------------------------------------------- */

struct block *heap_find(CUdeviceptr address, CUdeviceptr *base)
{
    struct place place;
    if (!locate(address, &place))
        return NULL;
    struct block *block = block_of(&place);
    *base = address_of(&place);
    bool live = __atomic_load_n(&block->live, __ATOMIC_ACQUIRE) != 0;
    return live && address - *base < block->bytes ? block : NULL;
}

bool heap_owns(CUdeviceptr address)
{
    struct place place;
    return locate(address, &place);
}

bool heap_touch(struct block *block, CUdeviceptr base)
{
    if (block->space == SPACE_MANAGED || __atomic_load_n(&block->touched, __ATOMIC_ACQUIRE))
        return true;
    CUdeviceptr first = base & ~(CUdeviceptr)(PAGE - 1);
    if (mprotect((void *)first, base + block->bytes - first, PROT_READ | PROT_WRITE) != 0)
        return false;
    __atomic_store_n(&block->touched, true, __ATOMIC_RELEASE);
    return true;
}

bool heap_back(struct block *block, CUdeviceptr base, int fd, uint64_t offset, bool keep)
{
    if (block->bytes < PAGE || base % PAGE != 0 || offset % PAGE != 0)
        return true; /* such a block shares its page with others: its contents stay its own */
    uint64_t length = (block->bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (keep && block->touched && pwrite(fd, (const void *)base, block->bytes, (off_t)offset) != (ssize_t)block->bytes)
        return false;
    if (mmap((void *)base, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED)
        return false;
    block->foreign = true;
    __atomic_store_n(&block->touched, true, __ATOMIC_RELEASE);
    return true;
}

void heap_each(CUcontext context, void (*visit)(CUdeviceptr address))
{
    for (int s = 0; s < SPACES; s++) {
        struct place place = {.area = &heap.areas[context->device][s]};
        for (place.class = 0; place.area->base != 0 && place.class < place.area->classes; place.class++) {
            uint32_t fresh = __atomic_load_n(&place.area->free[place.class].fresh, __ATOMIC_RELAXED);
            for (place.index = 0; place.index < fresh && place.index < blocks_in(place.area, place.class); place.index++) {
                const struct block *block = block_of(&place);
                if (__atomic_load_n(&block->live, __ATOMIC_ACQUIRE) && block->context == context)
                    visit(address_of(&place));
            }
        }
    }
}

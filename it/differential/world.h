/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations of one thread know: the objects that it has (or had) in hand, its random numbers and a journal of
 * what it did. It is no third book: an object in a bag may be dead, and a dead one's address may be another's by now. */
#ifndef WORLD_H
#define WORLD_H

#include <cuda.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICES 2
#define BAG 48
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GRANULE (2 * MIB) /* of physical memory */

struct bag {
    unsigned count;
    unsigned long long item[BAG];
};

/* A stretch of addresses that physical memory can be mapped to. */
#define GRANULES 8
struct stretch {
    CUdeviceptr at; /* 0: none */
};
#define STRETCHES 6

/* Tiles that were mapped into a sparse array, and perhaps unmapped again. */
struct tiles {
    CUarray array; /* NULL: none */
    int device;
    bool mapped;
    CUarrayMapInfo info;
};
#define TILES 4

struct world {
    uint64_t random;
    unsigned number; /* of the thread */
    bool alone;      /* nobody else uses the driver in this process: what spoils it for others is allowed */
    CUcontext primary[DEVICES];
    int retained[DEVICES];
    struct bag contexts, streams, pools, pointers, stale, handles, multicasts, arrays, mipmaps, graphs, executables;
    struct stretch stretches[STRETCHES];
    struct tiles tiles[TILES];
    uint64_t tiles_lost[DEVICES]; /* bytes that were mapped into arrays that went with their context */
    CUstream capturing; /* being captured by this thread, for `captured` steps already */
    unsigned captured;
};

/* ------------------------------------------------------------ random numbers: the same for the same seed */

static inline uint64_t draw(struct world *world)
{
    uint64_t z = world->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 … below − 1 */
static inline unsigned pick(struct world *world, unsigned below)
{
    return (unsigned)(draw(world) % below);
}

static inline bool one_in(struct world *world, unsigned odds)
{
    return pick(world, odds) == 0;
}

/* As many small ones as large ones, up to 8 MiB; now and then one that nobody has, or none. */
size_t some_size(struct world *world);

/* ------------------------------------------------------------ bags */

/* A full bag forgets one, which then may leak; the operations keep that from happening. */
void bag_add(struct world *world, struct bag *bag, const void *object);
/* 0: it is empty. */
unsigned long long bag_any(struct world *world, const struct bag *bag);
void bag_remove(struct bag *bag, unsigned long long item);

static inline void *any_of(struct world *world, const struct bag *bag)
{
    return (void *)(uintptr_t)bag_any(world, bag);
}

static inline void drop(struct bag *bag, const void *object)
{
    bag_remove(bag, (uintptr_t)object);
}

/* ------------------------------------------------------------ operations */

struct operation {
    const char *name; /* NULL: the end of the list */
    unsigned weight;
    void (*run)(struct world *world);
    bool alone;       /* only where the world is alone */
};

extern const struct operation linear_operations[], pool_operations[], array_operations[], physical_operations[],
    graph_operations[], context_operations[], sharing_operations[];

/* One line of the journal: what was done and what came of it. Returns the result. */
CUresult did(struct world *world, CUresult result, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* After an allocation that takes exactly `bytes` of the device (−1: the current one): a refusal must have a reason. */
void expect_reason(struct world *world, CUresult result, int device, size_t bytes);

/* ------------------------------------------------------------ shared between families */

CUstream some_stream(struct world *world);
CUdevice some_device(struct world *world);
int current_device(void); /* −1: no context is current */
/* Frees a pointer in one of the ways there are; it is out of the bag where it is not alive any more. */
void free_pointer(struct world *world, CUdeviceptr pointer);
void end_capture(struct world *world);
void unmap_all(struct world *world);
/* Sparse arrays that went with their context: their addresses may be others' soon. */
void forget_dead_tiles(struct world *world);
void destroy_tiles(struct world *world);

#endif

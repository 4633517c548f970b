/* SPDX-License-Identifier: Apache-2.0 */
/* Where allocations lie: addresses for a process's blocks and what is known about each. How much memory there is, is
 * the card's affair (card.h). */
#ifndef HEAP_H
#define HEAP_H

#include "driver.h"

enum space {
    SPACE_DEVICE,  /* the host cannot touch it, as on a card; backed by pages when the driver copies to it */
    SPACE_MANAGED, /* the host can touch it */
    SPACE_LOW,     /* below 4 GiB, for the 32-bit pointers of the old ABI */
    SPACES
};

/* Who frees the memory behind a block. */
enum owner {
    OWNER_CONTEXT, /* a plain allocation: with its context, or by cuMemFree */
    OWNER_POOL,    /* struct piece of a memory pool (pool.h) */
    OWNER_GRAPH,   /* struct graph_memory (graph.h) */
    OWNER_IMPORT,  /* struct import (import.h): memory of another process */
};

/* A cache line of its own. Between heap_place and heap_publish, and after heap_claim, it belongs to the calling thread
 * alone. */
struct block {
    uint32_t live;
    uint32_t next; /* in the free list: index + 1 */
    uint64_t bytes;
    CUcontext context; /* NULL where the owner is no context */
    void *of;          /* the owner's record */
    uint32_t device;
    int ordinal;
    uint8_t space;
    uint8_t owner;
    uint8_t kind; /* enum fakecuda_kind */
    bool touched; /* its pages have been made accessible */
    bool foreign; /* its pages are a file's: they are replaced when the place is given back */
} __attribute__((aligned(64)));

/* A free place for `bytes` on the device, and the record to fill in; 0 if the address space is used up. */
CUdeviceptr heap_place(uint32_t device, enum space space, uint64_t bytes, struct block **block);
/* Makes the block live: it can be found and freed from now on. */
void heap_publish(struct block *block);
/* Takes the live block that begins at `address`, so that exactly one caller frees it; NULL if there is none. */
struct block *heap_claim(CUdeviceptr address);
void heap_unclaim(struct block *block);
/* Returns a claimed block's place. */
void heap_vacate(CUdeviceptr address);

/* The live block that contains `address` and where it begins; NULL if there is none. */
struct block *heap_find(CUdeviceptr address, CUdeviceptr *base);
/* Whether the address belongs to the driver at all, live or not. */
bool heap_owns(CUdeviceptr address);
/* Makes the block's pages accessible to the driver's own copies. */
bool heap_touch(struct block *block, CUdeviceptr base);
/* Puts a file's contents behind the block, of a page or more, for the rest of its life; with `keep` what the block
 * holds is written to the file first. */
bool heap_back(struct block *block, CUdeviceptr base, int fd, uint64_t offset, bool keep);

/* Calls visit for each live block of the context. */
void heap_each(CUcontext context, void (*visit)(CUdeviceptr address));

#endif

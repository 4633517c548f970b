/* SPDX-License-Identifier: Apache-2.0 */
/* Where allocations lie: addresses for a process's blocks and what is known about each. How much memory there is, is the
 * card's affair (card.h). */
#ifndef HEAP_H
#define HEAP_H

#include "driver.h"

enum space {
    SPACE_DEVICE,  /* the host cannot touch it, as on a card; backed by pages when the driver copies to it */
    SPACE_MANAGED, /* the host can touch it */
    SPACE_LOW,     /* below 4 GiB, for the 32-bit pointers of the old ABI */
    SPACES
};

/* A cache line of its own. Between heap_place and heap_publish, and after heap_claim, it belongs to the calling thread alone. */
struct block {
    uint32_t live;
    uint32_t next; /* in the free list: index + 1 */
    uint64_t bytes;
    CUcontext context;
    uint8_t space;
    bool touched; /* its pages have been made accessible */
} __attribute__((aligned(64)));

/* A free place for `bytes` on the device; 0 if the address space is used up. */
CUdeviceptr heap_place(uint32_t device, enum space space, uint64_t bytes);
/* Makes the block live: it can be found and freed from now on. */
void heap_publish(CUdeviceptr address, uint64_t bytes, CUcontext context);
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

/* Calls visit for each live block of the context. */
void heap_each(CUcontext context, void (*visit)(CUdeviceptr address));

#endif

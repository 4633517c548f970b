/* SPDX-License-Identifier: Apache-2.0 */
/* Physical memory and what refers to it. Everything here is under the lock below. */
#ifndef PHYSICAL_H
#define PHYSICAL_H

#include "import.h"

struct multicast;

/* What a CUmemGenericAllocationHandle points to; it ends when nothing refers to it any more. */
struct physical {
    CUmemAllocationProp prop;
    uint64_t bytes;
    uint32_t device; /* of the card, if it is the card's */
    int ordinal;
    bool on_host;
    bool imported;
    unsigned handles; /* cuMemCreate, cuMemRetainAllocationHandle and imports, less cuMemRelease */
    unsigned uses;    /* mappings, multicast bindings */
    uint64_t offset;  /* in the file behind all memory that is not shared */
    struct exported *exported;
    struct multicast *multicast; /* if it is a multicast object, which holds no memory of its own */
};

void physical_lock(void);
void physical_unlock(void);

/* The memory of a handle that has not been released as often as it was obtained; NULL if it is none. */
struct physical *physical_of(CUmemGenericAllocationHandle handle);
CUmemGenericAllocationHandle physical_handle(const struct physical *physical);
/* A new one, known by its handle, with one handle; NULL if there is no memory for it. */
struct physical *physical_new(void);
void physical_use(struct physical *physical);
/* One use, or one handle, less; the call that it happened in is counted. */
void physical_end_use(struct physical *physical, enum fakecuda_call call);
void physical_end_handle(struct physical *physical, enum fakecuda_call call);
/* A descriptor of the file behind it and where in it the memory begins; close it after use. */
int physical_file(const struct physical *physical, uint64_t *offset);

/* After the file behind it has changed (mapping.c). */
void mappings_remap(const struct physical *physical);
/* The mapped memory at an address and how far into it; NULL if nothing is mapped there. */
struct physical *mapping_find(CUdeviceptr address, uint64_t *offset);
/* The mapping around an address. */
bool mapping_range(CUdeviceptr address, CUdeviceptr *base, uint64_t *bytes, int *ordinal);
/* CUDA_SUCCESS: the driver's copies may use the range. CUDA_ERROR_NOT_FOUND: it is no reserved address range at all. */
CUresult mapping_resolve(CUdeviceptr address, uint64_t bytes);

/* multicast.c: gives back what the object bound. */
void multicast_end(struct multicast *multicast);
bool multicast_complete(const struct multicast *multicast);
int multicast_export(const struct physical *physical);
struct physical *multicast_import(int fd);

#define PHYSICAL_GRANULARITY (2ull << 20)
#define HOST_GRANULARITY 4096u
uint64_t physical_granularity(const struct physical *physical);

#endif

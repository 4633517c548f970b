/* SPDX-License-Identifier: Apache-2.0 */
/* Address ranges and what is mapped into them (CUDA driver API, virtual memory management). */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "physical.h"

#define PAGE 4096u

struct mapping {
    CUdeviceptr base;
    uint64_t bytes, offset;
    struct physical *physical;
    CUmemAccess_flags device[FAKECUDA_DEVICES], host; /* "all mappings start with no accessibility setup" */
    struct mapping *next;                             /* by address */
};

struct reservation {
    CUdeviceptr base;
    uint64_t bytes;
    struct mapping *mappings;
    struct reservation *next;
};

static struct reservation *reservations;

static struct reservation *reservation_of(CUdeviceptr address)
{
    struct reservation *each = reservations;
    while (each != NULL && address - each->base >= each->bytes)
        each = each->next;
    return each;
}

static struct mapping *mapping_at(CUdeviceptr address)
{
    const struct reservation *reservation = reservation_of(address);
    struct mapping *each = reservation != NULL ? reservation->mappings : NULL;
    while (each != NULL && address - each->base >= each->bytes)
        each = each->next;
    return each;
}

/* True if the range is one or more whole mappings, one after the other; the first of them. */
static bool whole_mappings(CUdeviceptr base, uint64_t bytes, struct mapping **first)
{
    *first = mapping_at(base);
    CUdeviceptr at = base;
    for (const struct mapping *each = *first; each != NULL && each->base == at && at - base < bytes; each = each->next)
        at += each->bytes;
    return bytes != 0 && at - base == bytes;
}

/* --- address ranges --------------------------------------------------------------------------------------------- */

static void *map_aligned(uint64_t size, uint64_t alignment, CUdeviceptr hint)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    if (hint != 0 && hint % alignment == 0) {
        void *there = mmap((void *)hint, size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
        if (there == (void *)hint)
            return there;
        if (there != MAP_FAILED) /* a kernel that knows the flag not */
            munmap(there, size);
    }
    uint64_t room;
    if (__builtin_add_overflow(size, alignment, &room))
        return NULL;
    void *at = mmap(NULL, room, PROT_NONE, flags, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    uint64_t begin = ((uint64_t)at + alignment - 1) & ~(alignment - 1);
    if (begin != (uint64_t)at)
        munmap(at, begin - (uint64_t)at);
    if (begin + size != (uint64_t)at + room)
        munmap((void *)(begin + size), (uint64_t)at + room - begin - size);
    madvise((void *)begin, size, MADV_DONTDUMP);
    return (void *)begin;
}

/* "The size and address parameters must be a multiple of the host page size and the alignment must be a power of two or
 * zero for default alignment"; the address is a hint. */
API CUresult cuMemAddressReserve(CUdeviceptr *pointer, size_t size, size_t alignment, CUdeviceptr hint,
                                 unsigned long long flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    bool power = (alignment & (alignment - 1)) == 0;
    if (pointer == NULL || size == 0 || size % PAGE != 0 || hint % PAGE != 0 || !power || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    struct reservation *reservation = calloc(1, sizeof *reservation);
    if (reservation == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    void *at = map_aligned(size, alignment > PHYSICAL_GRANULARITY ? alignment : PHYSICAL_GRANULARITY, hint);
    if (at == NULL) {
        free(reservation);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    physical_lock();
    *reservation = (struct reservation){.base = (CUdeviceptr)at, .bytes = size, .next = reservations};
    reservations = reservation;
    physical_unlock();
    *pointer = (CUdeviceptr)at;
    return CUDA_SUCCESS;
}

/* "The size must match what was given to memAddressReserve and the ptr given must match what was returned"; nothing may
 * be mapped there any more. */
API CUresult cuMemAddressFree(CUdeviceptr pointer, size_t size)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    physical_lock();
    struct reservation **link = &reservations;
    while (*link != NULL && ((*link)->base != pointer || (*link)->bytes != size))
        link = &(*link)->next;
    struct reservation *found = *link;
    if (found != NULL && found->mappings == NULL) {
        *link = found->next;
        munmap((void *)pointer, size);
        free(found);
        physical_unlock();
        return CUDA_SUCCESS;
    }
    physical_unlock();
    return CUDA_ERROR_INVALID_VALUE;
}

/* --- mapping ---------------------------------------------------------------------------------------------------- */

/* Without access until cuMemSetAccess. A multicast object has no contents here. */
static bool back(const struct mapping *mapping, int protection)
{
    uint64_t offset;
    if (mapping->physical->multicast != NULL)
        return true;
    int fd = physical_file(mapping->physical, &offset);
    if (fd < 0)
        return false;
    void *at = mmap((void *)mapping->base, mapping->bytes, protection, MAP_SHARED | MAP_FIXED, fd,
                    (off_t)(offset + mapping->offset));
    close(fd);
    return at != MAP_FAILED;
}

static bool accessible(const struct mapping *mapping)
{
    bool any = mapping->host != CU_MEM_ACCESS_FLAGS_PROT_NONE;
    for (int i = 0; i < driver.device_count; i++)
        any |= mapping->device[i] != CU_MEM_ACCESS_FLAGS_PROT_NONE;
    return any;
}

void mappings_remap(const struct physical *physical)
{
    for (const struct reservation *reservation = reservations; reservation != NULL; reservation = reservation->next)
        for (const struct mapping *each = reservation->mappings; each != NULL; each = each->next)
            if (each->physical == physical)
                back(each, accessible(each) ? PROT_READ | PROT_WRITE : PROT_NONE);
}

/* "cuMemMap can only create mappings on VA range reservations that are not currently mapped"; "offset ... currently
 * must be zero" is for memory, not for multicast objects. */
static CUresult map(CUdeviceptr pointer, uint64_t size, uint64_t offset, struct physical *physical)
{
    struct reservation *reservation = reservation_of(pointer);
    uint64_t granularity = physical_granularity(physical);
    if (reservation == NULL || size == 0 || size > reservation->bytes - (pointer - reservation->base))
        return CUDA_ERROR_INVALID_VALUE;
    if (pointer % granularity != 0 || size % granularity != 0 || offset % granularity != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (offset > physical->bytes || size > physical->bytes - offset || (offset != 0 && physical->multicast == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    if (physical->multicast != NULL && !multicast_complete(physical->multicast))
        return CUDA_ERROR_NOT_READY; /* the real call would wait for the other devices */
    struct mapping **link = &reservation->mappings;
    while (*link != NULL && (*link)->base + (*link)->bytes <= pointer)
        link = &(*link)->next;
    if (*link != NULL && (*link)->base < pointer + size)
        return CUDA_ERROR_INVALID_VALUE;
    struct mapping *mapping = calloc(1, sizeof *mapping);
    if (mapping == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    mapping->base = pointer;
    mapping->bytes = size;
    mapping->offset = offset;
    mapping->physical = physical;
    if (!back(mapping, PROT_NONE)) {
        free(mapping);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    mapping->next = *link;
    *link = mapping;
    physical_use(physical);
    if (!physical->on_host)
        card_count(&driver.card, physical->device, FAKECUDA_CALL_cuMemMap, 0, 0);
    return CUDA_SUCCESS;
}

API CUresult cuMemMap(CUdeviceptr pointer, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                      unsigned long long flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    physical_lock();
    struct physical *physical = flags == 0 ? physical_of(handle) : NULL;
    CUresult result = physical != NULL ? map(pointer, size, offset, physical) : CUDA_ERROR_INVALID_VALUE;
    physical_unlock();
    return result;
}

static void unmap_next(struct mapping **link)
{
    struct mapping *mapping = *link;
    *link = mapping->next;
    mmap((void *)mapping->base, mapping->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    physical_end_use(mapping->physical, FAKECUDA_CALL_cuMemUnmap);
    free(mapping);
}

/* "The range must be the entire contiguous address range that was mapped to. In other words, cuMemUnmap cannot unmap a
 * sub-range of an address range mapped by cuMemCreate / cuMemMap." */
API CUresult cuMemUnmap(CUdeviceptr pointer, size_t size)
{
    struct mapping *first;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    physical_lock();
    bool whole = whole_mappings(pointer, size, &first);
    if (whole) {
        struct mapping **link = &reservation_of(pointer)->mappings;
        while (*link != first)
            link = &(*link)->next;
        while (*link != NULL && (*link)->base - pointer < size)
            unmap_next(link);
    }
    physical_unlock();
    return whole ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* --- access ----------------------------------------------------------------------------------------------------- */

static CUresult check_access(const CUmemAccessDesc *desc)
{
    if (desc->flags != CU_MEM_ACCESS_FLAGS_PROT_NONE && desc->flags != CU_MEM_ACCESS_FLAGS_PROT_READ
        && desc->flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
        return CUDA_ERROR_INVALID_VALUE;
    switch (desc->location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE:
        return desc->location.id >= 0 && desc->location.id < driver.device_count ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA: return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
    }
}

static void set_access(struct mapping *mapping, const CUmemAccessDesc *desc)
{
    if (desc->location.type == CU_MEM_LOCATION_TYPE_DEVICE)
        mapping->device[desc->location.id] = desc->flags;
    else
        mapping->host = desc->flags;
}

/* "The range must be a fully mapped address range containing all allocations created by cuMemMap / cuMemCreate." */
API CUresult cuMemSetAccess(CUdeviceptr pointer, size_t size, const CUmemAccessDesc *desc, size_t count)
{
    struct mapping *first;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (desc == NULL || count == 0)
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        CUresult result = check_access(&desc[i]);
        if (result != CUDA_SUCCESS)
            return result;
    }
    physical_lock();
    bool whole = whole_mappings(pointer, size, &first);
    for (struct mapping *each = first; whole && each != NULL && each->base - pointer < size; each = each->next) {
        for (size_t i = 0; i < count; i++)
            set_access(each, &desc[i]);
        if (each->physical->multicast == NULL)
            mprotect((void *)each->base, each->bytes, accessible(each) ? PROT_READ | PROT_WRITE : PROT_NONE);
    }
    physical_unlock();
    return whole ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

API CUresult cuMemGetAccess(unsigned long long *flags, const CUmemLocation *location, CUdeviceptr pointer)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (flags == NULL || location == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUmemAccessDesc asked = {.location = *location};
    CUresult result = check_access(&asked);
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    const struct mapping *mapping = mapping_at(pointer);
    if (mapping != NULL)
        *flags = location->type == CU_MEM_LOCATION_TYPE_DEVICE ? mapping->device[location->id] : mapping->host;
    physical_unlock();
    return mapping != NULL ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* --- looking up ------------------------------------------------------------------------------------------------- */

struct physical *mapping_find(CUdeviceptr address, uint64_t *offset)
{
    const struct mapping *mapping = mapping_at(address);
    if (mapping == NULL)
        return NULL;
    *offset = mapping->offset + (address - mapping->base);
    return mapping->physical;
}

bool mapping_range(CUdeviceptr address, CUdeviceptr *base, uint64_t *bytes, int *ordinal)
{
    physical_lock();
    const struct mapping *mapping = mapping_at(address);
    if (mapping != NULL) {
        *base = mapping->base;
        *bytes = mapping->bytes;
        *ordinal = mapping->physical->ordinal;
    }
    physical_unlock();
    return mapping != NULL;
}

CUresult mapping_resolve(CUdeviceptr address, uint64_t bytes)
{
    if (__atomic_load_n(&reservations, __ATOMIC_RELAXED) == NULL)
        return CUDA_ERROR_NOT_FOUND;
    physical_lock();
    CUresult result = reservation_of(address) != NULL ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
    CUdeviceptr at = address;
    while (result == CUDA_SUCCESS && at - address < bytes) {
        const struct mapping *mapping = mapping_at(at);
        if (mapping == NULL || !accessible(mapping) || mapping->physical->multicast != NULL)
            result = CUDA_ERROR_INVALID_VALUE;
        else
            at = mapping->base + mapping->bytes;
    }
    physical_unlock();
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Multicast objects (CUDA driver API, multicast object management). They hold no memory: what is bound to one stays the
 * memory of its own handle, and a binding keeps it. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "physical.h"

#define MULTICAST_GRANULARITY PHYSICAL_GRANULARITY
#define MULTICAST_MAGIC 0x54534143544c554dull

struct binding {
    int ordinal;
    uint64_t offset, bytes;
    struct physical *physical; /* NULL of pool memory, which its pool keeps */
    struct binding *next;
};

struct multicast {
    CUmulticastObjectProp prop;
    uint32_t devices; /* a bit for each ordinal added */
    bool imported;    /* the other devices are the exporter's affair */
    struct binding *bindings;
};

struct shared_multicast {
    uint64_t magic;
    CUmulticastObjectProp prop;
};

bool multicast_complete(const struct multicast *multicast)
{
    return multicast->imported || (unsigned)__builtin_popcount(multicast->devices) == multicast->prop.numDevices;
}

static void unbind(struct binding **link, enum fakecuda_call call)
{
    struct binding *binding = *link;
    *link = binding->next;
    if (binding->physical != NULL)
        physical_end_use(binding->physical, call);
    free(binding);
}

void multicast_end(struct multicast *multicast)
{
    while (multicast->bindings != NULL)
        unbind(&multicast->bindings, FAKECUDA_CALL_cuMulticastUnbind);
    free(multicast);
}

static struct physical *make(const CUmulticastObjectProp *prop, bool imported)
{
    struct multicast *multicast = calloc(1, sizeof *multicast);
    struct physical *physical = multicast != NULL ? physical_new() : NULL;
    if (physical == NULL) {
        free(multicast);
        return NULL;
    }
    *multicast = (struct multicast){.prop = *prop, .imported = imported};
    *physical = (struct physical){
        .prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                 .requestedHandleTypes = (CUmemAllocationHandleType)prop->handleTypes},
        .bytes = prop->size,
        .handles = 1,
        .multicast = multicast,
    };
    return physical;
}

int multicast_export(const struct physical *physical)
{
    struct shared_multicast filled = {MULTICAST_MAGIC, physical->multicast->prop};
    int fd = memfd_create("fakecuda-multicast", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, &filled, sizeof filled) == (ssize_t)sizeof filled)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

struct physical *multicast_import(int fd)
{
    struct shared_multicast filled;
    if (pread(fd, &filled, sizeof filled, 0) != (ssize_t)sizeof filled || filled.magic != MULTICAST_MAGIC)
        return NULL;
    return make(&filled.prop, true);
}

static bool valid(const CUmulticastObjectProp *prop)
{
    return prop != NULL && prop->numDevices != 0 && prop->flags == 0 && prop->handleTypes <= 15;
}

/* "This size must be a multiple of the value returned by cuMulticastGetGranularity with the flag
 * CU_MULTICAST_GRANULARITY_MINIMUM" */
API CUresult cuMulticastCreate(CUmemGenericAllocationHandle *handle, const CUmulticastObjectProp *prop)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (handle == NULL || !valid(prop) || prop->size == 0 || prop->size % MULTICAST_GRANULARITY != 0)
        return CUDA_ERROR_INVALID_VALUE;
    physical_lock();
    struct physical *physical = make(prop, false);
    physical_unlock();
    if (physical == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *handle = physical_handle(physical);
    return CUDA_SUCCESS;
}

API CUresult cuMulticastGetGranularity(size_t *granularity, const CUmulticastObjectProp *prop,
                                       CUmulticastGranularity_flags option)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (granularity == NULL || !valid(prop)
        || (option != CU_MULTICAST_GRANULARITY_MINIMUM && option != CU_MULTICAST_GRANULARITY_RECOMMENDED))
        return CUDA_ERROR_INVALID_VALUE;
    *granularity = MULTICAST_GRANULARITY;
    return CUDA_SUCCESS;
}

static struct multicast *multicast_of(CUmemGenericAllocationHandle handle)
{
    const struct physical *physical = physical_of(handle);
    return physical != NULL ? physical->multicast : NULL;
}

API CUresult cuMulticastAddDevice(CUmemGenericAllocationHandle handle, CUdevice device)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    struct multicast *multicast = multicast_of(handle);
    if (multicast == NULL || multicast_complete(multicast) || (multicast->devices >> device & 1) != 0)
        result = CUDA_ERROR_INVALID_VALUE;
    else
        multicast->devices |= 1u << device;
    physical_unlock();
    return result;
}

/* "The memory allocation must have been created on one of the devices that was added"; "All participating devices must
 * be added to the multicast object before memory can be bound": the real call waits for them, this one says not
 * ready. */
static CUresult bind(struct multicast *multicast, uint64_t offset, struct physical *physical, int ordinal, uint64_t bytes)
{
    bool aligned = offset % MULTICAST_GRANULARITY == 0 && bytes % MULTICAST_GRANULARITY == 0;
    if (!aligned || bytes == 0 || offset > multicast->prop.size || bytes > multicast->prop.size - offset)
        return CUDA_ERROR_INVALID_VALUE;
    if (!multicast_complete(multicast))
        return CUDA_ERROR_NOT_READY;
    if (!multicast->imported && (multicast->devices >> ordinal & 1) == 0)
        return CUDA_ERROR_INVALID_DEVICE;
    for (const struct binding *each = multicast->bindings; each != NULL; each = each->next)
        if (each->ordinal == ordinal && each->offset < offset + bytes && offset < each->offset + each->bytes)
            return CUDA_ERROR_INVALID_VALUE;
    struct binding *binding = malloc(sizeof *binding);
    if (binding == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    *binding = (struct binding){ordinal, offset, bytes, physical, multicast->bindings};
    multicast->bindings = binding;
    if (physical != NULL)
        physical_use(physical);
    card_count(&driver.card, driver.device[ordinal], FAKECUDA_CALL_cuMulticastBind, 0, 0);
    return CUDA_SUCCESS;
}

API CUresult cuMulticastBindMem(CUmemGenericAllocationHandle handle, size_t offset, CUmemGenericAllocationHandle memory,
                                size_t memory_offset, size_t size, unsigned long long flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    physical_lock();
    struct multicast *multicast = multicast_of(handle);
    struct physical *physical = physical_of(memory);
    bool right = multicast != NULL && physical != NULL && physical->multicast == NULL && !physical->on_host && flags == 0
                 && memory_offset % MULTICAST_GRANULARITY == 0 && memory_offset <= physical->bytes
                 && size <= physical->bytes - memory_offset;
    CUresult result = right ? bind(multicast, offset, physical, physical->ordinal, size) : CUDA_ERROR_INVALID_VALUE;
    physical_unlock();
    return result;
}

/* "The memory must have been allocated via cuMemCreate or cudaMallocAsync." */
API CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle handle, size_t offset, CUdeviceptr memory, size_t size,
                                 unsigned long long flags)
{
    CUdeviceptr base;
    uint64_t memory_offset;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    physical_lock();
    struct multicast *multicast = flags == 0 ? multicast_of(handle) : NULL;
    struct physical *physical = mapping_find(memory, &memory_offset);
    const struct block *block = physical == NULL ? heap_find(memory, &base) : NULL;
    CUresult result = CUDA_ERROR_INVALID_VALUE;
    if (multicast != NULL && physical != NULL && physical->multicast == NULL && !physical->on_host
        && size <= physical->bytes - memory_offset)
        result = bind(multicast, offset, physical, physical->ordinal, size);
    else if (multicast != NULL && block != NULL && block->owner == OWNER_POOL && size <= block->bytes - (memory - base))
        result = bind(multicast, offset, NULL, block->ordinal, size);
    physical_unlock();
    return result;
}

/* "The mcOffset and the size must match the corresponding values specified during the bind call." */
API CUresult cuMulticastUnbind(CUmemGenericAllocationHandle handle, CUdevice device, size_t offset, size_t size)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    physical_lock();
    struct multicast *multicast = multicast_of(handle);
    struct binding **link = multicast != NULL ? &multicast->bindings : NULL;
    while (link != NULL && *link != NULL
           && ((*link)->ordinal != device || (*link)->offset != offset || (*link)->bytes != size))
        link = &(*link)->next;
    bool found = link != NULL && *link != NULL;
    if (found)
        unbind(link, FAKECUDA_CALL_cuMulticastUnbind);
    physical_unlock();
    return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver tells about memory. */
#include <limits.h>

#include "memory.h"
#include "physical.h"
#include "pool.h"

static CUresult memory_info(uint64_t *available, uint64_t *total, unsigned api)
{
    CUcontext context;
    CUresult result = context_current(&context, api);
    if (result != CUDA_SUCCESS)
        return result;
    *total = driver.card.map->devices[context->device].capacity;
    uint64_t used = card_used(&driver.card, context->device);
    *available = used < *total ? *total - used : 0;
    return CUDA_SUCCESS;
}

API CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes)
{
    uint64_t available, total;
    if (driver_ready() && (free_bytes == NULL || total_bytes == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = memory_info(&available, &total, NEW_ABI);
    if (result == CUDA_SUCCESS) {
        *free_bytes = available;
        *total_bytes = total;
    }
    return result;
}

static unsigned int saturated(uint64_t bytes)
{
    return bytes > UINT_MAX ? UINT_MAX : (unsigned int)bytes;
}

API CUresult cuMemGetInfo(unsigned int *free_bytes, unsigned int *total_bytes)
{
    uint64_t available, total;
    if (driver_ready() && (free_bytes == NULL || total_bytes == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = memory_info(&available, &total, OLD_ABI);
    if (result == CUDA_SUCCESS) {
        *free_bytes = saturated(available);
        *total_bytes = saturated(total);
    }
    return result;
}

/* "Both parameters are optional. If one of them is NULL, it is ignored." */
API CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr pointer)
{
    CUcontext context;
    CUdeviceptr begin;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    const struct block *block = heap_find(pointer, &begin);
    uint64_t bytes = block != NULL ? block->bytes : 0;
    int ordinal;
    if (block == NULL && !mapping_range(pointer, &begin, &bytes, &ordinal))
        return CUDA_ERROR_NOT_FOUND;
    if (base != NULL)
        *base = begin;
    if (size != NULL)
        *size = bytes;
    return CUDA_SUCCESS;
}

API CUresult cuMemGetAddressRange(CUdeviceptr_v1 *base, unsigned int *size, CUdeviceptr_v1 pointer)
{
    CUcontext context;
    CUdeviceptr begin;
    CUresult result = context_current(&context, OLD_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    const struct block *block = heap_find(pointer, &begin);
    if (block == NULL)
        return CUDA_ERROR_NOT_FOUND;
    if (base != NULL)
        *base = (CUdeviceptr_v1)begin;
    if (size != NULL)
        *size = (unsigned int)block->bytes;
    return CUDA_SUCCESS;
}

/* Of memory that is mapped at an address of the program's choice; it is of no context. */
static CUresult mapped_attribute(void *value, CUpointer_attribute attribute, CUdeviceptr pointer)
{
    CUdeviceptr base;
    uint64_t bytes;
    int ordinal;
    if (!mapping_range(pointer, &base, &bytes, &ordinal))
        return CUDA_ERROR_INVALID_VALUE; /* "not allocated by, mapped by, or registered with a context" */
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: *(CUcontext *)value = NULL; break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: *(unsigned *)value = CU_MEMORYTYPE_DEVICE; break;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: *(CUdeviceptr *)value = pointer; break;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: *(unsigned char *)value = 0; break;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: *(int *)value = ordinal; break;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: *(CUdeviceptr *)value = base; break;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: *(size_t *)value = bytes; break;
    case CU_POINTER_ATTRIBUTE_MAPPED: *(int *)value = 1; break;
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE: *(int *)value = 0; break;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: *(CUmemoryPool *)value = NULL; break;
    default: return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
}

API CUresult cuPointerGetAttribute(void *value, CUpointer_attribute attribute, CUdeviceptr pointer)
{
    CUdeviceptr base;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (value == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    const struct block *block = heap_find(pointer, &base);
    if (block == NULL)
        return mapped_attribute(value, attribute, pointer);
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: *(CUcontext *)value = block->context; break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: *(unsigned *)value = CU_MEMORYTYPE_DEVICE; break;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: *(CUdeviceptr *)value = pointer; break;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: *(unsigned char *)value = block->space == SPACE_MANAGED; break;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: *(int *)value = block->ordinal; break;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: *(CUdeviceptr *)value = base; break;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: *(size_t *)value = block->bytes; break;
    case CU_POINTER_ATTRIBUTE_MAPPED: *(int *)value = 1; break;
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
        *(int *)value = block->owner == OWNER_CONTEXT && block->kind != FAKECUDA_KIND_managed;
        break;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: /* "NULL if the allocation is not from a mempool" */
        *(CUmemoryPool *)value = block->owner == OWNER_POOL ? ((const struct piece *)block->of)->pool : NULL;
        break;
    default: return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
}

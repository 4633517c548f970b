/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: linear, managed, pitched, and all of them freed (CUDA driver API, memory management). */
#include "memory.h"

#include <limits.h>
#include <unistd.h>

#include "graph.h"
#include "import.h"
#include "pool.h"
#include "stream.h"

#define PITCH_ALIGNMENT 512u

static CUresult allocate(CUdeviceptr *pointer, uint64_t bytes, enum space space, enum fakecuda_kind kind,
                         enum fakecuda_call call)
{
    CUcontext context;
    struct block *block;
    CUresult result = context_current(&context, space == SPACE_LOW ? OLD_ABI : NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (pointer == NULL || bytes == 0) /* "If bytesize is 0, cuMemAlloc() returns CUDA_ERROR_INVALID_VALUE" */
        return CUDA_ERROR_INVALID_VALUE;
    if (!capture_allows_unsafe_call())
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (!card_reserve(&driver.card, context->device, bytes, kind, call)
        && !(pools_give_way(context->device) && card_reserve(&driver.card, context->device, bytes, kind, call)))
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (driver.alloc_delay_us != 0)
        usleep(driver.alloc_delay_us);
    CUdeviceptr address = heap_place(context->device, space, bytes, &block);
    if (address == 0) {
        card_release(&driver.card, context->device, bytes, kind, FAKECUDA_CALL_implicit_free);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    block->context = context;
    block->ordinal = context->ordinal;
    block->owner = OWNER_CONTEXT;
    block->kind = (uint8_t)kind;
    block->of = NULL;
    heap_publish(block);
    *pointer = address;
    return CUDA_SUCCESS;
}

API CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes)
{
    return allocate(pointer, bytes, SPACE_DEVICE, FAKECUDA_KIND_linear, FAKECUDA_CALL_cuMemAlloc_v2);
}

API CUresult cuMemAlloc(CUdeviceptr_v1 *pointer, unsigned int bytes)
{
    CUdeviceptr address;
    CUresult result =
        allocate(pointer != NULL ? &address : NULL, bytes, SPACE_LOW, FAKECUDA_KIND_linear, FAKECUDA_CALL_cuMemAlloc);
    if (result == CUDA_SUCCESS)
        *pointer = (CUdeviceptr_v1)address;
    return result;
}

API CUresult cuMemAllocManaged(CUdeviceptr *pointer, size_t bytes, unsigned int flags)
{
    /* "flags ... must be one of CU_MEM_ATTACH_GLOBAL or CU_MEM_ATTACH_HOST" */
    if (driver_ready() && flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST)
        return CUDA_ERROR_INVALID_VALUE;
    return allocate(pointer, bytes, SPACE_MANAGED, FAKECUDA_KIND_managed, FAKECUDA_CALL_cuMemAllocManaged);
}

static CUresult allocate_pitched(CUdeviceptr *pointer, uint64_t *pitch, uint64_t width, uint64_t height,
                                 unsigned element, enum space space, enum fakecuda_call call)
{
    uint64_t bytes, padded;
    if (element != 4 && element != 8 && element != 16) /* "ElementSizeBytes can be either 4, 8, or 16" */
        return CUDA_ERROR_INVALID_VALUE;
    if (__builtin_add_overflow(width, PITCH_ALIGNMENT - 1, &padded))
        return CUDA_ERROR_INVALID_VALUE;
    *pitch = padded & ~(uint64_t)(PITCH_ALIGNMENT - 1);
    if (__builtin_mul_overflow(*pitch, height, &bytes))
        return CUDA_ERROR_INVALID_VALUE;
    return allocate(pointer, bytes, space, FAKECUDA_KIND_pitched, call);
}

API CUresult cuMemAllocPitch_v2(CUdeviceptr *pointer, size_t *pitch, size_t width, size_t height, unsigned int element)
{
    uint64_t given;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (pitch == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result =
        allocate_pitched(pointer, &given, width, height, element, SPACE_DEVICE, FAKECUDA_CALL_cuMemAllocPitch_v2);
    if (result == CUDA_SUCCESS)
        *pitch = given;
    return result;
}

API CUresult cuMemAllocPitch(CUdeviceptr_v1 *pointer, unsigned int *pitch, unsigned int width, unsigned int height,
                             unsigned int element)
{
    CUdeviceptr address;
    uint64_t given;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (pointer == NULL || pitch == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result =
        allocate_pitched(&address, &given, width, height, element, SPACE_LOW, FAKECUDA_CALL_cuMemAllocPitch);
    if (result == CUDA_SUCCESS) {
        *pointer = (CUdeviceptr_v1)address;
        *pitch = (unsigned int)given;
    }
    return result;
}

/* --- freeing ---------------------------------------------------------------------------------------------------- */

bool memory_free_must_fail(void)
{
    static unsigned long frees;
    return driver.fail_free != 0 && __atomic_add_fetch(&frees, 1, __ATOMIC_RELAXED) == driver.fail_free;
}

/* The place is given back before the bytes: what the card calls free can be placed. */
void memory_give_back(CUdeviceptr address, struct block *block, enum fakecuda_call call)
{
    uint32_t device = block->device;
    uint64_t bytes = block->bytes;
    enum fakecuda_kind kind = block->kind;
    struct exported *exported = block->of; /* only cuIpcGetMemHandle leaves one behind */
    heap_vacate(address);
    if (exported == NULL) {
        card_release(&driver.card, device, bytes, kind, call);
    } else {
        card_count(&driver.card, device, call, -1, 0);
        exported_end(exported);
    }
}

/* "Frees the memory space pointed to by dptr, which must have been returned by a previous call to ... cuMemAlloc(),
 * cuMemAllocPitch(), cuMemAllocManaged(), cuMemAllocAsync(), cuMemAllocFromPoolAsync()"; a buffer mapped from external
 * memory "must be freed using cuMemFree", a pointer imported from a pool "may be freed with cuMemFree or
 * cuMemFreeAsync", and so may a graph's allocation. What cuIpcOpenMemHandle returned "must be freed with
 * cuIpcCloseMemHandle". */
static CUresult release(CUdeviceptr address, unsigned api, enum fakecuda_call call)
{
    CUcontext context;
    CUresult result = context_current(&context, api);
    if (result != CUDA_SUCCESS)
        return result;
    if (address == 0) /* cudaFree(NULL) is documented to do nothing, and cudart passes it on */
        return CUDA_SUCCESS;
    if (!capture_allows_unsafe_call())
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    struct block *block = heap_claim(address);
    if (block == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (memory_free_must_fail()) {
        heap_unclaim(block);
        return CUDA_ERROR_UNKNOWN;
    }
    switch ((enum owner)block->owner) {
    case OWNER_CONTEXT: memory_give_back(address, block, call); return CUDA_SUCCESS;
    case OWNER_POOL: pool_free(address, block, NULL, call); return CUDA_SUCCESS;
    case OWNER_GRAPH: return graph_memory_free(address, block, call);
    case OWNER_IMPORT: return import_free(address, block, call);
    }
    return CUDA_ERROR_INVALID_VALUE;
}

API CUresult cuMemFree_v2(CUdeviceptr pointer)
{
    return release(pointer, NEW_ABI, FAKECUDA_CALL_cuMemFree_v2);
}

API CUresult cuMemFree(CUdeviceptr_v1 pointer)
{
    return release(pointer, OLD_ABI, FAKECUDA_CALL_cuMemFree);
}

static void free_one(CUdeviceptr address)
{
    struct block *block = heap_claim(address);
    if (block == NULL)
        return;
    if (block->owner == OWNER_CONTEXT)
        memory_give_back(address, block, FAKECUDA_CALL_implicit_free);
    else if (import_free(address, block, FAKECUDA_CALL_implicit_free) != CUDA_SUCCESS)
        heap_unclaim(block);
}

void memory_free_all(CUcontext context)
{
    heap_each(context, free_one);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and fills really happen, at once, on the host's pages behind the device's addresses. */
#include <string.h>

#include "memory.h"
#include "physical.h"
#include "stream.h"

/* What a range is to a copy: device memory in full, or the program's own host memory. */
CUresult memory_resolve(CUdeviceptr address, size_t bytes, bool must_be_device)
{
    CUdeviceptr base;
    if (!heap_owns(address)) {
        CUresult result = mapping_resolve(address, bytes);
        if (result != CUDA_ERROR_NOT_FOUND)
            return result;
        return must_be_device ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
    }
    struct block *block = heap_find(address, &base);
    if (block == NULL || bytes > block->bytes - (address - base))
        return CUDA_ERROR_INVALID_VALUE;
    return heap_touch(block, base) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult copy(CUdeviceptr to, bool to_device, CUdeviceptr from, bool from_device, size_t bytes)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS || bytes == 0)
        return result;
    result = memory_resolve(to, bytes, to_device);
    if (result == CUDA_SUCCESS)
        result = memory_resolve(from, bytes, from_device);
    if (result == CUDA_SUCCESS)
        memmove((void *)to, (const void *)from, bytes);
    return result;
}

/* In stream order; not at all if the stream is capturing. */
static CUresult copy_async(CUdeviceptr to, bool to_device, CUdeviceptr from, bool from_device, size_t bytes,
                           CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    return use.capture != NULL ? capture_add(&use, CU_GRAPH_NODE_TYPE_MEMCPY)
                               : copy(to, to_device, from, from_device, bytes);
}

API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return copy(to, false, from, false, bytes);
}
ALIAS(cuMemcpy_ptds, cuMemcpy);

API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return copy_async(to, false, from, false, bytes, stream, false);
}

API CUresult cuMemcpyAsync_ptsz(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return copy_async(to, false, from, false, bytes, stream, true);
}

API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    return copy(to, true, (CUdeviceptr)from, false, bytes);
}
ALIAS(cuMemcpyHtoD_v2_ptds, cuMemcpyHtoD_v2);

API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    return copy_async(to, true, (CUdeviceptr)from, false, bytes, stream, false);
}

API CUresult cuMemcpyHtoDAsync_v2_ptsz(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    return copy_async(to, true, (CUdeviceptr)from, false, bytes, stream, true);
}

API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes)
{
    return copy((CUdeviceptr)to, false, from, true, bytes);
}
ALIAS(cuMemcpyDtoH_v2_ptds, cuMemcpyDtoH_v2);

API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return copy_async((CUdeviceptr)to, false, from, true, bytes, stream, false);
}

API CUresult cuMemcpyDtoHAsync_v2_ptsz(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return copy_async((CUdeviceptr)to, false, from, true, bytes, stream, true);
}

API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return copy(to, true, from, true, bytes);
}
ALIAS(cuMemcpyDtoD_v2_ptds, cuMemcpyDtoD_v2);

API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return copy_async(to, true, from, true, bytes, stream, false);
}

API CUresult cuMemcpyDtoDAsync_v2_ptsz(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return copy_async(to, true, from, true, bytes, stream, true);
}

static CUresult prepare_fill(CUdeviceptr to, size_t bytes)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    return result != CUDA_SUCCESS || bytes == 0 ? result : memory_resolve(to, bytes, true);
}

API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count)
{
    CUresult result = prepare_fill(to, count);
    if (result == CUDA_SUCCESS && count != 0)
        memset((void *)to, value, count);
    return result;
}
ALIAS(cuMemsetD8_v2_ptds, cuMemsetD8_v2);

API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream)
{
    struct stream_use use;
    CUresult result = stream_use(stream, false, &use);
    if (result == CUDA_SUCCESS && use.capture != NULL)
        return capture_add(&use, CU_GRAPH_NODE_TYPE_MEMSET);
    return result == CUDA_SUCCESS ? cuMemsetD8_v2(to, value, count) : result;
}
ALIAS(cuMemsetD8Async_ptsz, cuMemsetD8Async);

API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned int value, size_t count)
{
    size_t bytes;
    if (to % sizeof value != 0 || __builtin_mul_overflow(count, sizeof value, &bytes))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = prepare_fill(to, bytes);
    for (size_t i = 0; result == CUDA_SUCCESS && i < count; i++)
        ((unsigned int *)to)[i] = value;
    return result;
}
ALIAS(cuMemsetD32_v2_ptds, cuMemsetD32_v2);

API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned int value, size_t count, CUstream stream)
{
    struct stream_use use;
    CUresult result = stream_use(stream, false, &use);
    if (result == CUDA_SUCCESS && use.capture != NULL)
        return capture_add(&use, CU_GRAPH_NODE_TYPE_MEMSET);
    return result == CUDA_SUCCESS ? cuMemsetD32_v2(to, value, count) : result;
}
ALIAS(cuMemsetD32Async_ptsz, cuMemsetD32Async);

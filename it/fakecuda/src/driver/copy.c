/* SPDX-License-Identifier: Apache-2.0 */
/* Copies and fills really happen, at once, on the host's pages behind the device's addresses. */
#include <string.h>

#include "heap.h"

/* What a range is to a copy: device memory in full, or the program's own host memory. */
static CUresult resolve(CUdeviceptr address, size_t bytes, bool must_be_device)
{
    CUdeviceptr base;
    if (!heap_owns(address))
        return must_be_device ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
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
    result = resolve(to, bytes, to_device);
    if (result == CUDA_SUCCESS)
        result = resolve(from, bytes, from_device);
    if (result == CUDA_SUCCESS)
        memmove((void *)to, (const void *)from, bytes);
    return result;
}

API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return copy(to, false, from, false, bytes);
}
ALIAS(cuMemcpy_ptds, cuMemcpy);

API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    (void)stream;
    return copy(to, false, from, false, bytes);
}
ALIAS(cuMemcpyAsync_ptsz, cuMemcpyAsync);

API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    return copy(to, true, (CUdeviceptr)from, false, bytes);
}
ALIAS(cuMemcpyHtoD_v2_ptds, cuMemcpyHtoD_v2);

API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    (void)stream;
    return copy(to, true, (CUdeviceptr)from, false, bytes);
}
ALIAS(cuMemcpyHtoDAsync_v2_ptsz, cuMemcpyHtoDAsync_v2);

API CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes)
{
    return copy((CUdeviceptr)to, false, from, true, bytes);
}
ALIAS(cuMemcpyDtoH_v2_ptds, cuMemcpyDtoH_v2);

API CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    (void)stream;
    return copy((CUdeviceptr)to, false, from, true, bytes);
}
ALIAS(cuMemcpyDtoHAsync_v2_ptsz, cuMemcpyDtoHAsync_v2);

API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    return copy(to, true, from, true, bytes);
}
ALIAS(cuMemcpyDtoD_v2_ptds, cuMemcpyDtoD_v2);

API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    (void)stream;
    return copy(to, true, from, true, bytes);
}
ALIAS(cuMemcpyDtoDAsync_v2_ptsz, cuMemcpyDtoDAsync_v2);

static CUresult prepare_fill(CUdeviceptr to, size_t bytes)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    return result != CUDA_SUCCESS || bytes == 0 ? result : resolve(to, bytes, true);
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
    (void)stream;
    return cuMemsetD8_v2(to, value, count);
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
    (void)stream;
    return cuMemsetD32_v2(to, value, count);
}
ALIAS(cuMemsetD32Async_ptsz, cuMemsetD32Async);

/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_calls.h"

API cudaError_t cudaMalloc(void **pointer, size_t bytes)
{
    const struct driver_calls *calls;
    CUdeviceptr address = 0;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS && pointer == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS && bytes != 0) /* of no bytes: a null pointer, no error, no call of the driver */
        result = calls->cuMemAlloc(&address, bytes);
    if (result == CUDA_SUCCESS)
        *pointer = (void *)address;
    return remember(result);
}

API cudaError_t cudaMallocManaged(void **pointer, size_t bytes, unsigned int flags)
{
    const struct driver_calls *calls;
    CUdeviceptr address;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS && pointer == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        result = calls->cuMemAllocManaged(&address, bytes, flags);
    if (result == CUDA_SUCCESS)
        *pointer = (void *)address;
    return remember(result);
}

API cudaError_t cudaMallocPitch(void **pointer, size_t *pitch, size_t width, size_t height)
{
    const struct driver_calls *calls;
    CUdeviceptr address;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS && pointer == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        result = calls->cuMemAllocPitch(&address, pitch, width, height, 4);
    if (result == CUDA_SUCCESS)
        *pointer = (void *)address;
    return remember(result);
}

/* "If devPtr is 0, no operation is performed." */
API cudaError_t cudaFree(void *pointer)
{
    const struct driver_calls *calls;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS && pointer != NULL)
        result = calls->cuMemFree((CUdeviceptr)pointer);
    return remember(result);
}

API cudaError_t cudaMallocHost(void **pointer, size_t bytes)
{
    const struct driver_calls *calls;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    return remember(result == CUDA_SUCCESS ? calls->cuMemHostAlloc(pointer, bytes, 0) : result);
}

API cudaError_t cudaFreeHost(void *pointer)
{
    const struct driver_calls *calls;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS && pointer != NULL)
        result = calls->cuMemFreeHost(pointer);
    return remember(result);
}

API cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes)
{
    const struct driver_calls *calls;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    return remember(result == CUDA_SUCCESS ? calls->cuMemGetInfo(free_bytes, total_bytes) : result);
}

API cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    const struct driver_calls *calls;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result != CUDA_SUCCESS)
        return remember(result);
    switch (kind) {
    case cudaMemcpyHostToDevice: return remember(calls->cuMemcpyHtoD((CUdeviceptr)to, from, bytes));
    case cudaMemcpyDeviceToHost: return remember(calls->cuMemcpyDtoH(to, (CUdeviceptr)from, bytes));
    case cudaMemcpyDeviceToDevice: return remember(calls->cuMemcpyDtoD((CUdeviceptr)to, (CUdeviceptr)from, bytes));
    case cudaMemcpyHostToHost:
    case cudaMemcpyDefault: return remember(calls->cuMemcpy((CUdeviceptr)to, (CUdeviceptr)from, bytes));
    }
    return remember((CUresult)cudaErrorInvalidMemcpyDirection);
}

API cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    const struct driver_calls *calls;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    return remember(result == CUDA_SUCCESS ? calls->cuMemsetD8((CUdeviceptr)to, (unsigned char)value, bytes) : result);
}

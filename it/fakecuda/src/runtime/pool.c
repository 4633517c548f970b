/* SPDX-License-Identifier: Apache-2.0 */
/* Stream-ordered memory and its pools, streams and graphs. */
#include "driver_calls.h"

#define TWINS(type, name, declared, call, ...)                                                                         \
    API type name declared                                                                                             \
    {                                                                                                                  \
        RUNTIME_CALL_TWIN(0, call, __VA_ARGS__);                                                                       \
    }                                                                                                                  \
    API type name##_ptsz declared                                                                                      \
    {                                                                                                                  \
        RUNTIME_CALL_TWIN(1, call, __VA_ARGS__);                                                                       \
    }

static cudaError_t allocate(void **pointer, size_t bytes, cudaMemPool_t pool, cudaStream_t stream, int per_thread)
{
    const struct driver_calls *calls;
    CUdeviceptr address = 0;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS && per_thread)
        calls = driver_calls_per_thread();
    if (result == CUDA_SUCCESS && pointer == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        result = pool == NULL ? calls->cuMemAllocAsync(&address, bytes, stream)
                              : calls->cuMemAllocFromPoolAsync(&address, bytes, pool, stream);
    if (result == CUDA_SUCCESS)
        *pointer = (void *)address;
    return remember(result);
}

API cudaError_t cudaMallocAsync(void **pointer, size_t bytes, cudaStream_t stream)
{
    return allocate(pointer, bytes, NULL, stream, 0);
}

API cudaError_t cudaMallocAsync_ptsz(void **pointer, size_t bytes, cudaStream_t stream)
{
    return allocate(pointer, bytes, NULL, stream, 1);
}

API cudaError_t cudaMallocFromPoolAsync(void **pointer, size_t bytes, cudaMemPool_t pool, cudaStream_t stream)
{
    return pool == NULL ? remember(CUDA_ERROR_INVALID_VALUE) : allocate(pointer, bytes, pool, stream, 0);
}

API cudaError_t cudaMallocFromPoolAsync_ptsz(void **pointer, size_t bytes, cudaMemPool_t pool, cudaStream_t stream)
{
    return pool == NULL ? remember(CUDA_ERROR_INVALID_VALUE) : allocate(pointer, bytes, pool, stream, 1);
}

TWINS(cudaError_t, cudaFreeAsync, (void *pointer, cudaStream_t stream), cuMemFreeAsync, (CUdeviceptr)pointer, stream)

/* The runtime's properties and attributes are the driver's under other names. */
API cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const struct cudaMemPoolProps *props)
{
    _Static_assert(sizeof(struct cudaMemPoolProps) == sizeof(CUmemPoolProps), "pool properties");
    RUNTIME_CALL(cuMemPoolCreate, pool, (const CUmemPoolProps *)props);
}

API cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool)
{
    RUNTIME_CALL(cuMemPoolDestroy, pool);
}

API cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, size_t bytes_to_keep)
{
    RUNTIME_CALL(cuMemPoolTrimTo, pool, bytes_to_keep);
}

API cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void *value)
{
    RUNTIME_CALL(cuMemPoolGetAttribute, pool, (CUmemPool_attribute)attribute, value);
}

API cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void *value)
{
    RUNTIME_CALL(cuMemPoolSetAttribute, pool, (CUmemPool_attribute)attribute, value);
}

API cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int device)
{
    RUNTIME_CALL(cuDeviceGetDefaultMemPool, pool, device);
}

API cudaError_t cudaDeviceGetMemPool(cudaMemPool_t *pool, int device)
{
    RUNTIME_CALL(cuDeviceGetMemPool, pool, device);
}

API cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool)
{
    RUNTIME_CALL(cuDeviceSetMemPool, device, pool);
}

/* --- streams and graphs ----------------------------------------------------------------------------------------- */

API cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags)
{
    RUNTIME_CALL(cuStreamCreate, stream, flags);
}

API cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    RUNTIME_CALL(cuStreamCreate, stream, cudaStreamDefault);
}

API cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    RUNTIME_CALL(cuStreamDestroy, stream);
}

TWINS(cudaError_t, cudaStreamSynchronize, (cudaStream_t stream), cuStreamSynchronize, stream)
TWINS(cudaError_t, cudaStreamBeginCapture, (cudaStream_t stream, enum cudaStreamCaptureMode mode), cuStreamBeginCapture,
      stream, (CUstreamCaptureMode)mode)
TWINS(cudaError_t, cudaStreamEndCapture, (cudaStream_t stream, cudaGraph_t *graph), cuStreamEndCapture, stream, graph)
TWINS(cudaError_t, cudaGraphLaunch, (cudaGraphExec_t exec, cudaStream_t stream), cuGraphLaunch, exec, stream)

API cudaError_t cudaGraphCreate(cudaGraph_t *graph, unsigned int flags)
{
    RUNTIME_CALL(cuGraphCreate, graph, flags);
}

API cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    RUNTIME_CALL(cuGraphInstantiateWithFlags, exec, graph, flags);
}

API cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    RUNTIME_CALL(cuGraphExecDestroy, exec);
}

API cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    RUNTIME_CALL(cuGraphDestroy, graph);
}

API cudaError_t cudaDeviceGraphMemTrim(int device)
{
    RUNTIME_CALL(cuDeviceGraphMemTrim, device);
}

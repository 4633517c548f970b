/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory through the runtime API (in stream order with GUEST_ASYNC), or with GUEST_OF_DRIVER through the driver API. Codes are CUDA's own: 0 is
 * success and 2 is out of memory in both. */
#ifndef GPU_H
#define GPU_H

#include <stddef.h>

#ifdef GUEST_OF_DRIVER
#include <cuda.h>

/* A driver program must make a context current first; the runtime does it by itself. */
static inline int gpu_open(void)
{
    CUdevice device;
    CUcontext context;
    int code = cuInit(0);
    if (code == 0)
        code = cuDeviceGet(&device, 0);
    if (code == 0)
        code = cuDevicePrimaryCtxRetain(&context, device);
    return code != 0 ? code : (int)cuCtxSetCurrent(context);
}

static inline int gpu_alloc(void **pointer, size_t bytes)
{
    CUdeviceptr address = 0;
    int code = cuMemAlloc(&address, bytes);
    *pointer = (void *)address;
    return code;
}

static inline int gpu_free(void *pointer)
{
    return cuMemFree((CUdeviceptr)pointer);
}

static inline int gpu_info(size_t *available, size_t *total)
{
    return cuMemGetInfo(available, total);
}

#else
#include <cuda_runtime_api.h>

static inline int gpu_open(void)
{
    return 0;
}

#ifdef GUEST_ASYNC
static inline int gpu_alloc(void **pointer, size_t bytes)
{
    return cudaMallocAsync(pointer, bytes, NULL);
}

static inline int gpu_free(void *pointer)
{
    return cudaFreeAsync(pointer, NULL);
}
#else
static inline int gpu_alloc(void **pointer, size_t bytes)
{
    return cudaMalloc(pointer, bytes);
}

static inline int gpu_free(void *pointer)
{
    return cudaFree(pointer);
}
#endif

static inline int gpu_info(size_t *available, size_t *total)
{
    return cudaMemGetInfo(available, total);
}
#endif

/* Allocates `wanted` blocks, or fewer if one is refused; how many it got. `code` is the last call's. */
static inline size_t gpu_fill(void **blocks, size_t wanted, size_t bytes, int *code)
{
    size_t got = 0;
    *code = 0;
    while (got < wanted && (*code = gpu_alloc(&blocks[got], bytes)) == 0)
        got++;
    return got;
}

/* Frees them all; the last code that was not success. */
static inline int gpu_free_all(void **blocks, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        int code = gpu_free(blocks[i]);
        failed = code != 0 ? code : failed;
    }
    return failed;
}

#endif

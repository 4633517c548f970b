/* SPDX-License-Identifier: Apache-2.0 */
/* The driver as the runtime reaches it: no link to libcuda, one dlsym of cuGetProcAddress_v2, everything else asked of
 * that by base name, CUDA version and flags, each name for both default-stream variants, as NVIDIA's runtime does. */
#ifndef DRIVER_CALLS_H
#define DRIVER_CALLS_H

#define FAKECUDA_DRIVER /* plain names stay as they are written */
#include <cuda.h>
#include <cuda_runtime_api.h>

#define API __attribute__((visibility("default")))

/* X(base name, CUDA version whose ABI is used, the declaration of that ABI) */
#define DRIVER_CALLS(X)                                                                                                \
    X(cuInit, 2000, cuInit)                                                                                            \
    X(cuDriverGetVersion, 2020, cuDriverGetVersion)                                                                    \
    X(cuGetErrorName, 6000, cuGetErrorName)                                                                            \
    X(cuGetErrorString, 6000, cuGetErrorString)                                                                        \
    X(cuDeviceGet, 2000, cuDeviceGet)                                                                                  \
    X(cuDeviceGetCount, 2000, cuDeviceGetCount)                                                                        \
    X(cuDevicePrimaryCtxRetain, 7000, cuDevicePrimaryCtxRetain)                                                        \
    X(cuDevicePrimaryCtxReset, 11000, cuDevicePrimaryCtxReset_v2)                                                      \
    X(cuCtxGetCurrent, 4000, cuCtxGetCurrent)                                                                          \
    X(cuCtxSetCurrent, 4000, cuCtxSetCurrent)                                                                          \
    X(cuCtxGetDevice, 2000, cuCtxGetDevice)                                                                            \
    X(cuCtxSynchronize, 2000, cuCtxSynchronize)                                                                        \
    X(cuMemAlloc, 3020, cuMemAlloc_v2)                                                                                 \
    X(cuMemAllocManaged, 6000, cuMemAllocManaged)                                                                      \
    X(cuMemAllocPitch, 3020, cuMemAllocPitch_v2)                                                                       \
    X(cuMemFree, 3020, cuMemFree_v2)                                                                                   \
    X(cuMemHostAlloc, 2020, cuMemHostAlloc)                                                                            \
    X(cuMemFreeHost, 2000, cuMemFreeHost)                                                                              \
    X(cuMemGetInfo, 3020, cuMemGetInfo_v2)                                                                             \
    X(cuMemcpy, 4000, cuMemcpy)                                                                                        \
    X(cuMemcpyHtoD, 3020, cuMemcpyHtoD_v2)                                                                             \
    X(cuMemcpyDtoH, 3020, cuMemcpyDtoH_v2)                                                                             \
    X(cuMemcpyDtoD, 3020, cuMemcpyDtoD_v2)                                                                             \
    X(cuMemsetD8, 3020, cuMemsetD8_v2)

struct driver_calls {
#define X(base, version, declaration) __typeof(&declaration) base;
    DRIVER_CALLS(X)
#undef X
};

/* The resolved driver, initialised; or why there is none. */
cudaError_t driver_calls(const struct driver_calls **calls);
/* The same with a context current to the calling thread. */
cudaError_t driver_calls_in_context(const struct driver_calls **calls);
/* Remembers a failure for cudaGetLastError and passes it on. Driver and runtime number their errors alike. */
cudaError_t remember(CUresult error);

#endif

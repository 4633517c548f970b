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
    X(cuMemsetD8, 3020, cuMemsetD8_v2)                                                                                 \
    X(cuArray3DCreate, 3020, cuArray3DCreate_v2)                                                                       \
    X(cuArrayDestroy, 2000, cuArrayDestroy)                                                                            \
    X(cuMipmappedArrayCreate, 5000, cuMipmappedArrayCreate)                                                            \
    X(cuMipmappedArrayDestroy, 5000, cuMipmappedArrayDestroy)                                                          \
    X(cuStreamCreate, 2000, cuStreamCreate)                                                                            \
    X(cuStreamDestroy, 4000, cuStreamDestroy_v2)                                                                       \
    X(cuStreamSynchronize, 2000, cuStreamSynchronize)                                                                  \
    X(cuStreamBeginCapture, 10010, cuStreamBeginCapture_v2)                                                            \
    X(cuStreamEndCapture, 10000, cuStreamEndCapture)                                                                   \
    X(cuMemAllocAsync, 11020, cuMemAllocAsync)                                                                         \
    X(cuMemAllocFromPoolAsync, 11020, cuMemAllocFromPoolAsync)                                                         \
    X(cuMemFreeAsync, 11020, cuMemFreeAsync)                                                                           \
    X(cuMemPoolCreate, 11020, cuMemPoolCreate)                                                                         \
    X(cuMemPoolDestroy, 11020, cuMemPoolDestroy)                                                                       \
    X(cuMemPoolTrimTo, 11020, cuMemPoolTrimTo)                                                                         \
    X(cuMemPoolGetAttribute, 11020, cuMemPoolGetAttribute)                                                             \
    X(cuMemPoolSetAttribute, 11020, cuMemPoolSetAttribute)                                                             \
    X(cuDeviceGetDefaultMemPool, 11020, cuDeviceGetDefaultMemPool)                                                     \
    X(cuDeviceGetMemPool, 11020, cuDeviceGetMemPool)                                                                   \
    X(cuDeviceSetMemPool, 11020, cuDeviceSetMemPool)                                                                   \
    X(cuIpcGetMemHandle, 4010, cuIpcGetMemHandle)                                                                      \
    X(cuIpcOpenMemHandle, 11000, cuIpcOpenMemHandle_v2)                                                                \
    X(cuIpcCloseMemHandle, 4010, cuIpcCloseMemHandle)                                                                  \
    X(cuGraphCreate, 10000, cuGraphCreate)                                                                             \
    X(cuGraphInstantiateWithFlags, 11040, cuGraphInstantiateWithFlags)                                                 \
    X(cuGraphLaunch, 10000, cuGraphLaunch)                                                                             \
    X(cuGraphExecDestroy, 10000, cuGraphExecDestroy)                                                                   \
    X(cuGraphDestroy, 10000, cuGraphDestroy)                                                                           \
    X(cuDeviceGraphMemTrim, 11040, cuDeviceGraphMemTrim)

struct driver_calls {
#define X(base, version, declaration) __typeof(&declaration) base;
    DRIVER_CALLS(X)
#undef X
};

/* The resolved driver, initialised; or why there is none. */
cudaError_t driver_calls(const struct driver_calls **calls);
/* The same with a context current to the calling thread. */
cudaError_t driver_calls_in_context(const struct driver_calls **calls);
/* Calls the driver's `name` in a context, as the twin for per-thread default streams if the program is built for
 * those. */
#define RUNTIME_CALL_TWIN(per_thread_stream, name, ...)                                                                \
    do {                                                                                                               \
        const struct driver_calls *calls_;                                                                             \
        CUresult result_ = (CUresult)driver_calls_in_context(&calls_);                                                 \
        if (result_ == CUDA_SUCCESS && (per_thread_stream))                                                            \
            calls_ = driver_calls_per_thread();                                                                        \
        return remember(result_ == CUDA_SUCCESS ? calls_->name(__VA_ARGS__) : result_);                                \
    } while (0)
#define RUNTIME_CALL(name, ...) RUNTIME_CALL_TWIN(0, name, __VA_ARGS__)
const struct driver_calls *driver_calls_per_thread(void);
/* Remembers a failure for cudaGetLastError and passes it on. Driver and runtime number their errors alike. */
cudaError_t remember(CUresult error);

#endif

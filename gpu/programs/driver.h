/* SPDX-License-Identifier: Apache-2.0 */
/* The driver API, opened when the program runs: a program that is linked with nothing can be built where there is no
 * driver, and starts where there is none. `driver.cuMemAlloc(…)` is the ABI that cuda.h means by the name. */
#ifndef DRIVER_H
#define DRIVER_H

#include <cuda.h>

#define DRIVER_CALLS(CALL)                                                                                               \
    CALL(cuInit) CALL(cuDeviceGet) CALL(cuDeviceTotalMem) CALL(cuDevicePrimaryCtxRetain) CALL(cuCtxSetCurrent)            \
    CALL(cuCtxSynchronize) CALL(cuMemAlloc) CALL(cuMemFree) CALL(cuMemAllocManaged) CALL(cuMemAllocPitch)                 \
    CALL(cuMemsetD8) CALL(cuMemAllocAsync) CALL(cuMemAllocFromPoolAsync) CALL(cuMemFreeAsync) CALL(cuMemPoolCreate)       \
    CALL(cuMemPoolSetAttribute) CALL(cuMemPoolTrimTo) CALL(cuMemCreate) CALL(cuMemRelease) CALL(cuMemAddressReserve)      \
    CALL(cuMemAddressFree) CALL(cuMemMap) CALL(cuMemUnmap) CALL(cuMemSetAccess) CALL(cuArray3DCreate)                     \
    CALL(cuArrayDestroy) CALL(cuGraphCreate) CALL(cuGraphDestroy) CALL(cuGraphAddMemAllocNode)                            \
    CALL(cuGraphInstantiateWithFlags) CALL(cuGraphLaunch) CALL(cuGraphExecDestroy) CALL(cuDeviceGraphMemTrim)             \
    CALL(cuIpcGetMemHandle) CALL(cuIpcOpenMemHandle) CALL(cuIpcCloseMemHandle)

#define DRIVER_POINTER(name) __typeof__(&name) name;
extern struct driver {
    DRIVER_CALLS(DRIVER_POINTER)
} driver;

/* Device 0 and its primary context, current in this thread. CUDA_ERROR_NOT_FOUND without a driver, or with one too old. */
int driver_open(void);
int driver_total(size_t *bytes);

extern const struct family linear_family, managed_family, pitched_family, async_family, pool_family, physical_family,
    array_family, graph_family, ipc_family;

#endif

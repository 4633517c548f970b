/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The few types and numbers of CUDA's public interface that the hooks need, so that no toolkit is needed to build.
 */
#ifndef GPUSLICE_CUDA_TYPES_H
#define GPUSLICE_CUDA_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef int gs_result; /* CUresult and cudaError_t: the numbers below mean the same in both */
typedef int gs_device; /* CUdevice */
typedef unsigned long long gs_deviceptr;
typedef unsigned int gs_deviceptr_v1; /* CUdeviceptr before CUDA 3.2 */

enum {
    GS_SUCCESS = 0,
    GS_OUT_OF_MEMORY = 2,
    GS_NOT_INITIALIZED = 3, /* cudaErrorInitializationError in the runtime */
    GS_NOT_FOUND = 500,
};
enum { GS_PROC_SYMBOL_NOT_FOUND = 1 }; /* CUdriverProcAddressQueryResult */

/* One function type per name: `cuMemAlloc_v2_fn`. */
#define DRIVER_HOOK(name, base, since, family, parameters) typedef gs_result name##_fn parameters;
#define RUNTIME_HOOK(name, family, parameters) typedef gs_result name##_fn parameters;
#define DRIVER_CALL(name, parameters) typedef gs_result name##_fn parameters;
#define RUNTIME_CALL(name, parameters) typedef gs_result name##_fn parameters;
#include "hooks.def"

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A driver newer than any that is known, for lack of one: a libcuda.so.1 in front of the one that GUEST_DRIVER names. It knows
 * CUDA 14, in which cuMemAlloc and cuMemFree have new ABIs (an argument more) and cuTomorrow is new; all else is as it was. For
 * managed memory it finds its own cuMemAlloc_v2 by dlsym, as WSL's driver finds functions of its own. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <cuda.h>

#define NEW_VERSION 14000

CUresult cuMemAlloc_v3(CUdeviceptr *pointer, size_t bytes, unsigned long long flags);
CUresult cuMemFree_v3(CUdeviceptr pointer, unsigned long long flags);
CUresult cuTomorrow(void);

static void *behind(const char *name)
{
    static void *driver;
    if (driver == NULL)
        driver = dlopen(getenv("GUEST_DRIVER"), RTLD_NOW | RTLD_LOCAL);
    return driver != NULL ? dlsym(driver, name) : NULL;
}

#define FORWARD(name, parameters, arguments)                                                                           \
    CUresult name parameters                                                                                           \
    {                                                                                                                  \
        CUresult(*real) parameters = (CUresult(*) parameters)behind(#name);                                            \
        return real != NULL ? real arguments : CUDA_ERROR_NOT_INITIALIZED;                                             \
    }

FORWARD(cuInit, (unsigned int flags), (flags))
FORWARD(cuDriverGetVersion, (int *version), (version))
FORWARD(cuDeviceGet, (CUdevice * device, int ordinal), (device, ordinal))
FORWARD(cuDeviceGetCount, (int *count), (count))
FORWARD(cuDeviceGetUuid_v2, (CUuuid * uuid, CUdevice device), (uuid, device))
FORWARD(cuDeviceTotalMem_v2, (size_t * bytes, CUdevice device), (bytes, device))
FORWARD(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device), (context, device))
FORWARD(cuDevicePrimaryCtxGetState, (CUdevice device, unsigned int *flags, int *active), (device, flags, active))
FORWARD(cuCtxSetCurrent, (CUcontext context), (context))
FORWARD(cuCtxGetCurrent, (CUcontext * context), (context))
FORWARD(cuCtxGetDevice, (CUdevice * device), (device))
FORWARD(cuMemAlloc_v2, (CUdeviceptr * pointer, size_t bytes), (pointer, bytes))
FORWARD(cuMemFree_v2, (CUdeviceptr pointer), (pointer))
FORWARD(cuMemGetInfo_v2, (size_t * free_bytes, size_t *total_bytes), (free_bytes, total_bytes))
FORWARD(cuPointerGetAttribute, (void *value, CUpointer_attribute attribute, CUdeviceptr pointer),
        (value, attribute, pointer))

CUresult cuMemAlloc_v3(CUdeviceptr *pointer, size_t bytes, unsigned long long flags)
{
    return flags == 0 ? cuMemAlloc_v2(pointer, bytes) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFree_v3(CUdeviceptr pointer, unsigned long long flags)
{
    return flags == 0 ? cuMemFree_v2(pointer) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemAllocManaged(CUdeviceptr *pointer, size_t bytes, unsigned int flags)
{
    void *self = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    CUresult (*alloc)(CUdeviceptr *, size_t) = (CUresult(*)(CUdeviceptr *, size_t))dlsym(self, "cuMemAlloc_v2");
    return flags == CU_MEM_ATTACH_GLOBAL ? alloc(pointer, bytes) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuTomorrow(void)
{
    return CUDA_SUCCESS;
}

CUresult cuGetProcAddress_v2(const char *symbol, void **found, int version, cuuint64_t flags,
                             CUdriverProcAddressQueryResult *status)
{
    /* Its own functions, by their names of today, and not those of the driver behind it. */
    static const struct {
        const char *symbol;
        void *today, *tomorrow;
    } own[] = {
        {"cuMemAlloc", (void *)cuMemAlloc_v2, (void *)cuMemAlloc_v3},
        {"cuMemFree", (void *)cuMemFree_v2, (void *)cuMemFree_v3},
        {"cuMemGetInfo", (void *)cuMemGetInfo_v2, (void *)cuMemGetInfo_v2},
        {"cuTomorrow", NULL, (void *)cuTomorrow},
    };
    (void)flags;
    if (symbol == NULL || found == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *found = NULL;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i].symbol, symbol) == 0)
            *found = version >= NEW_VERSION ? own[i].tomorrow : own[i].today;
    if (status != NULL)
        *status = *found != NULL ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return CUDA_SUCCESS;
}

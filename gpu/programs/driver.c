/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

#include <dlfcn.h>

struct driver driver;

#define TEXT(name) #name
#define DRIVER_FIND(name) (*(void **)&driver.name = dlsym(library, TEXT(name))) != NULL &&

int driver_open(void)
{
    CUdevice device;
    CUcontext context;
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == NULL || !(DRIVER_CALLS(DRIVER_FIND) 1))
        return CUDA_ERROR_NOT_FOUND;
    int code = driver.cuInit(0);
    if (code == 0)
        code = driver.cuDeviceGet(&device, 0);
    if (code == 0)
        code = driver.cuDevicePrimaryCtxRetain(&context, device);
    return code != 0 ? code : (int)driver.cuCtxSetCurrent(context);
}

int driver_total(size_t *bytes)
{
    return driver.cuDeviceTotalMem(bytes, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime works in each device's primary context, retained when a thread first needs it. */
#include <pthread.h>

#include "driver_calls.h"

#define DEVICES 64

static struct {
    pthread_mutex_t lock;
    CUcontext context[DEVICES];
} primary = {.lock = PTHREAD_MUTEX_INITIALIZER};

static CUresult enter(const struct driver_calls *calls, int device)
{
    CUresult result = CUDA_SUCCESS;
    if (device < 0 || device >= DEVICES)
        return CUDA_ERROR_INVALID_DEVICE;
    pthread_mutex_lock(&primary.lock);
    if (primary.context[device] == NULL)
        result = calls->cuDevicePrimaryCtxRetain(&primary.context[device], device);
    CUcontext context = primary.context[device];
    pthread_mutex_unlock(&primary.lock);
    return result == CUDA_SUCCESS ? calls->cuCtxSetCurrent(context) : result;
}

cudaError_t driver_calls_in_context(const struct driver_calls **calls)
{
    CUcontext current = NULL;
    cudaError_t error = driver_calls(calls);
    if (error != cudaSuccess)
        return error;
    CUresult result = (*calls)->cuCtxGetCurrent(&current);
    if (result == CUDA_SUCCESS && current == NULL)
        result = enter(*calls, 0); /* "the default device is 0" until cudaSetDevice */
    return (cudaError_t)result;
}

API cudaError_t cudaGetDeviceCount(int *count)
{
    const struct driver_calls *calls;
    cudaError_t error = driver_calls(&calls);
    if (error == cudaSuccess)
        error = (cudaError_t)calls->cuDeviceGetCount(count);
    return remember((CUresult)error);
}

API cudaError_t cudaSetDevice(int device)
{
    const struct driver_calls *calls;
    cudaError_t error = driver_calls(&calls);
    return remember(error == cudaSuccess ? enter(calls, device) : (CUresult)error);
}

API cudaError_t cudaGetDevice(int *device)
{
    const struct driver_calls *calls;
    CUcontext current = NULL;
    cudaError_t error = driver_calls(&calls);
    if (error == cudaSuccess && device == NULL)
        error = cudaErrorInvalidValue;
    if (error == cudaSuccess)
        error = (cudaError_t)calls->cuCtxGetCurrent(&current);
    if (error == cudaSuccess) {
        *device = 0;
        if (current != NULL)
            error = (cudaError_t)calls->cuCtxGetDevice(device);
    }
    return remember((CUresult)error);
}

API cudaError_t cudaDeviceSynchronize(void)
{
    const struct driver_calls *calls;
    cudaError_t error = driver_calls_in_context(&calls);
    return remember(error == cudaSuccess ? calls->cuCtxSynchronize() : (CUresult)error);
}

API cudaError_t cudaDeviceReset(void)
{
    const struct driver_calls *calls;
    CUdevice device;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS)
        result = calls->cuCtxGetDevice(&device);
    return remember(result == CUDA_SUCCESS ? calls->cuDevicePrimaryCtxReset(device) : result);
}

API cudaError_t cudaRuntimeGetVersion(int *version)
{
    if (version == NULL)
        return remember(CUDA_ERROR_INVALID_VALUE);
    *version = CUDART_VERSION;
    return cudaSuccess;
}

/* "If no driver is installed, then 0 is returned as the driver version" */
API cudaError_t cudaDriverGetVersion(int *version)
{
    const struct driver_calls *calls;
    if (version == NULL)
        return remember(CUDA_ERROR_INVALID_VALUE);
    *version = 0;
    driver_calls(&calls);
    return remember(calls->cuDriverGetVersion != NULL ? calls->cuDriverGetVersion(version) : CUDA_SUCCESS);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Streams order nothing, because every operation is finished when its call returns. A kernel computes nothing. */
#include <stdlib.h>

#include "driver.h"

struct CUstream_st {
    CUcontext context;
};

API CUresult cuStreamCreate(CUstream *stream, unsigned int flags)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (stream == NULL || flags > 1)
        return CUDA_ERROR_INVALID_VALUE;
    *stream = malloc(sizeof **stream);
    if (*stream == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    (*stream)->context = context;
    return CUDA_SUCCESS;
}

API CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned int flags, int priority)
{
    (void)priority;
    return cuStreamCreate(stream, flags);
}

API CUresult cuStreamDestroy_v2(CUstream stream)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (stream == NULL || (uintptr_t)stream <= 2) /* the default streams' handles */
        return CUDA_ERROR_INVALID_HANDLE;
    free(stream);
    return CUDA_SUCCESS;
}
ALIAS(cuStreamDestroy, cuStreamDestroy_v2);

API CUresult cuStreamSynchronize(CUstream stream)
{
    CUcontext context;
    (void)stream;
    return context_current(&context, NEW_ABI);
}
ALIAS(cuStreamSynchronize_ptsz, cuStreamSynchronize);

API CUresult cuStreamQuery(CUstream stream)
{
    return cuStreamSynchronize(stream);
}
ALIAS(cuStreamQuery_ptsz, cuStreamQuery);

API CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                            unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes,
                            CUstream stream, void **parameters, void **extra)
{
    CUcontext context;
    (void)function, (void)shared_bytes, (void)stream, (void)parameters, (void)extra;
    bool empty = grid_x == 0 || grid_y == 0 || grid_z == 0 || block_x == 0 || block_y == 0 || block_z == 0;
    return driver_ready() && empty ? CUDA_ERROR_INVALID_VALUE : context_current(&context, NEW_ABI);
}
ALIAS(cuLaunchKernel_ptsz, cuLaunchKernel);

/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays, three-dimensional memory, and memory of other processes. */
#include <stdbool.h>
#include <string.h>

#include "driver_calls.h"

/* "cudaMalloc3D ... may pad the allocation": rows as cudaMallocPitch makes them, height times depth of them. */
API cudaError_t cudaMalloc3D(struct cudaPitchedPtr *pointer, struct cudaExtent extent)
{
    const struct driver_calls *calls;
    CUdeviceptr address;
    size_t pitch, rows;
    CUresult result = (CUresult)driver_calls_in_context(&calls);
    if (result == CUDA_SUCCESS
        && (pointer == NULL || __builtin_mul_overflow(extent.height, extent.depth, &rows)))
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        result = calls->cuMemAllocPitch(&address, &pitch, extent.width, rows, 4);
    if (result == CUDA_SUCCESS)
        *pointer = (struct cudaPitchedPtr){(void *)address, pitch, extent.width, extent.height};
    return remember(result);
}

/* Channels of the same width, from the first on. */
static CUresult describe(const struct cudaChannelFormatDesc *channels, struct cudaExtent extent, unsigned flags,
                         CUDA_ARRAY3D_DESCRIPTOR *desc)
{
    static const CUarray_format formats[3][3] = {
        {CU_AD_FORMAT_SIGNED_INT8, CU_AD_FORMAT_SIGNED_INT16, CU_AD_FORMAT_SIGNED_INT32},
        {CU_AD_FORMAT_UNSIGNED_INT8, CU_AD_FORMAT_UNSIGNED_INT16, CU_AD_FORMAT_UNSIGNED_INT32},
        {0, CU_AD_FORMAT_HALF, CU_AD_FORMAT_FLOAT},
    };
    if (channels == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    int width = channels->x == 8 ? 0 : channels->x == 16 ? 1 : channels->x == 32 ? 2 : -1;
    unsigned count = 1u + (channels->y != 0) + (channels->z != 0) + (channels->w != 0);
    bool same = (channels->y == 0 || channels->y == channels->x) && (channels->z == 0 || channels->z == channels->x)
                && (channels->w == 0 || channels->w == channels->x);
    if (width < 0 || !same || (unsigned)channels->f > cudaChannelFormatKindFloat || formats[channels->f][width] == 0)
        return CUDA_ERROR_INVALID_VALUE;
    *desc = (CUDA_ARRAY3D_DESCRIPTOR){extent.width, extent.height, extent.depth, formats[channels->f][width], count, flags};
    return CUDA_SUCCESS;
}

API cudaError_t cudaMalloc3DArray(cudaArray_t *array, const struct cudaChannelFormatDesc *channels,
                                  struct cudaExtent extent, unsigned int flags)
{
    CUDA_ARRAY3D_DESCRIPTOR desc;
    CUresult result = describe(channels, extent, flags, &desc);
    if (result != CUDA_SUCCESS)
        return remember(result);
    RUNTIME_CALL(cuArray3DCreate, array, &desc);
}

API cudaError_t cudaMallocArray(cudaArray_t *array, const struct cudaChannelFormatDesc *channels, size_t width,
                                size_t height, unsigned int flags)
{
    return cudaMalloc3DArray(array, channels, (struct cudaExtent){width, height, 0}, flags);
}

API cudaError_t cudaMallocMipmappedArray(cudaMipmappedArray_t *array, const struct cudaChannelFormatDesc *channels,
                                         struct cudaExtent extent, unsigned int levels, unsigned int flags)
{
    CUDA_ARRAY3D_DESCRIPTOR desc;
    CUresult result = describe(channels, extent, flags, &desc);
    if (result != CUDA_SUCCESS)
        return remember(result);
    RUNTIME_CALL(cuMipmappedArrayCreate, array, &desc, levels);
}

/* "If array is 0, no operation is performed." */
API cudaError_t cudaFreeArray(cudaArray_t array)
{
    if (array == NULL)
        return cudaSuccess;
    RUNTIME_CALL(cuArrayDestroy, array);
}

API cudaError_t cudaFreeMipmappedArray(cudaMipmappedArray_t array)
{
    if (array == NULL)
        return cudaSuccess;
    RUNTIME_CALL(cuMipmappedArrayDestroy, array);
}

/* --- memory of other processes ---------------------------------------------------------------------------------- */

API cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t *handle, void *pointer)
{
    RUNTIME_CALL(cuIpcGetMemHandle, (CUipcMemHandle *)handle, (CUdeviceptr)pointer);
}

API cudaError_t cudaIpcOpenMemHandle(void **pointer, cudaIpcMemHandle_t handle, unsigned int flags)
{
    CUipcMemHandle same;
    memcpy(&same, &handle, sizeof same);
    RUNTIME_CALL(cuIpcOpenMemHandle, (CUdeviceptr *)pointer, same, flags);
}

API cudaError_t cudaIpcCloseMemHandle(void *pointer)
{
    RUNTIME_CALL(cuIpcCloseMemHandle, (CUdeviceptr)pointer);
}

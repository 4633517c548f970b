/* SPDX-License-Identifier: Apache-2.0 */
/* Advice and prefetching of managed memory (CUDA driver API, unified addressing): nothing migrates here, the arguments
 * alone are looked at. Both ABIs: by device, and by location since CUDA 12.2. */
#include "memory.h"
#include "stream.h"

static bool right_range(CUdeviceptr pointer, size_t bytes)
{
    CUdeviceptr base;
    const struct block *block = heap_find(pointer, &base);
    return block != NULL && block->space == SPACE_MANAGED && bytes != 0 && bytes <= block->bytes - (pointer - base);
}

static CUmemLocation of_device(CUdevice device)
{
    return device == CU_DEVICE_CPU ? (CUmemLocation){CU_MEM_LOCATION_TYPE_HOST, 0}
                                   : (CUmemLocation){CU_MEM_LOCATION_TYPE_DEVICE, device};
}

static CUresult check_location(CUmemLocation location)
{
    switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: return context_check_device(location.id);
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT: return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
    }
}

static CUresult advise(CUdeviceptr pointer, size_t bytes, CUmem_advise advice, CUmemLocation location)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (!right_range(pointer, bytes) || advice < CU_MEM_ADVISE_SET_READ_MOSTLY || advice > CU_MEM_ADVISE_UNSET_ACCESSED_BY)
        return CUDA_ERROR_INVALID_VALUE;
    /* "This argument is ignored for CU_MEM_ADVISE_SET_READ_MOSTLY, UNSET_READ_MOSTLY and UNSET_PREFERRED_LOCATION." */
    bool ignored = advice < CU_MEM_ADVISE_SET_PREFERRED_LOCATION || advice == CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION;
    return ignored ? CUDA_SUCCESS : check_location(location);
}

API CUresult cuMemAdvise(CUdeviceptr pointer, size_t bytes, CUmem_advise advice, CUdevice device)
{
    return advise(pointer, bytes, advice, of_device(device));
}

API CUresult cuMemAdvise_v2(CUdeviceptr pointer, size_t bytes, CUmem_advise advice, CUmemLocation location)
{
    return advise(pointer, bytes, advice, location);
}

static CUresult prefetch(CUdeviceptr pointer, size_t bytes, CUmemLocation location, unsigned flags, CUstream stream,
                         bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (!right_range(pointer, bytes) || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    result = check_location(location);
    return result == CUDA_SUCCESS && use.capture != NULL ? capture_refuse(&use) : result;
}

API CUresult cuMemPrefetchAsync(CUdeviceptr pointer, size_t bytes, CUdevice device, CUstream stream)
{
    return prefetch(pointer, bytes, of_device(device), 0, stream, false);
}

API CUresult cuMemPrefetchAsync_ptsz(CUdeviceptr pointer, size_t bytes, CUdevice device, CUstream stream)
{
    return prefetch(pointer, bytes, of_device(device), 0, stream, true);
}

API CUresult cuMemPrefetchAsync_v2(CUdeviceptr pointer, size_t bytes, CUmemLocation location, unsigned int flags,
                                   CUstream stream)
{
    return prefetch(pointer, bytes, location, flags, stream, false);
}

API CUresult cuMemPrefetchAsync_v2_ptsz(CUdeviceptr pointer, size_t bytes, CUmemLocation location, unsigned int flags,
                                        CUstream stream)
{
    return prefetch(pointer, bytes, location, flags, stream, true);
}

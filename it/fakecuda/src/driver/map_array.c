/* SPDX-License-Identifier: Apache-2.0 */
/* Memory mapped into sparse and deferred arrays (CUDA driver API, cuMemMapArrayAsync): a mapping keeps the memory, as
 * one at an address does. */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "handles.h"
#include "physical.h"
#include "stream.h"

struct array_mapping {
    CUarrayMapInfo info;
    struct physical *physical;
    struct array_mapping *next;
};

static struct array_mapping *mappings; /* under the physical lock */

static const CUDA_ARRAY3D_DESCRIPTOR *descriptor(const CUarrayMapInfo *info)
{
    if (info->resourceType == CU_RESOURCE_TYPE_ARRAY)
        /* "For CUDA arrays obtained using cuMipmappedArrayGetLevel, CUDA_ERROR_INVALID_VALUE will be returned." */
        return handle_known(HANDLE_ARRAY, info->resource.array) && info->resource.array->memory != NULL
                   ? &info->resource.array->desc
                   : NULL;
    return info->resourceType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY && handle_known(HANDLE_MIPMAP, info->resource.mipmap)
               ? &info->resource.mipmap->desc
               : NULL;
}

/* "If ... created with CUDA_ARRAY3D_DEFERRED_MAPPING flag set the subresourceType and the contents of subresource will
 * be ignored." */
static bool same_place(const CUarrayMapInfo *a, const CUarrayMapInfo *b, bool whole)
{
    if (a->resourceType != b->resourceType || a->resource.array != b->resource.array)
        return false;
    return whole || (a->subresourceType == b->subresourceType
                     && memcmp(&a->subresource, &b->subresource, sizeof a->subresource) == 0);
}

static void unmap_at(struct array_mapping **link)
{
    struct array_mapping *mapping = *link;
    *link = mapping->next;
    physical_end_use(mapping->physical, FAKECUDA_CALL_cuMemUnmap);
    free(mapping);
}

static bool unmap(const CUarrayMapInfo *info, bool whole)
{
    for (struct array_mapping **link = &mappings; *link != NULL; link = &(*link)->next)
        if (same_place(&(*link)->info, info, whole)) {
            unmap_at(link);
            return true;
        }
    return false;
}

static CUresult map(const CUarrayMapInfo *info, bool whole, int ordinal)
{
    bool generic = info->memHandleType == CU_MEM_HANDLE_TYPE_GENERIC;
    struct physical *physical = generic ? physical_of(info->memHandle.memHandle) : NULL;
    /* "The tile pool allocation has to be created by specifying the CU_MEM_CREATE_USAGE_TILE_POOL flag" */
    bool tiles = physical != NULL && (whole || (physical->prop.allocFlags.usage & CU_MEM_CREATE_USAGE_TILE_POOL) != 0);
    if (!tiles || physical->multicast != NULL || physical->on_host || physical->ordinal != ordinal
        || info->offset >= physical->bytes)
        return CUDA_ERROR_INVALID_VALUE;
    struct array_mapping *mapping = malloc(sizeof *mapping);
    if (mapping == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    physical_use(physical);
    unmap(info, whole);
    *mapping = (struct array_mapping){*info, physical, mappings};
    mappings = mapping;
    card_count(&driver.card, physical->device, FAKECUDA_CALL_cuMemMap, 0, 0);
    return CUDA_SUCCESS;
}

/* "this mask must have exactly one bit set, and the corresponding device must match the device associated with the
 * stream" */
static CUresult operate(const CUarrayMapInfo *info, int ordinal)
{
    const CUDA_ARRAY3D_DESCRIPTOR *desc = descriptor(info);
    if (desc == NULL || !array_is_mapped_later(desc) || info->deviceBitMask != 1u << ordinal || info->flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    bool whole = (desc->Flags & CUDA_ARRAY3D_DEFERRED_MAPPING) != 0;
    if (info->memOperationType == CU_MEM_OPERATION_TYPE_MAP)
        return map(info, whole, ordinal);
    if (info->memOperationType != CU_MEM_OPERATION_TYPE_UNMAP || info->memHandle.memHandle != 0)
        return CUDA_ERROR_INVALID_VALUE;
    return unmap(info, whole) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult map_array(const CUarrayMapInfo *list, unsigned count, CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (list == NULL && count != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (use.capture != NULL)
        return capture_refuse(&use);
    physical_lock();
    for (unsigned i = 0; result == CUDA_SUCCESS && i < count; i++)
        result = operate(&list[i], use.context->ordinal);
    physical_unlock();
    return result;
}

API CUresult cuMemMapArrayAsync(CUarrayMapInfo *list, unsigned int count, CUstream stream)
{
    return map_array(list, count, stream, false);
}

API CUresult cuMemMapArrayAsync_ptsz(CUarrayMapInfo *list, unsigned int count, CUstream stream)
{
    return map_array(list, count, stream, true);
}

void array_unmap_all(const void *array)
{
    physical_lock();
    for (struct array_mapping **link = &mappings; *link != NULL;)
        if ((const void *)(*link)->info.resource.array == array)
            unmap_at(link);
        else
            link = &(*link)->next;
    physical_unlock();
}

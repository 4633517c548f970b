/* SPDX-License-Identifier: Apache-2.0 */
/* Pools as things: creating them, the default and the current one of each place, their attributes and who has
 * access. */
#include <string.h>

#include "handles.h"
#include "pool.h"

/* Where a pool can be: each device, the host, the host's one NUMA node; pinned or managed; and managed nowhere. */
#define PLACES (FAKECUDA_DEVICES + 3)
enum { PLACE_HOST = FAKECUDA_DEVICES, PLACE_NUMA, PLACE_NOWHERE };

static struct {
    CUmemoryPool own[2][PLACES], current[2][PLACES];
    int creating;
} places;

/* "The memory location can be of one of CU_MEM_LOCATION_TYPE_DEVICE, CU_MEM_LOCATION_TYPE_HOST or
 * CU_MEM_LOCATION_TYPE_HOST_NUMA. The allocation type can be one of CU_MEM_ALLOCATION_TYPE_PINNED or
 * CU_MEM_ALLOCATION_TYPE_MANAGED. When the allocation type is CU_MEM_ALLOCATION_TYPE_MANAGED, the location type can
 * also be CU_MEM_LOCATION_TYPE_NONE" (cuMemGetDefaultMemPool) */
static CUresult find_place(const CUmemLocation *location, CUmemAllocationType type, int *place)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (location == NULL || (type != CU_MEM_ALLOCATION_TYPE_PINNED && type != CU_MEM_ALLOCATION_TYPE_MANAGED))
        return CUDA_ERROR_INVALID_VALUE;
    switch (location->type) {
    case CU_MEM_LOCATION_TYPE_DEVICE:
        *place = location->id;
        return location->id < 0 || location->id >= driver.device_count ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
    case CU_MEM_LOCATION_TYPE_HOST: *place = PLACE_HOST; return CUDA_SUCCESS;
    case CU_MEM_LOCATION_TYPE_HOST_NUMA:
        *place = PLACE_NUMA;
        return location->id == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case CU_MEM_LOCATION_TYPE_NONE:
        *place = PLACE_NOWHERE;
        return type == CU_MEM_ALLOCATION_TYPE_MANAGED ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    default: return CUDA_ERROR_INVALID_VALUE;
    }
}

static CUmemoryPool make(const CUmemPoolProps *props, int place)
{
    int ordinal = place < (int)FAKECUDA_DEVICES ? place : 0;
    return pool_new(props, driver.device[ordinal], ordinal);
}

/* Made when first asked for; a default pool cannot be exported. */
static CUmemoryPool default_pool(const CUmemLocation *location, CUmemAllocationType type, int place)
{
    CUmemoryPool *own = &places.own[type - 1][place];
    while (__atomic_exchange_n(&places.creating, 1, __ATOMIC_ACQUIRE) != 0)
        ;
    if (*own == NULL) {
        CUmemPoolProps props = {.allocType = type, .location = *location};
        CUmemoryPool pool = make(&props, place);
        if (pool != NULL)
            pool->is_default = true;
        __atomic_store_n(own, pool, __ATOMIC_RELEASE);
    }
    __atomic_store_n(&places.creating, 0, __ATOMIC_RELEASE);
    return *own;
}

static CUmemoryPool current_pool(const CUmemLocation *location, CUmemAllocationType type, int place)
{
    CUmemoryPool pool = __atomic_load_n(&places.current[type - 1][place], __ATOMIC_ACQUIRE);
    return pool != NULL ? pool : default_pool(location, type, place);
}

CUmemoryPool pool_current(int ordinal)
{
    CUmemLocation location = {CU_MEM_LOCATION_TYPE_DEVICE, ordinal};
    return current_pool(&location, CU_MEM_ALLOCATION_TYPE_PINNED, ordinal);
}

void pool_not_current(CUmemoryPool pool)
{
    for (int t = 0; t < 2; t++)
        for (int p = 0; p < (int)PLACES; p++) {
            CUmemoryPool expected = pool;
            __atomic_compare_exchange_n(&places.current[t][p], &expected, NULL, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
        }
}

static CUresult get(CUmemoryPool *pool, const CUmemLocation *location, CUmemAllocationType type,
                    CUmemoryPool (*which)(const CUmemLocation *, CUmemAllocationType, int))
{
    int place;
    CUresult result = find_place(location, type, &place);
    if (result != CUDA_SUCCESS)
        return result;
    if (pool == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *pool = which(location, type, place);
    return *pool != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

API CUresult cuMemGetDefaultMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type)
{
    return get(pool, location, type, default_pool);
}

API CUresult cuMemGetMemPool(CUmemoryPool *pool, CUmemLocation *location, CUmemAllocationType type)
{
    return get(pool, location, type, current_pool);
}

/* "The location and allocation type specified must match those of the pool otherwise CUDA_ERROR_INVALID_VALUE is
 * returned"; "imported memory pools may not be used in cuDeviceSetMemPool" */
API CUresult cuMemSetMemPool(CUmemLocation *location, CUmemAllocationType type, CUmemoryPool pool)
{
    int place, own;
    CUresult result = find_place(location, type, &place);
    if (result != CUDA_SUCCESS)
        return result;
    if (!handle_known(HANDLE_POOL, pool) || pool->imported || pool->props.allocType != type
        || find_place(&pool->props.location, type, &own) != CUDA_SUCCESS || own != place)
        return CUDA_ERROR_INVALID_VALUE;
    __atomic_store_n(&places.current[type - 1][place], pool, __ATOMIC_RELEASE);
    return CUDA_SUCCESS;
}

API CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device)
{
    CUmemLocation location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
    return get(pool, &location, CU_MEM_ALLOCATION_TYPE_PINNED, default_pool);
}

API CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device)
{
    CUmemLocation location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
    return get(pool, &location, CU_MEM_ALLOCATION_TYPE_PINNED, current_pool);
}

/* "The memory pool must be local to the specified device." */
API CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool)
{
    CUmemLocation location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
    return cuMemSetMemPool(&location, CU_MEM_ALLOCATION_TYPE_PINNED, pool);
}

/* --- creating --------------------------------------------------------------------------------------------------- */

/* "Pools created with the type CU_MEM_LOCATION_TYPE_HOST are not IPC capable and CUmemPoolProps::handleTypes must be 0,
 * any other values will result in CUDA_ERROR_INVALID_VALUE" */
API CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props)
{
    int place;
    if (driver_ready() && (pool == NULL || props == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = driver_ready() ? find_place(&props->location, props->allocType, &place) : CUDA_ERROR_NOT_INITIALIZED;
    if (result != CUDA_SUCCESS)
        return result;
    unsigned types = props->handleTypes;
    if (place == PLACE_HOST && types != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if ((types & ~(unsigned)(CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR | CU_MEM_HANDLE_TYPE_FABRIC)) != 0)
        return types > 15 ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
    *pool = make(props, place);
    if (*pool == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    card_count(&driver.card, (*pool)->device, FAKECUDA_CALL_cuMemPoolCreate, 0, 0);
    return CUDA_SUCCESS;
}

API CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t bytes_to_keep)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_POOL, pool))
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    reserve_trim(&pool->reserve, bytes_to_keep);
    pools_unlock();
    card_count(&driver.card, pool->device, FAKECUDA_CALL_cuMemPoolTrimTo, 0, 0);
    return CUDA_SUCCESS;
}

/* --- attributes ------------------------------------------------------------------------------------------------- */

static CUresult get_attribute(CUmemoryPool pool, CUmemPool_attribute attribute, void *value)
{
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: *(int *)value = pool->follow_events; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: *(int *)value = pool->opportunistic; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: *(int *)value = pool->internal_dependencies; break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: *(cuuint64_t *)value = pool->threshold; break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: *(cuuint64_t *)value = pool->reserve.reserved; break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: *(cuuint64_t *)value = pool->reserve.reserved_high; break;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: *(cuuint64_t *)value = pool->reserve.used; break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: *(cuuint64_t *)value = pool->reserve.used_high; break;
    default: return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
}

/* A watermark can only be reset: "It is illegal to set this attribute to a non-zero value." */
static CUresult reset(uint64_t *high, uint64_t current, cuuint64_t value)
{
    if (value != 0)
        return CUDA_ERROR_INVALID_VALUE;
    *high = current;
    return CUDA_SUCCESS;
}

static CUresult set_attribute(CUmemoryPool pool, CUmemPool_attribute attribute, const void *value)
{
    switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: pool->follow_events = *(const int *)value; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: pool->opportunistic = *(const int *)value; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: pool->internal_dependencies = *(const int *)value; break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: pool->threshold = *(const cuuint64_t *)value; break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
        return reset(&pool->reserve.reserved_high, pool->reserve.reserved, *(const cuuint64_t *)value);
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        return reset(&pool->reserve.used_high, pool->reserve.used, *(const cuuint64_t *)value);
    default: return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
}

API CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void *value)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_POOL, pool) || value == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    CUresult result = get_attribute(pool, attribute, value);
    pools_unlock();
    return result;
}

API CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void *value)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_POOL, pool) || value == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    CUresult result = set_attribute(pool, attribute, value);
    pools_unlock();
    return result;
}

/* --- access ----------------------------------------------------------------------------------------------------- */

API CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc *map, size_t count)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_POOL, pool) || (map == NULL && count != 0))
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        if (map[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE
            || (map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE && map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE))
            return CUDA_ERROR_INVALID_VALUE;
        if (map[i].location.id < 0 || map[i].location.id >= driver.device_count)
            return CUDA_ERROR_INVALID_DEVICE;
        /* A pool is always accessible from its own device (CUDA C++ programming guide, device accessibility). */
        bool own = !pool->reserve.on_host && map[i].location.id == pool->ordinal;
        if (own && map[i].flags == CU_MEM_ACCESS_FLAGS_PROT_NONE)
            return CUDA_ERROR_INVALID_VALUE;
    }
    for (size_t i = 0; i < count; i++)
        __atomic_store_n(&pool->access[map[i].location.id], map[i].flags, __ATOMIC_RELAXED);
    return CUDA_SUCCESS;
}

API CUresult cuMemPoolGetAccess(CUmemAccess_flags *flags, CUmemoryPool pool, CUmemLocation *location)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (flags == NULL || location == NULL || !handle_known(HANDLE_POOL, pool))
        return CUDA_ERROR_INVALID_VALUE;
    if (location->type != CU_MEM_LOCATION_TYPE_DEVICE) {
        *flags = pool->reserve.on_host ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
        return CUDA_SUCCESS;
    }
    if (location->id < 0 || location->id >= driver.device_count)
        return CUDA_ERROR_INVALID_DEVICE;
    *flags = __atomic_load_n(&pool->access[location->id], __ATOMIC_RELAXED);
    return CUDA_SUCCESS;
}

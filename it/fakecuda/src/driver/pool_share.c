/* SPDX-License-Identifier: Apache-2.0 */
/* Pools seen from other processes. An exported pointer makes the segment behind it shared memory; the pool as such is
 * only a name that importers can check a pointer against. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handles.h"
#include "import.h"
#include "pool.h"

#define POOL_MAGIC 0x4c4f4f5055444143ull

struct pool_handle {
    uint64_t magic;
    uint64_t identity[2];
    uint32_t device;
    CUmemAllocationType type;
};

struct pointer_data {
    uint64_t identity[2];
    struct card_shared shared;
    uint64_t offset, bytes;
};
_Static_assert(sizeof(struct pool_handle) <= sizeof(CUmemFabricHandle), "fabric handle");
_Static_assert(sizeof(struct pointer_data) <= sizeof(CUmemPoolPtrExportData), "pointer data");

static bool supported(CUmemAllocationHandleType type)
{
    return type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR || type == CU_MEM_HANDLE_TYPE_FABRIC;
}

static void identify(CUmemoryPool pool)
{
    static uint64_t count;
    if (pool->identity[0] == 0) {
        pool->identity[1] = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
        pool->identity[0] = driver.card.owner;
    }
}

/* "create a mempool with a CUmemAllocationHandleType other than CU_MEM_HANDLE_TYPE_NONE" */
API CUresult cuMemPoolExportToShareableHandle(void *handle, CUmemoryPool pool, CUmemAllocationHandleType type,
                                              unsigned long long flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (handle == NULL || flags != 0 || !handle_known(HANDLE_POOL, pool) || pool->imported || !supported(type)
        || (pool->props.handleTypes & type) == 0)
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    identify(pool);
    pools_unlock();
    struct pool_handle filled = {POOL_MAGIC, {pool->identity[0], pool->identity[1]}, pool->device, pool->props.allocType};
    if (type == CU_MEM_HANDLE_TYPE_FABRIC) {
        memset(handle, 0, sizeof(CUmemFabricHandle));
        memcpy(handle, &filled, sizeof filled);
        return CUDA_SUCCESS;
    }
    int fd = memfd_create("fakecuda-pool", MFD_CLOEXEC);
    if (fd < 0)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (write(fd, &filled, sizeof filled) != (ssize_t)sizeof filled) {
        close(fd);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *(int *)handle = fd;
    return CUDA_SUCCESS;
}

/* Of a descriptor, `handle` is its number. */
API CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool *pool, void *handle, CUmemAllocationHandleType type,
                                                unsigned long long flags)
{
    struct pool_handle filled;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    bool fabric = type == CU_MEM_HANDLE_TYPE_FABRIC;
    if (pool == NULL || flags != 0 || !supported(type) || (fabric && handle == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    if (fabric)
        memcpy(&filled, handle, sizeof filled);
    else if (pread((int)(intptr_t)handle, &filled, sizeof filled, 0) != (ssize_t)sizeof filled)
        return CUDA_ERROR_INVALID_VALUE;
    int ordinal = filled.magic == POOL_MAGIC ? import_ordinal(filled.device) : -1;
    if (ordinal < 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUmemPoolProps props = {
        .allocType = filled.type, .handleTypes = type, .location = {CU_MEM_LOCATION_TYPE_DEVICE, ordinal}};
    *pool = pool_new(&props, filled.device, ordinal);
    if (*pool == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    (*pool)->identity[0] = filled.identity[0];
    (*pool)->identity[1] = filled.identity[1];
    (*pool)->imported = true;
    return CUDA_SUCCESS;
}

/* The caller holds the pools' lock. */
static bool share_segment(struct segment *segment, CUmemoryPool pool)
{
    if (segment->exported == NULL)
        segment->exported = exported_start(pool->device, segment->bytes, FAKECUDA_KIND_pool);
    return segment->exported != NULL;
}

API CUresult cuMemPoolExportPointer(CUmemPoolPtrExportData *data, CUdeviceptr pointer)
{
    CUdeviceptr base;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (data == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    struct block *block = heap_find(pointer, &base);
    const struct piece *piece = block != NULL && block->owner == OWNER_POOL ? block->of : NULL;
    /* "Constructs shareData_out for sharing a specific allocation from an already shared memory pool" */
    bool right = piece != NULL && base == pointer && piece->pool->identity[0] != 0;
    bool good = right && share_segment(piece->range->segment, piece->pool);
    if (good) {
        const struct range *range = piece->range;
        int fd = exported_descriptor(range->segment->exported, false);
        if (fd >= 0) {
            if (!block->foreign)
                heap_back(block, base, fd, range->offset, true);
            close(fd);
        }
        struct pointer_data filled = {{piece->pool->identity[0], piece->pool->identity[1]},
                                      *exported_id(range->segment->exported), range->offset, block->bytes};
        memset(data, 0, sizeof *data);
        memcpy(data, &filled, sizeof filled);
    }
    pools_unlock();
    return good ? CUDA_SUCCESS : right ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_VALUE;
}

API CUresult cuMemPoolImportPointer(CUdeviceptr *pointer, CUmemoryPool pool, CUmemPoolPtrExportData *data)
{
    struct pointer_data filled;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (pointer == NULL || data == NULL || !handle_known(HANDLE_POOL, pool) || !pool->imported)
        return CUDA_ERROR_INVALID_VALUE;
    memcpy(&filled, data, sizeof filled);
    if (filled.identity[0] != pool->identity[0] || filled.identity[1] != pool->identity[1])
        return CUDA_ERROR_INVALID_VALUE;
    struct exported *exported = exported_join(&filled.shared);
    if (exported == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    bool inside = filled.offset < exported_bytes(exported) && filled.bytes <= exported_bytes(exported) - filled.offset;
    CUresult result = inside ? import_block(exported, IMPORT_OTHER, filled.offset, filled.bytes, NULL, pointer)
                             : CUDA_ERROR_INVALID_VALUE;
    if (result != CUDA_SUCCESS)
        exported_end(exported);
    else
        card_count(&driver.card, filled.shared.device, FAKECUDA_CALL_cuMemPoolImportPointer, 0, 0);
    return result;
}

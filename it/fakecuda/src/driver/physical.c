/* SPDX-License-Identifier: Apache-2.0 */
/* Physical memory (CUDA driver API, virtual memory management): "The memory allocation will be freed when all
 * outstanding mappings to the memory are unmapped and when all outstanding references to the handle (including it's
 * shareable counterparts) are also released." No call here needs a context. */
#include "physical.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "handles.h"
#include "pool.h"

/* The contents of everything that is not shared lie in one file, each at a place of its own, never used again. */
static struct {
    pthread_mutex_t lock;
    int file;
    uint64_t end;
} backing = {.lock = PTHREAD_MUTEX_INITIALIZER, .file = -1};

void physical_lock(void)
{
    pthread_mutex_lock(&backing.lock);
}

void physical_unlock(void)
{
    pthread_mutex_unlock(&backing.lock);
}

struct physical *physical_of(CUmemGenericAllocationHandle handle)
{
    struct physical *physical = (struct physical *)(uintptr_t)handle;
    return handle_known(HANDLE_PHYSICAL, physical) && physical->handles != 0 ? physical : NULL;
}

CUmemGenericAllocationHandle physical_handle(const struct physical *physical)
{
    return (CUmemGenericAllocationHandle)(uintptr_t)physical;
}

uint64_t physical_granularity(const struct physical *physical)
{
    return physical->on_host ? HOST_GRANULARITY : PHYSICAL_GRANULARITY;
}

struct physical *physical_new(void)
{
    struct physical *physical = calloc(1, sizeof *physical);
    if (physical == NULL || !handle_add(HANDLE_PHYSICAL, physical)) {
        free(physical);
        return NULL;
    }
    physical->handles = 1;
    return physical;
}

int physical_file(const struct physical *physical, uint64_t *offset)
{
    *offset = physical->exported != NULL ? 0 : physical->offset;
    return physical->exported != NULL ? exported_descriptor(physical->exported, false)
                                      : fcntl(backing.file, F_DUPFD_CLOEXEC, 3);
}

/* --- ending ----------------------------------------------------------------------------------------------------- */

static void end(struct physical *physical, enum fakecuda_call call)
{
    handle_remove(HANDLE_PHYSICAL, physical);
    if (physical->multicast != NULL) {
        multicast_end(physical->multicast);
    } else if (physical->exported != NULL) {
        exported_end(physical->exported);
        card_count(&driver.card, physical->device, call, physical->imported ? 0 : -1, 0);
    } else {
        fallocate(backing.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)physical->offset,
                  (off_t)physical->bytes);
        if (!physical->on_host)
            card_release(&driver.card, physical->device, physical->bytes, FAKECUDA_KIND_physical, call);
    }
    free(physical);
}

static void end_if_unused(struct physical *physical, enum fakecuda_call call)
{
    if (physical->handles == 0 && physical->uses == 0)
        end(physical, call);
    else if (!physical->on_host)
        card_count(&driver.card, physical->device, call, 0, 0);
}

void physical_use(struct physical *physical)
{
    physical->uses++;
}

void physical_end_use(struct physical *physical, enum fakecuda_call call)
{
    physical->uses--;
    end_if_unused(physical, call);
}

void physical_end_handle(struct physical *physical, enum fakecuda_call call)
{
    physical->handles--;
    end_if_unused(physical, call);
}

/* --- creating --------------------------------------------------------------------------------------------------- */

/* Where the properties want the memory. "Specifying CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT as the CUmemLocation::type
 * will result in CUDA_ERROR_INVALID_VALUE"; "HOST allocations are not IPC capable and requestedHandleTypes must be
 * 0". */
static CUresult check(const CUmemAllocationProp *prop, struct physical *found)
{
    unsigned types = prop->requestedHandleTypes;
    if (prop->type != CU_MEM_ALLOCATION_TYPE_PINNED || types > 15)
        return CUDA_ERROR_INVALID_VALUE;
    *found = (struct physical){.prop = *prop, .ordinal = prop->location.id};
    switch (prop->location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE:
        if (prop->location.id < 0 || prop->location.id >= driver.device_count)
            return CUDA_ERROR_INVALID_DEVICE;
        found->device = driver.device[prop->location.id];
        break;
    case CU_MEM_LOCATION_TYPE_HOST_NUMA: /* one node here */
        if (prop->location.id != 0)
            return CUDA_ERROR_INVALID_VALUE;
        /* fall through */
    case CU_MEM_LOCATION_TYPE_HOST:
        if (types != 0)
            return prop->location.type == CU_MEM_LOCATION_TYPE_HOST ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
        found->on_host = true;
        found->ordinal = 0;
        break;
    default: return CUDA_ERROR_INVALID_VALUE;
    }
    bool known = (types & ~(unsigned)(CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR | CU_MEM_HANDLE_TYPE_FABRIC)) == 0;
    return known ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

static bool place(struct physical *physical)
{
    if (backing.file < 0)
        backing.file = memfd_create("fakecuda-physical", MFD_CLOEXEC);
    if (backing.file < 0 || ftruncate(backing.file, (off_t)(backing.end + physical->bytes)) != 0)
        return false;
    physical->offset = backing.end;
    backing.end += physical->bytes;
    return true;
}

static bool reserve(const struct physical *wanted)
{
    return card_reserve(&driver.card, wanted->device, wanted->bytes, FAKECUDA_KIND_physical, FAKECUDA_CALL_cuMemCreate);
}

API CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size, const CUmemAllocationProp *prop,
                         unsigned long long flags)
{
    struct physical wanted;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (handle == NULL || prop == NULL || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = check(prop, &wanted);
    if (result != CUDA_SUCCESS)
        return result;
    if (size == 0 || size % physical_granularity(&wanted) != 0) /* "must be a multiple of the value given via ..." */
        return CUDA_ERROR_INVALID_VALUE;
    wanted.bytes = size;
    if (!wanted.on_host && !reserve(&wanted) && !(pools_give_way(wanted.device) && reserve(&wanted)))
        return CUDA_ERROR_OUT_OF_MEMORY;
    physical_lock();
    struct physical *physical = physical_new();
    wanted.handles = 1;
    bool good = physical != NULL && place(&wanted);
    if (good)
        *physical = wanted;
    physical_unlock();
    if (!good) {
        if (physical != NULL && handle_remove(HANDLE_PHYSICAL, physical))
            free(physical);
        if (!wanted.on_host)
            card_release(&driver.card, wanted.device, size, FAKECUDA_KIND_physical, FAKECUDA_CALL_implicit_free);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *handle = physical_handle(physical);
    return CUDA_SUCCESS;
}

API CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    physical_lock();
    struct physical *physical = physical_of(handle);
    if (physical != NULL)
        physical_end_handle(physical, FAKECUDA_CALL_cuMemRelease);
    physical_unlock();
    return physical != NULL ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* "The handle is guaranteed to be the same handle value used to map the memory. ... The returned handle must be
 * released with corresponding number of calls to cuMemRelease"; any address in the range will do. */
API CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *address)
{
    uint64_t offset;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (handle == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    physical_lock();
    struct physical *physical = mapping_find((CUdeviceptr)(uintptr_t)address, &offset);
    if (physical != NULL) {
        physical->handles++;
        *handle = physical_handle(physical);
        if (!physical->on_host)
            card_count(&driver.card, physical->device, FAKECUDA_CALL_cuMemRetainAllocationHandle, 0, 0);
    }
    physical_unlock();
    return physical != NULL ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

API CUresult cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *prop,
                                           CUmemAllocationGranularity_flags option)
{
    struct physical wanted;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (granularity == NULL || prop == NULL
        || (option != CU_MEM_ALLOC_GRANULARITY_MINIMUM && option != CU_MEM_ALLOC_GRANULARITY_RECOMMENDED))
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = check(prop, &wanted);
    if (result == CUDA_SUCCESS)
        *granularity = physical_granularity(&wanted);
    return result;
}

API CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *prop, CUmemGenericAllocationHandle handle)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    physical_lock();
    const struct physical *physical = prop != NULL ? physical_of(handle) : NULL;
    if (physical != NULL)
        *prop = physical->prop;
    physical_unlock();
    return physical != NULL ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* --- sharing ---------------------------------------------------------------------------------------------------- */

#define FABRIC_MAGIC 0x4952424146444143ull
struct fabric_handle {
    uint64_t magic;
    struct card_shared shared;
};
_Static_assert(sizeof(struct fabric_handle) <= sizeof(CUmemFabricHandle), "fabric handle");

static bool copy_contents(int to, uint64_t offset, uint64_t bytes)
{
    static char buffer[1 << 16];
    off_t at = (off_t)offset, limit = (off_t)(offset + bytes);
    while ((at = lseek(backing.file, at, SEEK_DATA)) >= 0 && at < limit) {
        size_t length = limit - at < (off_t)sizeof buffer ? (size_t)(limit - at) : sizeof buffer;
        if (pread(backing.file, buffer, length, at) != (ssize_t)length
            || pwrite(to, buffer, length, at - (off_t)offset) != (ssize_t)length)
            return false;
        at += (off_t)length;
    }
    return true;
}

/* Gives the memory a file of its own, with what it contains. */
static bool share(struct physical *physical)
{
    if (physical->exported != NULL)
        return true;
    struct exported *exported = exported_start(physical->device, physical->bytes, FAKECUDA_KIND_physical);
    int fd = exported != NULL ? exported_descriptor(exported, false) : -1;
    if (fd < 0)
        return false;
    bool copied = copy_contents(fd, physical->offset, physical->bytes);
    close(fd);
    physical->exported = exported;
    mappings_remap(physical);
    return copied;
}

static CUresult export(void *shareable, struct physical *physical, CUmemAllocationHandleType type)
{
    if (physical->multicast != NULL) {
        int fd = type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR ? multicast_export(physical) : -1;
        if (fd >= 0)
            *(int *)shareable = fd;
        return fd >= 0 ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
    }
    if (!share(physical))
        return CUDA_ERROR_UNKNOWN;
    if (type == CU_MEM_HANDLE_TYPE_FABRIC) {
        struct fabric_handle filled = {FABRIC_MAGIC, *exported_id(physical->exported)};
        memset(shareable, 0, sizeof(CUmemFabricHandle));
        memcpy(shareable, &filled, sizeof filled);
        return CUDA_SUCCESS;
    }
    int fd = exported_descriptor(physical->exported, true);
    if (fd >= 0)
        *(int *)shareable = fd;
    return fd >= 0 ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
}

/* Only of the types that it was created for. */
API CUresult cuMemExportToShareableHandle(void *shareable, CUmemGenericAllocationHandle handle,
                                          CUmemAllocationHandleType type, unsigned long long flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    bool one = type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR || type == CU_MEM_HANDLE_TYPE_FABRIC;
    if (shareable == NULL || flags != 0 || !one)
        return CUDA_ERROR_INVALID_VALUE;
    physical_lock();
    struct physical *physical = physical_of(handle);
    bool right = physical != NULL && (physical->prop.requestedHandleTypes & type) != 0;
    CUresult result = right ? export(shareable, physical, type) : CUDA_ERROR_INVALID_VALUE;
    physical_unlock();
    return result;
}

static struct physical *import(struct exported *exported, CUmemAllocationHandleType type)
{
    const struct card_shared *id = exported_id(exported);
    int ordinal = import_ordinal(id->device);
    struct physical *physical = ordinal >= 0 ? physical_new() : NULL;
    if (physical == NULL)
        return NULL;
    *physical = (struct physical){
        .prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                 .requestedHandleTypes = type,
                 .location = {CU_MEM_LOCATION_TYPE_DEVICE, ordinal}},
        .bytes = exported_bytes(exported),
        .device = id->device,
        .ordinal = ordinal,
        .imported = true,
        .handles = 1,
        .exported = exported,
    };
    card_count(&driver.card, id->device, FAKECUDA_CALL_cuMemImportFromShareableHandle, 0, 0);
    return physical;
}

/* Of a descriptor, `shareable` is its number; it stays the caller's. "There is no guarantee that the contents of handle
 * will be the same CUDA memory handle for the same given OS shareable handle": each import is a handle of its own
 * here. */
API CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *shareable,
                                            CUmemAllocationHandleType type)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    struct fabric_handle fabric = {0};
    struct exported *exported = NULL;
    struct physical *physical = NULL;
    if (handle == NULL || (type == CU_MEM_HANDLE_TYPE_FABRIC && shareable == NULL))
        return CUDA_ERROR_INVALID_VALUE;
    physical_lock();
    if (type == CU_MEM_HANDLE_TYPE_FABRIC) {
        memcpy(&fabric, shareable, sizeof fabric);
        exported = fabric.magic == FABRIC_MAGIC ? exported_join(&fabric.shared) : NULL;
    } else if (type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) {
        exported = exported_join_descriptor((int)(intptr_t)shareable);
        if (exported == NULL)
            physical = multicast_import((int)(intptr_t)shareable);
    }
    if (exported != NULL) {
        physical = import(exported, type);
        if (physical == NULL)
            exported_end(exported);
    }
    physical_unlock();
    if (physical == NULL)
        return exported != NULL ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
    *handle = physical_handle(physical);
    return CUDA_SUCCESS;
}

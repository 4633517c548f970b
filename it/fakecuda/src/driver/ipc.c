/* SPDX-License-Identifier: Apache-2.0 */
/* Legacy interprocess memory (CUDA driver API, memory management: cuIpc*). */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "import.h"
#include "stream.h"

#define IPC_MAGIC 0x4350494544554341ull

struct ipc_handle {
    uint64_t magic;
    struct card_shared shared;
    uint32_t exporter; /* slot */
    uint32_t reserved; /* 0: the handles of one memory are the same to the last byte */
    uint64_t bytes;
};
_Static_assert(sizeof(struct ipc_handle) <= sizeof(CUipcMemHandle), "handle");

static pthread_mutex_t exporting = PTHREAD_MUTEX_INITIALIZER;

/* The block goes on as it was, with its contents where others can map them. */
static struct exported *export_block(struct block *block, CUdeviceptr base)
{
    if (block->of != NULL)
        return block->of;
    struct exported *exported = exported_start(block->device, block->bytes, block->kind);
    if (exported == NULL)
        return NULL;
    int fd = exported_descriptor(exported, false);
    if (fd >= 0) {
        heap_back(block, base, fd, 0, true);
        close(fd);
    }
    block->of = exported;
    return exported;
}

/* "Takes a pointer to the base of an existing device memory allocation created with cuMemAlloc and exports it for use
 * in another process. ... may be called multiple times on an allocation without adverse effects." */
API CUresult cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr pointer)
{
    CUcontext context;
    CUdeviceptr base;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (handle == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pthread_mutex_lock(&exporting);
    struct block *block = heap_find(pointer, &base);
    bool right = block != NULL && base == pointer && block->owner == OWNER_CONTEXT && block->kind != FAKECUDA_KIND_managed;
    const struct exported *exported = right ? export_block(block, base) : NULL;
    pthread_mutex_unlock(&exporting);
    if (exported == NULL)
        return right ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_VALUE;
    struct ipc_handle filled = {IPC_MAGIC, *exported_id(exported), driver.card.slot, 0, exported_bytes(exported)};
    memset(handle, 0, sizeof *handle);
    memcpy(handle, &filled, sizeof filled);
    card_count(&driver.card, block->device, FAKECUDA_CALL_cuIpcGetMemHandle, 0, 0);
    return CUDA_SUCCESS;
}

/* "If the memory handle has already been opened by the current context, the reference count on the handle is
 * incremented by 1 and the existing device pointer is returned." */
struct opened {
    CUdeviceptr pointer;
    struct card_shared shared;
    CUcontext context;
};
#define OPENED 1024
static struct {
    struct opened entries[OPENED];
    size_t count;
} opened;

/* What that handle was opened as. Its context's end closes it unseen, and the address may be another block's by now. */
static struct import *import_of(const struct opened *entry)
{
    CUdeviceptr base;
    const struct block *block = heap_find(entry->pointer, &base);
    struct import *import = block != NULL && block->owner == OWNER_IMPORT ? block->of : NULL;
    bool is_it = import != NULL && import->type == IMPORT_IPC && base == entry->pointer
                 && memcmp(exported_id(import->exported), &entry->shared, sizeof entry->shared) == 0;
    return is_it ? import : NULL;
}

static struct opened *find_opened(const struct card_shared *shared, CUcontext context)
{
    struct opened *found = NULL;
    for (size_t i = 0; i < opened.count; i++) {
        struct opened *entry = &opened.entries[i];
        if (import_of(entry) == NULL)
            opened.entries[i--] = opened.entries[--opened.count];
        else if (entry->context == context && memcmp(&entry->shared, shared, sizeof *shared) == 0)
            found = entry;
    }
    return found;
}

static CUresult open_handle(const struct ipc_handle *handle, CUcontext context, CUdeviceptr *pointer)
{
    struct opened *entry = find_opened(&handle->shared, context);
    if (entry != NULL) {
        import_of(entry)->opened++;
        *pointer = entry->pointer;
        return CUDA_SUCCESS;
    }
    if (opened.count == OPENED)
        return CUDA_ERROR_OUT_OF_MEMORY;
    struct exported *exported = exported_join(&handle->shared);
    if (exported == NULL)
        return CUDA_ERROR_INVALID_HANDLE;
    CUresult result = import_block(exported, IMPORT_IPC, 0, handle->bytes, context, pointer);
    if (result != CUDA_SUCCESS) {
        exported_end(exported);
        return result;
    }
    opened.entries[opened.count++] = (struct opened){*pointer, handle->shared, context};
    return CUDA_SUCCESS;
}

API CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *pointer, CUipcMemHandle handle, unsigned int flags)
{
    CUcontext context;
    struct ipc_handle filled;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    /* "Flags ... Must be specified as CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS" */
    if (pointer == NULL || flags != CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)
        return CUDA_ERROR_INVALID_VALUE;
    memcpy(&filled, &handle, sizeof filled);
    if (filled.magic != IPC_MAGIC)
        return CUDA_ERROR_INVALID_HANDLE;
    if (filled.exporter == driver.card.slot) /* "exported from another process" */
        return CUDA_ERROR_INVALID_CONTEXT;
    pthread_mutex_lock(&exporting);
    result = open_handle(&filled, context, pointer);
    pthread_mutex_unlock(&exporting);
    if (result == CUDA_SUCCESS)
        card_count(&driver.card, filled.shared.device, FAKECUDA_CALL_cuIpcOpenMemHandle, 0, 0);
    return result;
}
ALIAS(cuIpcOpenMemHandle, cuIpcOpenMemHandle_v2);

/* "Decrements the reference count of the memory returned by cuIpcOpenMemHandle by 1. When the reference count reaches
 * 0, this API unmaps the memory. The original allocation in the exporting process as well as imported mappings in other
 * processes will be unaffected." */
API CUresult cuIpcCloseMemHandle(CUdeviceptr pointer)
{
    CUcontext context;
    CUdeviceptr base;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    pthread_mutex_lock(&exporting);
    struct block *block = heap_find(pointer, &base);
    bool right = block != NULL && base == pointer && block->owner == OWNER_IMPORT
                 && ((struct import *)block->of)->type == IMPORT_IPC;
    if (right && --((struct import *)block->of)->opened == 0) {
        for (size_t i = 0; i < opened.count; i++)
            if (opened.entries[i].pointer == pointer)
                opened.entries[i--] = opened.entries[--opened.count];
        block = heap_claim(pointer);
        if (block != NULL)
            import_free(pointer, block, FAKECUDA_CALL_cuIpcCloseMemHandle);
    }
    pthread_mutex_unlock(&exporting);
    return right ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* External memory (CUDA driver API, external resource interoperability): descriptors that cuMemExportToShareableHandle
 * returned, in any process, and plain memory files, which stand for what another interface such as Vulkan has on the
 * card. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "handles.h"
#include "import.h"
#include "memory.h"

struct CUextMemory_st {
    int fd; /* the driver's since the import: "Ownership of the file descriptor is transferred" */
    uint64_t bytes;
    struct exported *exported; /* NULL of another interface's */
};

API CUresult cuImportExternalMemory(CUexternalMemory *memory, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *desc)
{
    CUcontext context;
    struct stat status;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (memory == NULL || desc == NULL || desc->size == 0 || (desc->flags & ~(unsigned)CUDA_EXTERNAL_MEMORY_DEDICATED) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (desc->type != CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD) /* the others are of Windows and of other boards */
        return desc->type >= 1 && desc->type <= CU_EXTERNAL_MEMORY_HANDLE_TYPE_DMABUF_FD ? CUDA_ERROR_NOT_SUPPORTED
                                                                                         : CUDA_ERROR_INVALID_VALUE;
    if (fstat(desc->handle.fd, &status) != 0 || !S_ISREG(status.st_mode) || (uint64_t)status.st_size < desc->size)
        return CUDA_ERROR_INVALID_HANDLE;
    struct CUextMemory_st *new = malloc(sizeof *new);
    if (new == NULL || !handle_add(HANDLE_EXTERNAL, new)) {
        free(new);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *new = (struct CUextMemory_st){desc->handle.fd, desc->size, exported_join_descriptor(desc->handle.fd)};
    card_count(&driver.card, context->device, FAKECUDA_CALL_cuImportExternalMemory, 0, 0);
    *memory = new;
    return CUDA_SUCCESS;
}

/* "The returned pointer devPtr must be freed using cuMemFree." It keeps the memory, as the object does. */
API CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *pointer, CUexternalMemory memory,
                                             const CUDA_EXTERNAL_MEMORY_BUFFER_DESC *desc)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (!handle_known(HANDLE_EXTERNAL, memory))
        return CUDA_ERROR_INVALID_HANDLE;
    if (pointer == NULL || desc == NULL || desc->flags != 0 || desc->size == 0 || desc->offset > memory->bytes
        || desc->size > memory->bytes - desc->offset)
        return CUDA_ERROR_INVALID_VALUE;
    struct exported *exported = NULL;
    if (memory->exported != NULL) {
        exported = exported_join(exported_id(memory->exported));
        if (exported == NULL)
            return CUDA_ERROR_INVALID_HANDLE;
    }
    result = import_buffer(exported, memory->fd, context, desc->offset, desc->size, pointer);
    if (result != CUDA_SUCCESS && exported != NULL)
        exported_end(exported);
    return result;
}

/* "The returned CUDA mipmapped array must be freed using cuMipmappedArrayDestroy." */
API CUresult cuExternalMemoryGetMappedMipmappedArray(CUmipmappedArray *array, CUexternalMemory memory,
                                                     const CUDA_EXTERNAL_MEMORY_MIPMAPPED_ARRAY_DESC *desc)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_EXTERNAL, memory))
        return CUDA_ERROR_INVALID_HANDLE;
    if (array == NULL || desc == NULL || desc->offset > memory->bytes)
        return CUDA_ERROR_INVALID_VALUE;
    struct exported *exported = memory->exported != NULL ? exported_join(exported_id(memory->exported)) : NULL;
    CUresult result = array_import(array, &desc->arrayDesc, desc->numLevels, memory->bytes - desc->offset, exported);
    if (result != CUDA_SUCCESS && exported != NULL)
        exported_end(exported);
    return result;
}

/* "Any existing buffers and CUDA mipmapped arrays mapped onto this object must ... be explicitly freed". */
API CUresult cuDestroyExternalMemory(CUexternalMemory memory)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (!handle_remove(HANDLE_EXTERNAL, memory))
        return CUDA_ERROR_INVALID_HANDLE;
    close(memory->fd);
    if (memory->exported != NULL)
        exported_end(memory->exported);
    card_count(&driver.card, context->device, FAKECUDA_CALL_cuDestroyExternalMemory, 0, 0);
    free(memory);
    return CUDA_SUCCESS;
}

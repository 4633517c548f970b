/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays and mipmapped arrays (CUDA driver API, memory management). Nothing reads their contents. */
#include "array.h"

#include <pthread.h>
#include <stdlib.h>

#include "handles.h"
#include "pool.h"
#include "stream.h"

/* What an array or a mipmapped array holds of the card, in the list of all. */
struct array_memory {
    CUcontext context;
    uint64_t bytes; /* on the card; 0 if its memory is another's */
    struct exported *exported;
    CUarray array; /* whose memory it is: one of the two */
    CUmipmappedArray mipmap;
    struct array_memory *next;
};

static struct {
    pthread_mutex_t lock;
    struct array_memory *all;
} arrays = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct array_memory *new_memory(CUcontext context, uint64_t bytes, enum fakecuda_call call, CUresult *result)
{
    struct array_memory *memory = malloc(sizeof *memory);
    *result = CUDA_ERROR_OUT_OF_MEMORY;
    if (memory == NULL)
        return NULL;
    if (bytes != 0 && !card_reserve(&driver.card, context->device, bytes, FAKECUDA_KIND_array, call)
        && !(pools_give_way(context->device)
             && card_reserve(&driver.card, context->device, bytes, FAKECUDA_KIND_array, call))) {
        free(memory);
        return NULL;
    }
    if (bytes == 0)
        card_count(&driver.card, context->device, call, 0, 0);
    *memory = (struct array_memory){.context = context, .bytes = bytes};
    pthread_mutex_lock(&arrays.lock);
    memory->next = arrays.all;
    arrays.all = memory;
    pthread_mutex_unlock(&arrays.lock);
    *result = CUDA_SUCCESS;
    return memory;
}

static void end_memory(struct array_memory *memory, enum fakecuda_call call)
{
    pthread_mutex_lock(&arrays.lock);
    struct array_memory **link = &arrays.all;
    while (*link != memory)
        link = &(*link)->next;
    *link = memory->next;
    pthread_mutex_unlock(&arrays.lock);
    if (memory->bytes != 0)
        card_release(&driver.card, memory->context->device, memory->bytes, FAKECUDA_KIND_array, call);
    else
        card_count(&driver.card, memory->context->device, call, 0, 0);
    if (memory->exported != NULL)
        exported_end(memory->exported);
    free(memory);
}

static CUresult begin(const void *handle, const CUDA_ARRAY3D_DESCRIPTOR *desc, bool mipmapped, CUcontext *context)
{
    CUresult result = context_current(context, NEW_ABI);
    if (result == CUDA_ERROR_INVALID_CONTEXT) /* arrays are handles: either ABI makes them */
        result = context_current(context, OLD_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (handle == NULL || desc == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    result = array_check(desc, mipmapped);
    if (result == CUDA_SUCCESS && !capture_allows_unsafe_call())
        result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    return result;
}

/* --- plain arrays ----------------------------------------------------------------------------------------------- */

static CUarray new_array(const CUDA_ARRAY3D_DESCRIPTOR *desc)
{
    CUarray array = calloc(1, sizeof *array);
    if (array == NULL || !handle_add(HANDLE_ARRAY, array)) {
        free(array);
        return NULL;
    }
    array->desc = *desc;
    return array;
}

static void free_array(CUarray array)
{
    if (array_is_mapped_later(&array->desc))
        array_unmap_all(array);
    for (int i = 0; i < 3; i++)
        if (array->planes[i] != NULL) {
            handle_remove(HANDLE_ARRAY, array->planes[i]);
            free(array->planes[i]);
        }
    free(array);
}

static CUresult create(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc)
{
    CUcontext context;
    CUresult result = begin(array, desc, false, &context);
    if (result != CUDA_SUCCESS)
        return result;
    uint64_t bytes = array_is_mapped_later(desc) ? 0 : array_bytes(desc, 0);
    CUarray new = new_array(desc);
    if (new == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    new->memory = new_memory(context, bytes, FAKECUDA_CALL_cuArrayCreate, &result);
    if (new->memory == NULL) {
        handle_remove(HANDLE_ARRAY, new);
        free_array(new);
        return result;
    }
    new->memory->array = new;
    *array = new;
    return CUDA_SUCCESS;
}

API CUresult cuArrayCreate_v2(CUarray *array, const CUDA_ARRAY_DESCRIPTOR *desc)
{
    if (!driver_ready() || desc == NULL)
        return driver_ready() ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_INITIALIZED;
    CUDA_ARRAY3D_DESCRIPTOR full = {
        .Width = desc->Width, .Height = desc->Height, .Format = desc->Format, .NumChannels = desc->NumChannels};
    return create(array, &full);
}

API CUresult cuArrayCreate(CUarray *array, const CUDA_ARRAY_DESCRIPTOR_v1 *desc)
{
    if (!driver_ready() || desc == NULL)
        return driver_ready() ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_INITIALIZED;
    CUDA_ARRAY3D_DESCRIPTOR full = {
        .Width = desc->Width, .Height = desc->Height, .Format = desc->Format, .NumChannels = desc->NumChannels};
    return create(array, &full);
}

API CUresult cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc)
{
    return create(array, desc);
}

API CUresult cuArray3DCreate(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR_v1 *desc)
{
    if (!driver_ready() || desc == NULL)
        return driver_ready() ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_INITIALIZED;
    CUDA_ARRAY3D_DESCRIPTOR full = {desc->Width, desc->Height, desc->Depth, desc->Format, desc->NumChannels, desc->Flags};
    return create(array, &full);
}

/* Of a level or a plane: they go with their owner. */
API CUresult cuArrayDestroy(CUarray array)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_ARRAY, array) || array->memory == NULL || !handle_remove(HANDLE_ARRAY, array))
        return CUDA_ERROR_INVALID_HANDLE;
    end_memory(array->memory, FAKECUDA_CALL_cuArrayDestroy);
    free_array(array);
    return CUDA_SUCCESS;
}

#define CHECK_ARRAY(pointer, type, handle)                                                                             \
    if (!driver_ready())                                                                                               \
        return CUDA_ERROR_NOT_INITIALIZED;                                                                             \
    if ((pointer) == NULL)                                                                                             \
        return CUDA_ERROR_INVALID_VALUE;                                                                               \
    if (!handle_known(type, handle))                                                                                   \
    return CUDA_ERROR_INVALID_HANDLE

API CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR *desc, CUarray array)
{
    CHECK_ARRAY(desc, HANDLE_ARRAY, array);
    *desc = array->desc;
    return CUDA_SUCCESS;
}

API CUresult cuArray3DGetDescriptor(CUDA_ARRAY3D_DESCRIPTOR_v1 *desc, CUarray array)
{
    CHECK_ARRAY(desc, HANDLE_ARRAY, array);
    *desc = (CUDA_ARRAY3D_DESCRIPTOR_v1){(unsigned)array->desc.Width, (unsigned)array->desc.Height,
                                         (unsigned)array->desc.Depth, array->desc.Format,
                                         array->desc.NumChannels,     array->desc.Flags};
    return CUDA_SUCCESS;
}

API CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR *desc, CUarray array)
{
    CHECK_ARRAY(desc, HANDLE_ARRAY, array);
    *desc = (CUDA_ARRAY_DESCRIPTOR){array->desc.Width, array->desc.Height, array->desc.Format, array->desc.NumChannels};
    return CUDA_SUCCESS;
}

API CUresult cuArrayGetDescriptor(CUDA_ARRAY_DESCRIPTOR_v1 *desc, CUarray array)
{
    CHECK_ARRAY(desc, HANDLE_ARRAY, array);
    *desc = (CUDA_ARRAY_DESCRIPTOR_v1){(unsigned)array->desc.Width, (unsigned)array->desc.Height, array->desc.Format,
                                       array->desc.NumChannels};
    return CUDA_SUCCESS;
}

/* "if the array does not have a multi-planar format e.g: CU_AD_FORMAT_NV12, then CUDA_ERROR_INVALID_VALUE is returned";
 * plane 0 is "of the same size as hArray but with one channel", plane 1 "has half the height and width ... with two
 * channels" */
API CUresult cuArrayGetPlane(CUarray *plane, CUarray array, unsigned int index)
{
    CHECK_ARRAY(plane, HANDLE_ARRAY, array);
    bool wide = array->desc.Format == CU_AD_FORMAT_P010 || array->desc.Format == CU_AD_FORMAT_P016;
    if ((array->desc.Format != CU_AD_FORMAT_NV12 && !wide) || index > 1)
        return CUDA_ERROR_INVALID_VALUE;
    CUDA_ARRAY3D_DESCRIPTOR desc = array->desc;
    desc.Format = wide ? CU_AD_FORMAT_UNSIGNED_INT16 : CU_AD_FORMAT_UNSIGNED_INT8;
    desc.NumChannels = index + 1;
    desc.Width >>= index;
    desc.Height >>= index;
    pthread_mutex_lock(&arrays.lock);
    if (array->planes[index] == NULL)
        array->planes[index] = new_array(&desc);
    *plane = array->planes[index];
    pthread_mutex_unlock(&arrays.lock);
    return *plane != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* --- mipmapped arrays ------------------------------------------------------------------------------------------- */

/* "This value is clamped to the range [1, 1 + floor(log2(max(width, height, depth)))]." Layers are no depth. */
static unsigned clamp_levels(const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned levels)
{
    size_t longest = desc->Width > desc->Height ? desc->Width : desc->Height;
    if ((desc->Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) == 0 && desc->Depth > longest)
        longest = desc->Depth;
    unsigned most = 64 - (unsigned)__builtin_clzll(longest);
    return levels == 0 ? 1 : levels > most ? most : levels;
}

static uint64_t all_levels(const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned levels)
{
    uint64_t bytes = 0;
    for (unsigned level = 0; level < levels; level++)
        if (__builtin_add_overflow(bytes, array_bytes(desc, level), &bytes))
            return UINT64_MAX;
    return bytes;
}

static CUresult create_mipmapped(CUmipmappedArray *array, CUcontext context, const CUDA_ARRAY3D_DESCRIPTOR *desc,
                                 unsigned levels, uint64_t bytes, struct exported *exported)
{
    CUresult result = CUDA_ERROR_OUT_OF_MEMORY;
    CUmipmappedArray new = calloc(1, sizeof *new);
    if (new == NULL || !handle_add(HANDLE_MIPMAP, new)) {
        free(new);
        return result;
    }
    new->desc = *desc;
    new->levels = levels;
    new->memory = new_memory(context, bytes, FAKECUDA_CALL_cuMipmappedArrayCreate, &result);
    if (new->memory == NULL) {
        handle_remove(HANDLE_MIPMAP, new);
        free(new);
        return result;
    }
    new->memory->mipmap = new;
    new->memory->exported = exported;
    *array = new;
    return CUDA_SUCCESS;
}

API CUresult cuMipmappedArrayCreate(CUmipmappedArray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned int levels)
{
    CUcontext context;
    CUresult result = begin(array, desc, true, &context);
    if (result != CUDA_SUCCESS)
        return result;
    levels = clamp_levels(desc, levels);
    uint64_t bytes = array_is_mapped_later(desc) ? 0 : all_levels(desc, levels);
    return create_mipmapped(array, context, desc, levels, bytes, NULL);
}

CUresult array_import(CUmipmappedArray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned levels, uint64_t room,
                      struct exported *exported)
{
    CUcontext context;
    CUresult result = begin(array, desc, true, &context);
    if (result != CUDA_SUCCESS)
        return result;
    levels = clamp_levels(desc, levels);
    return all_levels(desc, levels) > room ? CUDA_ERROR_INVALID_VALUE
                                           : create_mipmapped(array, context, desc, levels, 0, exported);
}

API CUresult cuMipmappedArrayGetLevel(CUarray *level_array, CUmipmappedArray array, unsigned int level)
{
    CHECK_ARRAY(level_array, HANDLE_MIPMAP, array);
    if (level >= array->levels)
        return CUDA_ERROR_INVALID_VALUE;
    CUDA_ARRAY3D_DESCRIPTOR desc = array->desc;
    bool layers = (desc.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) != 0;
    desc.Width = desc.Width >> level != 0 ? desc.Width >> level : 1;
    desc.Height = desc.Height == 0 ? 0 : desc.Height >> level != 0 ? desc.Height >> level : 1;
    desc.Depth = desc.Depth == 0 || layers ? desc.Depth : desc.Depth >> level != 0 ? desc.Depth >> level : 1;
    pthread_mutex_lock(&arrays.lock);
    if (array->level[level] == NULL) {
        array->level[level] = new_array(&desc);
        if (array->level[level] != NULL)
            array->level[level]->level_of = array;
    }
    *level_array = array->level[level];
    pthread_mutex_unlock(&arrays.lock);
    return *level_array != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static void free_mipmapped(CUmipmappedArray array)
{
    if (array_is_mapped_later(&array->desc))
        array_unmap_all(array);
    for (unsigned i = 0; i < array->levels; i++)
        if (array->level[i] != NULL) {
            handle_remove(HANDLE_ARRAY, array->level[i]);
            free_array(array->level[i]);
        }
    free(array);
}

API CUresult cuMipmappedArrayDestroy(CUmipmappedArray array)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_remove(HANDLE_MIPMAP, array))
        return CUDA_ERROR_INVALID_HANDLE;
    end_memory(array->memory, FAKECUDA_CALL_cuMipmappedArrayDestroy);
    free_mipmapped(array);
    return CUDA_SUCCESS;
}

static struct array_memory *first_of(CUcontext context)
{
    pthread_mutex_lock(&arrays.lock);
    struct array_memory *memory = arrays.all;
    while (memory != NULL && memory->context != context)
        memory = memory->next;
    pthread_mutex_unlock(&arrays.lock);
    return memory;
}

void arrays_free_all(CUcontext context)
{
    for (struct array_memory *memory; (memory = first_of(context)) != NULL;) {
        CUarray array = memory->array;
        CUmipmappedArray mipmap = memory->mipmap;
        end_memory(memory, FAKECUDA_CALL_implicit_free);
        if (array != NULL && handle_remove(HANDLE_ARRAY, array))
            free_array(array);
        if (mipmap != NULL && handle_remove(HANDLE_MIPMAP, mipmap))
            free_mipmapped(mipmap);
    }
}

/* --- what is mapped later --------------------------------------------------------------------------------------- */

#define TILE_BYTES 65536u
#define TILE_ALIGNMENT (2u << 20)

/* "If the CUDA array is not allocated with flag CUDA_ARRAY3D_SPARSE CUDA_ERROR_INVALID_VALUE will be returned"; a tile
 * is 64 KiB, as square as its elements allow. */
static CUresult sparse_properties(CUDA_ARRAY_SPARSE_PROPERTIES *properties, const CUDA_ARRAY3D_DESCRIPTOR *desc,
                                  unsigned levels)
{
    if ((desc->Flags & CUDA_ARRAY3D_SPARSE) == 0)
        return CUDA_ERROR_INVALID_VALUE;
    CUDA_ARRAY3D_DESCRIPTOR element = *desc;
    element.Width = element.Height = 1;
    element.Depth = 0;
    element.Flags = 0;
    unsigned elements = (unsigned)(TILE_BYTES / array_bytes(&element, 0)), width = 1;
    while (width * width < elements)
        width *= 2;
    *properties = (CUDA_ARRAY_SPARSE_PROPERTIES){.miptailFirstLevel = levels, .flags = 0};
    properties->tileExtent.width = width;
    properties->tileExtent.height = elements / width;
    properties->tileExtent.depth = 1;
    for (unsigned level = 0; level < levels; level++)
        if (desc->Width >> level < width || desc->Height >> level < properties->tileExtent.height) {
            properties->miptailFirstLevel = level;
            properties->miptailSize = TILE_BYTES;
            break;
        }
    return CUDA_SUCCESS;
}

/* "For CUDA arrays obtained using cuMipmappedArrayGetLevel, CUDA_ERROR_INVALID_VALUE will be returned." */
API CUresult cuArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *properties, CUarray array)
{
    CHECK_ARRAY(properties, HANDLE_ARRAY, array);
    if (array->memory == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = sparse_properties(properties, &array->desc, 1);
    if (result == CUDA_SUCCESS) /* "miptailFirstLevel is always zero", and the size, without the single flag */
        properties->miptailFirstLevel = 0, properties->miptailSize = 0;
    return result;
}

API CUresult cuMipmappedArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES *properties, CUmipmappedArray array)
{
    CHECK_ARRAY(properties, HANDLE_MIPMAP, array);
    return sparse_properties(properties, &array->desc, array->levels);
}

static CUresult requirements_of(CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, const CUDA_ARRAY3D_DESCRIPTOR *desc,
                                unsigned levels)
{
    if ((desc->Flags & CUDA_ARRAY3D_DEFERRED_MAPPING) == 0)
        return CUDA_ERROR_INVALID_VALUE;
    uint64_t bytes = all_levels(desc, levels);
    *requirements = (CUDA_ARRAY_MEMORY_REQUIREMENTS){
        .size = (bytes + TILE_ALIGNMENT - 1) / TILE_ALIGNMENT * TILE_ALIGNMENT, .alignment = TILE_ALIGNMENT};
    return CUDA_SUCCESS;
}

API CUresult cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, CUarray array, CUdevice device)
{
    CHECK_ARRAY(requirements, HANDLE_ARRAY, array);
    CUresult result = context_check_device(device);
    return result == CUDA_SUCCESS ? requirements_of(requirements, &array->desc, 1) : result;
}

API CUresult cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS *requirements, CUmipmappedArray array,
                                                   CUdevice device)
{
    CHECK_ARRAY(requirements, HANDLE_MIPMAP, array);
    CUresult result = context_check_device(device);
    return result == CUDA_SUCCESS ? requirements_of(requirements, &array->desc, array->levels) : result;
}

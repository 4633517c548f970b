/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Arrays and mipmapped arrays, charged by the sum of their elements: what the device pads them to is told by nobody.
 */
#include "charged.h"
#include "export.h"
#include "physical.h"
#include "process.h"
#include "resolve.h"
#include "sizes.h"
#include "table.h"

static gs_result undo_array(uint64_t handle, const void *unused)
{
    (void)unused;
    cuArrayDestroy_fn *real = DRIVER_REAL(cuArrayDestroy);
    return real == NULL ? GS_NOT_INITIALIZED : real((gs_object)(uintptr_t)handle);
}

static gs_result undo_mipmapped(uint64_t handle, const void *unused)
{
    (void)unused;
    cuMipmappedArrayDestroy_fn *real = DRIVER_REAL(cuMipmappedArrayDestroy);
    return real == NULL ? GS_NOT_INITIALIZED : real((gs_object)(uintptr_t)handle);
}

/* Who really creates: one of five functions, the descriptor bound to it. */
struct creation {
    gs_result (*call)(gs_object *array, const void *descriptor, unsigned int levels);
    gs_result (*undo)(uint64_t handle, const void *unused);
    const void *descriptor;
    unsigned int levels;
};

static gs_result create(gs_object *array, const struct creation *creation, const struct gs_array3d *shape)
{
    if (!guard_enter())
        return creation->call(array, creation->descriptor, creation->levels);
    struct charged charged = {.kind = GPUSLICE_KIND_ARRAY, .undo = creation->undo};
    uint64_t bytes;
    if (!sizes_array(shape, creation->levels, &bytes))
        bytes = UINT64_MAX; /* is refused as more than any device has */
    gs_result result = GS_OUT_OF_MEMORY;
    if (charged_begin(&charged, bytes)) {
        gs_object made = NULL;
        result = creation->call(&made, creation->descriptor, creation->levels);
        result = charged_end(&charged, result, (uintptr_t)made);
        if (result == GS_SUCCESS)
            *array = made;
    }
    guard_leave();
    return result;
}

static gs_result call_v1(gs_object *array, const void *descriptor, unsigned int levels)
{
    (void)levels;
    return DRIVER_REAL(cuArrayCreate)(array, descriptor);
}

static gs_result call_v2(gs_object *array, const void *descriptor, unsigned int levels)
{
    (void)levels;
    return DRIVER_REAL(cuArrayCreate_v2)(array, descriptor);
}

static gs_result call_3d_v1(gs_object *array, const void *descriptor, unsigned int levels)
{
    (void)levels;
    return DRIVER_REAL(cuArray3DCreate)(array, descriptor);
}

static gs_result call_3d_v2(gs_object *array, const void *descriptor, unsigned int levels)
{
    (void)levels;
    return DRIVER_REAL(cuArray3DCreate_v2)(array, descriptor);
}

static gs_result call_mipmapped(gs_object *array, const void *descriptor, unsigned int levels)
{
    return DRIVER_REAL(cuMipmappedArrayCreate)(array, descriptor, levels);
}

gs_result cuArrayCreate(gs_object *array, const struct gs_array_v1 *descriptor)
{
    cuArrayCreate_fn *real = DRIVER_REAL(cuArrayCreate);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (array == NULL || descriptor == NULL)
        return real(array, descriptor);
    struct gs_array3d shape = {descriptor->width, descriptor->height, 0, descriptor->format, descriptor->channels, 0};
    return create(array, &(struct creation){call_v1, undo_array, descriptor, 1}, &shape);
}

gs_result cuArrayCreate_v2(gs_object *array, const struct gs_array *descriptor)
{
    cuArrayCreate_v2_fn *real = DRIVER_REAL(cuArrayCreate_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (array == NULL || descriptor == NULL)
        return real(array, descriptor);
    struct gs_array3d shape = {descriptor->width, descriptor->height, 0, descriptor->format, descriptor->channels, 0};
    return create(array, &(struct creation){call_v2, undo_array, descriptor, 1}, &shape);
}

gs_result cuArray3DCreate(gs_object *array, const struct gs_array3d_v1 *descriptor)
{
    cuArray3DCreate_fn *real = DRIVER_REAL(cuArray3DCreate);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (array == NULL || descriptor == NULL)
        return real(array, descriptor);
    struct gs_array3d shape = {descriptor->width,  descriptor->height,   descriptor->depth,
                               descriptor->format, descriptor->channels, descriptor->flags};
    return create(array, &(struct creation){call_3d_v1, undo_array, descriptor, 1}, &shape);
}

gs_result cuArray3DCreate_v2(gs_object *array, const struct gs_array3d *descriptor)
{
    cuArray3DCreate_v2_fn *real = DRIVER_REAL(cuArray3DCreate_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (array == NULL || descriptor == NULL)
        return real(array, descriptor);
    return create(array, &(struct creation){call_3d_v2, undo_array, descriptor, 1}, descriptor);
}

gs_result cuMipmappedArrayCreate(gs_object *array, const struct gs_array3d *descriptor, unsigned int levels)
{
    cuMipmappedArrayCreate_fn *real = DRIVER_REAL(cuMipmappedArrayCreate);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (array == NULL || descriptor == NULL)
        return real(array, descriptor, levels);
    return create(array, &(struct creation){call_mipmapped, undo_mipmapped, descriptor, levels}, descriptor);
}

/* ------------------------------------------------------------ destroy */

/* A level of a mipmapped array is an array that cannot be destroyed by itself: it is not in the table, and the driver
 * says so. */
static gs_result destroy(gs_object array, gs_result (*call)(uint64_t handle, const void *unused))
{
    struct process *process = process_if_started();
    struct freeing freeing;
    charged_free_begin_kind((uintptr_t)array, TABLE_KIND(GPUSLICE_KIND_ARRAY), &freeing);
    gs_result result;
    if (process == NULL) {
        result = call((uintptr_t)array, NULL);
    } else {
        int state = physical_enter(process);
        result = call((uintptr_t)array, NULL);
        if (result == GS_SUCCESS)
            physical_let_go_all(process, physical_array(array)); /* a sparse one */
        physical_leave(process, state);
    }
    charged_free_end(&freeing, result);
    return result;
}

gs_result cuArrayDestroy(gs_object array)
{
    if (!guard_enter())
        return undo_array((uintptr_t)array, NULL);
    gs_result result = destroy(array, undo_array);
    guard_leave();
    return result;
}

gs_result cuMipmappedArrayDestroy(gs_object array)
{
    if (!guard_enter())
        return undo_mipmapped((uintptr_t)array, NULL);
    gs_result result = destroy(array, undo_mipmapped);
    guard_leave();
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and events. Work is done when its call returns; only frees can be made to wait for a synchronization, with
 * FAKECUDA_STREAM_ASYNC=1. A kernel computes nothing. */
#include "stream.h"

#include <stdlib.h>

#include "handles.h"
#include "pool.h"

struct CUevent_st {
    CUcontext context;
    CUstream recorded; /* NULL until recorded */
    uint64_t order;
    struct capture *capture;
};

/* Each thread's default stream; its address is its key. */
static _Thread_local struct CUstream_st per_thread_stream;

/* Of a stream that only took part in a capture the end is seen here. */
static struct capture *live_capture(CUstream stream)
{
    struct capture *capture = __atomic_load_n(&stream->capture, __ATOMIC_ACQUIRE);
    return capture != NULL && capture_live(capture) ? capture : NULL;
}

CUresult stream_use(CUstream stream, bool per_thread, struct stream_use *use)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    bool is_default = stream == NULL || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
    *use = (struct stream_use){.key = stream};
    if (is_default) {
        bool legacy = stream == CU_STREAM_LEGACY || (stream == NULL && !per_thread);
        use->key = legacy ? CU_STREAM_LEGACY : &per_thread_stream;
        use->capture = legacy ? NULL : live_capture(&per_thread_stream);
        return context_current(&use->context, NEW_ABI);
    }
    if (!handle_known(HANDLE_STREAM, stream))
        return CUDA_ERROR_INVALID_HANDLE;
    use->context = stream->context;
    use->capture = live_capture(stream);
    return CUDA_SUCCESS;
}

API CUresult cuStreamCreate(CUstream *stream, unsigned int flags)
{
    static unsigned long long ids;
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (stream == NULL || flags > CU_STREAM_NON_BLOCKING)
        return CUDA_ERROR_INVALID_VALUE;
    struct CUstream_st *new = malloc(sizeof *new);
    if (new == NULL || !handle_add(HANDLE_STREAM, new)) {
        free(new);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *new = (struct CUstream_st){
        .context = context, .flags = flags, .id = __atomic_add_fetch(&ids, 1, __ATOMIC_RELAXED)};
    *stream = new;
    return CUDA_SUCCESS;
}

API CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned int flags, int priority)
{
    (void)priority;
    return cuStreamCreate(stream, flags);
}

/* "In case the device is still doing work in the stream when cuStreamDestroy() is called, the function will return
 * immediately and the resources associated with the stream will be released automatically once the device has completed
 * all work" */
API CUresult cuStreamDestroy_v2(CUstream stream)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_remove(HANDLE_STREAM, stream))
        return CUDA_ERROR_INVALID_HANDLE;
    pools_complete(stream, UINT64_MAX);
    capture_forget_stream(stream);
    free(stream);
    return CUDA_SUCCESS;
}
ALIAS(cuStreamDestroy, cuStreamDestroy_v2);

static CUresult synchronize(CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (use.capture != NULL)
        return capture_refuse(&use);
    if (!capture_allows_unsafe_call())
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    /* The legacy default stream waits for every other. */
    pools_synchronized(use.key == CU_STREAM_LEGACY ? NULL : use.key, UINT64_MAX);
    return CUDA_SUCCESS;
}

API CUresult cuStreamSynchronize(CUstream stream)
{
    return synchronize(stream, false);
}

API CUresult cuStreamSynchronize_ptsz(CUstream stream)
{
    return synchronize(stream, true);
}

static CUresult query(CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (use.capture != NULL)
        return capture_refuse(&use);
    pools_complete(use.key == CU_STREAM_LEGACY ? NULL : use.key, UINT64_MAX);
    return CUDA_SUCCESS;
}

API CUresult cuStreamQuery(CUstream stream)
{
    return query(stream, false);
}

API CUresult cuStreamQuery_ptsz(CUstream stream)
{
    return query(stream, true);
}

#define CHECK_USE(pointer)                                                                                             \
    struct stream_use use;                                                                                             \
    CUresult result = stream_use(stream, false, &use);                                                                 \
    if (result != CUDA_SUCCESS)                                                                                        \
        return result;                                                                                                 \
    if ((pointer) == NULL)                                                                                             \
    return CUDA_ERROR_INVALID_VALUE

static bool is_explicit(CUstream stream)
{
    return stream != NULL && stream != CU_STREAM_LEGACY && stream != CU_STREAM_PER_THREAD;
}

API CUresult cuStreamGetCtx(CUstream stream, CUcontext *context)
{
    CHECK_USE(context);
    *context = use.context;
    return CUDA_SUCCESS;
}
ALIAS(cuStreamGetCtx_ptsz, cuStreamGetCtx);

API CUresult cuStreamGetDevice(CUstream stream, CUdevice *device)
{
    CHECK_USE(device);
    *device = use.context->ordinal;
    return CUDA_SUCCESS;
}
ALIAS(cuStreamGetDevice_ptsz, cuStreamGetDevice);

API CUresult cuStreamGetFlags(CUstream stream, unsigned int *flags)
{
    CHECK_USE(flags);
    *flags = is_explicit(stream) ? stream->flags : 0;
    return CUDA_SUCCESS;
}
ALIAS(cuStreamGetFlags_ptsz, cuStreamGetFlags);

API CUresult cuStreamGetId(CUstream stream, unsigned long long *id)
{
    CHECK_USE(id);
    *id = is_explicit(stream) ? stream->id : (unsigned long long)(uintptr_t)use.key;
    return CUDA_SUCCESS;
}
ALIAS(cuStreamGetId_ptsz, cuStreamGetId);

/* --- events ----------------------------------------------------------------------------------------------------- */

API CUresult cuEventCreate(CUevent *event, unsigned int flags)
{
    CUcontext context;
    CUresult result = context_current(&context, NEW_ABI);
    if (result != CUDA_SUCCESS)
        return result;
    if (event == NULL || flags > 7)
        return CUDA_ERROR_INVALID_VALUE;
    struct CUevent_st *new = calloc(1, sizeof *new);
    if (new == NULL || !handle_add(HANDLE_EVENT, new)) {
        free(new);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    new->context = context;
    *event = new;
    return CUDA_SUCCESS;
}

API CUresult cuEventDestroy_v2(CUevent event)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_remove(HANDLE_EVENT, event))
        return CUDA_ERROR_INVALID_HANDLE;
    free(event);
    return CUDA_SUCCESS;
}
ALIAS(cuEventDestroy, cuEventDestroy_v2);

static CUresult record(CUevent event, CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (!handle_known(HANDLE_EVENT, event))
        return CUDA_ERROR_INVALID_HANDLE;
    event->recorded = use.key;
    event->order = pools_order();
    event->capture = use.capture;
    return CUDA_SUCCESS;
}

API CUresult cuEventRecord(CUevent event, CUstream stream)
{
    return record(event, stream, false);
}

API CUresult cuEventRecord_ptsz(CUevent event, CUstream stream)
{
    return record(event, stream, true);
}

API CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned int flags)
{
    return flags > 1 ? CUDA_ERROR_INVALID_VALUE : record(event, stream, false);
}

API CUresult cuEventRecordWithFlags_ptsz(CUevent event, CUstream stream, unsigned int flags)
{
    return flags > 1 ? CUDA_ERROR_INVALID_VALUE : record(event, stream, true);
}

static CUresult reach(CUevent event, void (*reached)(CUstream stream, uint64_t order))
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_EVENT, event))
        return CUDA_ERROR_INVALID_HANDLE;
    if (event->capture != NULL && capture_live(event->capture)) /* "an event that was last recorded inside a capture" */
        return CUDA_ERROR_CAPTURED_EVENT;
    if (event->recorded != NULL)
        reached(event->recorded == CU_STREAM_LEGACY ? NULL : event->recorded, event->order);
    return CUDA_SUCCESS;
}

API CUresult cuEventSynchronize(CUevent event)
{
    return reach(event, pools_synchronized);
}

API CUresult cuEventQuery(CUevent event)
{
    return reach(event, pools_complete);
}

API CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (milliseconds == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (!handle_known(HANDLE_EVENT, start) || !handle_known(HANDLE_EVENT, end) || start->recorded == NULL
        || end->recorded == NULL)
        return CUDA_ERROR_INVALID_HANDLE;
    *milliseconds = 0; /* everything takes no time here */
    return CUDA_SUCCESS;
}
ALIAS(cuEventElapsedTime_v2, cuEventElapsedTime);

static CUresult wait_event(CUstream stream, CUevent event, unsigned flags, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (flags > 1)
        return CUDA_ERROR_INVALID_VALUE;
    if (!handle_known(HANDLE_EVENT, event))
        return CUDA_ERROR_INVALID_HANDLE;
    /* A stream that waits for what is being captured is captured too (CUDA C++ programming guide, cross-stream
     * dependencies and events). */
    if (event->capture != NULL && use.capture == NULL && is_explicit(stream))
        capture_join(stream, event->capture);
    return CUDA_SUCCESS;
}

API CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags)
{
    return wait_event(stream, event, flags, false);
}

API CUresult cuStreamWaitEvent_ptsz(CUstream stream, CUevent event, unsigned int flags)
{
    return wait_event(stream, event, flags, true);
}

/* --- launches --------------------------------------------------------------------------------------------------- */

static CUresult launch_host(CUstream stream, CUhostFn function, void *data, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (function == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    if (use.capture != NULL)
        return capture_add(&use, CU_GRAPH_NODE_TYPE_HOST);
    function(data);
    return CUDA_SUCCESS;
}

API CUresult cuLaunchHostFunc(CUstream stream, CUhostFn function, void *data)
{
    return launch_host(stream, function, data, false);
}

API CUresult cuLaunchHostFunc_ptsz(CUstream stream, CUhostFn function, void *data)
{
    return launch_host(stream, function, data, true);
}

API CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                            unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int shared_bytes,
                            CUstream stream, void **parameters, void **extra)
{
    struct stream_use use;
    (void)function, (void)shared_bytes, (void)parameters, (void)extra;
    bool empty = grid_x == 0 || grid_y == 0 || grid_z == 0 || block_x == 0 || block_y == 0 || block_z == 0;
    if (driver_ready() && empty)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = stream_use(stream, false, &use);
    return result == CUDA_SUCCESS && use.capture != NULL ? capture_add(&use, CU_GRAPH_NODE_TYPE_KERNEL) : result;
}
ALIAS(cuLaunchKernel_ptsz, cuLaunchKernel);

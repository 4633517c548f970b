/* SPDX-License-Identifier: Apache-2.0 */
/* Stream capture (CUDA driver API, stream management): what is put into a capturing stream becomes a node instead. */
#include <pthread.h>
#include <stdlib.h>

#include "graph.h"
#include "pool.h"
#include "stream.h"

/* Never freed: events and other streams may still speak of it. */
struct capture {
    CUgraph graph;
    bool own_graph; /* made for it, not the program's */
    CUstream origin;
    CUstreamCaptureMode mode;
    pthread_t thread;
    bool invalid, ended;
    unsigned long long id;
    CUgraphNode *tail; /* what the next node depends on */
    size_t tail_count, tail_room;
    struct capture *next;
};

static struct {
    pthread_mutex_t lock;
    unsigned active; /* read without the lock: 0 means that nobody captures anything */
    struct capture *all, *past;
} captures = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

bool capture_live(const struct capture *capture)
{
    return !__atomic_load_n(&capture->ended, __ATOMIC_ACQUIRE);
}

/* The rules of cuThreadExchangeStreamCaptureMode. */
static bool in_the_way(const struct capture *capture)
{
    bool own = pthread_equal(capture->thread, pthread_self());
    if (own)
        return thread_mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED;
    return thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
}

bool capture_allows_unsafe_call(void)
{
    if (__builtin_expect(__atomic_load_n(&captures.active, __ATOMIC_ACQUIRE) == 0, 1))
        return true;
    bool allowed = true;
    pthread_mutex_lock(&captures.lock);
    for (struct capture *each = captures.all; each != NULL; each = each->next)
        if (!each->ended && in_the_way(each)) {
            each->invalid = true;
            allowed = false;
        }
    pthread_mutex_unlock(&captures.lock);
    return allowed;
}

/* --- adding what is captured ------------------------------------------------------------------------------------ */

static bool set_tail(struct capture *capture, const CUgraphNode *nodes, size_t count)
{
    if (capture->tail_room < count) {
        CUgraphNode *tail = realloc(capture->tail, count * sizeof *tail);
        if (tail == NULL)
            return false;
        capture->tail = tail;
        capture->tail_room = count;
    }
    for (size_t i = 0; i < count; i++)
        capture->tail[i] = nodes[i];
    capture->tail_count = count;
    return true;
}

static CUresult captured(struct capture *capture, CUresult result, CUgraphNode node)
{
    if (result == CUDA_SUCCESS && !set_tail(capture, &node, 1))
        result = CUDA_ERROR_OUT_OF_MEMORY;
    if (result != CUDA_SUCCESS)
        capture->invalid = true;
    return result;
}

CUresult capture_add(const struct stream_use *use, CUgraphNodeType type)
{
    CUgraphNode node = NULL;
    struct capture *capture = use->capture;
    pthread_mutex_lock(&captures.lock);
    CUresult result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!capture->invalid) {
        result = graph_add_node(&node, capture->graph, capture->tail, capture->tail_count, type);
        result = captured(capture, result, node);
    }
    pthread_mutex_unlock(&captures.lock);
    return result;
}

/* "the allocation is owned by the graph instead of the memory pool. The memory pool's properties are used to set the
 * node's creation parameters." */
CUresult capture_alloc(const struct stream_use *use, CUmemoryPool pool, CUdeviceptr *pointer, size_t bytes)
{
    CUgraphNode node = NULL;
    struct capture *capture = use->capture;
    CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = pool->props, .bytesize = bytes};
    params.poolProps.handleTypes = CU_MEM_HANDLE_TYPE_NONE;
    pthread_mutex_lock(&captures.lock);
    CUresult result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!capture->invalid) {
        result = graph_add_alloc(&node, capture->graph, capture->tail, capture->tail_count, &params);
        result = captured(capture, result, node);
    }
    pthread_mutex_unlock(&captures.lock);
    if (result == CUDA_SUCCESS)
        *pointer = params.dptr;
    return result;
}

/* "must therefore be passed the address of a graph allocation" */
CUresult capture_free(const struct stream_use *use, CUdeviceptr pointer)
{
    CUgraphNode node = NULL;
    struct capture *capture = use->capture;
    pthread_mutex_lock(&captures.lock);
    CUresult result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!capture->invalid) {
        result = graph_add_free(&node, capture->graph, capture->tail, capture->tail_count, pointer);
        result = captured(capture, result, node);
    }
    pthread_mutex_unlock(&captures.lock);
    return result;
}

CUresult capture_refuse(const struct stream_use *use)
{
    pthread_mutex_lock(&captures.lock);
    use->capture->invalid = true;
    pthread_mutex_unlock(&captures.lock);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

void capture_join(CUstream stream, struct capture *capture)
{
    if (capture_live(capture))
        __atomic_store_n(&stream->capture, capture, __ATOMIC_RELEASE);
}

/* --- beginning -------------------------------------------------------------------------------------------------- */

static CUresult begin(CUstream stream, bool per_thread, CUgraph graph, const CUgraphNode *tail, size_t count,
                      CUstreamCaptureMode mode)
{
    static unsigned long long ids;
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if ((unsigned)mode > CU_STREAM_CAPTURE_MODE_RELAXED || (graph != NULL && !graph_known(graph))
        || (tail == NULL && count != 0))
        return CUDA_ERROR_INVALID_VALUE;
    if (use.key == CU_STREAM_LEGACY) /* "Capture may not be initiated if stream is CU_STREAM_LEGACY." */
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (use.capture != NULL) /* "it may only be initiated if the stream is not already in capture mode" */
        return CUDA_ERROR_ILLEGAL_STATE;
    struct capture *capture = calloc(1, sizeof *capture);
    CUgraph into = capture != NULL && graph == NULL ? graph_new() : graph;
    if (into == NULL || !set_tail(capture, tail, count)) {
        free(capture);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    capture->graph = into;
    capture->own_graph = graph == NULL;
    capture->origin = use.key;
    capture->mode = mode;
    capture->thread = pthread_self();
    pthread_mutex_lock(&captures.lock);
    capture->id = ++ids;
    capture->next = captures.all;
    captures.all = capture;
    captures.active++;
    __atomic_store_n(&use.key->capture, capture, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&captures.lock);
    return CUDA_SUCCESS;
}

API CUresult cuStreamBeginCapture(CUstream stream)
{
    return begin(stream, false, NULL, NULL, 0, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

API CUresult cuStreamBeginCapture_ptsz(CUstream stream)
{
    return begin(stream, true, NULL, NULL, 0, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

API CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode)
{
    return begin(stream, false, NULL, NULL, 0, mode);
}

API CUresult cuStreamBeginCapture_v2_ptsz(CUstream stream, CUstreamCaptureMode mode)
{
    return begin(stream, true, NULL, NULL, 0, mode);
}

API CUresult cuStreamBeginCaptureToGraph(CUstream stream, CUgraph graph, const CUgraphNode *dependencies,
                                         const CUgraphEdgeData *edges, size_t count, CUstreamCaptureMode mode)
{
    (void)edges;
    return graph == NULL ? CUDA_ERROR_INVALID_VALUE : begin(stream, false, graph, dependencies, count, mode);
}

API CUresult cuStreamBeginCaptureToGraph_ptsz(CUstream stream, CUgraph graph, const CUgraphNode *dependencies,
                                              const CUgraphEdgeData *edges, size_t count, CUstreamCaptureMode mode)
{
    (void)edges;
    return graph == NULL ? CUDA_ERROR_INVALID_VALUE : begin(stream, true, graph, dependencies, count, mode);
}

/* --- ending ----------------------------------------------------------------------------------------------------- */

static void finish(struct capture *capture)
{
    __atomic_store_n(&capture->ended, true, __ATOMIC_RELEASE);
    __atomic_sub_fetch(&captures.active, 1, __ATOMIC_RELEASE);
    struct capture **link = &captures.all;
    while (*link != capture)
        link = &(*link)->next;
    *link = capture->next;
    capture->next = captures.past;
    captures.past = capture;
    free(capture->tail);
    capture->tail = NULL;
}

/* "Capture must have been initiated on hStream"; "If the mode argument to cuStreamBeginCapture was not
 * CU_STREAM_CAPTURE_MODE_RELAXED, this call must be from the same thread"; "If capture was invalidated ... a NULL graph
 * will be returned". Other streams that took part notice when they are next used. */
static CUresult end(CUstream stream, bool per_thread, CUgraph *graph)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (graph == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    struct capture *capture = use.capture;
    if (capture == NULL)
        return CUDA_ERROR_ILLEGAL_STATE;
    if (capture->origin != use.key)
        return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && !pthread_equal(capture->thread, pthread_self()))
        return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    pthread_mutex_lock(&captures.lock);
    bool invalid = capture->invalid;
    finish(capture);
    __atomic_store_n(&use.key->capture, NULL, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&captures.lock);
    if (invalid && capture->own_graph)
        cuGraphDestroy(capture->graph);
    *graph = invalid ? NULL : capture->graph;
    return invalid ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

API CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    return end(stream, false, graph);
}

API CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph *graph)
{
    return end(stream, true, graph);
}

void capture_forget_stream(CUstream stream)
{
    struct capture *capture = stream->capture;
    if (capture == NULL || !capture_live(capture) || capture->origin != stream)
        return;
    pthread_mutex_lock(&captures.lock);
    finish(capture);
    pthread_mutex_unlock(&captures.lock);
    if (capture->own_graph)
        cuGraphDestroy(capture->graph);
}

/* --- asking ----------------------------------------------------------------------------------------------------- */

static CUresult info(CUstream stream, bool per_thread, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
                     const CUgraphNode **dependencies, size_t *count)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (status == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    const struct capture *capture = use.capture;
    *status = capture == NULL    ? CU_STREAM_CAPTURE_STATUS_NONE
              : capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                 : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE)
        return CUDA_SUCCESS;
    if (id != NULL)
        *id = capture->id;
    if (graph != NULL)
        *graph = capture->graph;
    if (dependencies != NULL)
        *dependencies = capture->tail;
    if (count != NULL)
        *count = capture->tail_count;
    return CUDA_SUCCESS;
}

API CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status)
{
    return info(stream, false, status, NULL, NULL, NULL, NULL);
}

API CUresult cuStreamIsCapturing_ptsz(CUstream stream, CUstreamCaptureStatus *status)
{
    return info(stream, true, status, NULL, NULL, NULL, NULL);
}

API CUresult cuStreamGetCaptureInfo(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id)
{
    return info(stream, false, status, id, NULL, NULL, NULL);
}

API CUresult cuStreamGetCaptureInfo_ptsz(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id)
{
    return info(stream, true, status, id, NULL, NULL, NULL);
}

API CUresult cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
                                       const CUgraphNode **dependencies, size_t *count)
{
    return info(stream, false, status, id, graph, dependencies, count);
}

API CUresult cuStreamGetCaptureInfo_v2_ptsz(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id,
                                            CUgraph *graph, const CUgraphNode **dependencies, size_t *count)
{
    return info(stream, true, status, id, graph, dependencies, count);
}

API CUresult cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id, CUgraph *graph,
                                       const CUgraphNode **dependencies, const CUgraphEdgeData **edges, size_t *count)
{
    if (edges != NULL)
        *edges = NULL;
    return info(stream, false, status, id, graph, dependencies, count);
}

API CUresult cuStreamGetCaptureInfo_v3_ptsz(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id,
                                            CUgraph *graph, const CUgraphNode **dependencies,
                                            const CUgraphEdgeData **edges, size_t *count)
{
    if (edges != NULL)
        *edges = NULL;
    return info(stream, true, status, id, graph, dependencies, count);
}

API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (mode == NULL || (unsigned)*mode > CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    CUstreamCaptureMode before = thread_mode;
    thread_mode = *mode;
    *mode = before;
    return CUDA_SUCCESS;
}

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Graphs with allocation nodes: their memory comes when they are launched or uploaded. Where no graph of the process has
 * such a node, a launch costs one load more.
 */
#include "charged.h"
#include "export.h"
#include "graphs.h"
#include "lock.h"
#include "process.h"
#include "reservoir.h"
#include "resolve.h"

/* ------------------------------------------------------------ building */

static void allocation_node_comes(void)
{
    struct process *process = process_get();
    if (process != NULL)
        graphs_will_allocate(process);
}

gs_result cuGraphAddMemAllocNode(gs_object *node, gs_object graph, const gs_object *dependencies, size_t count,
                                 struct gs_alloc_node *params)
{
    cuGraphAddMemAllocNode_fn *real = DRIVER_REAL(cuGraphAddMemAllocNode);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (guard_enter()) {
        allocation_node_comes();
        guard_leave();
    }
    return real(node, graph, dependencies, count, params);
}

gs_result cuGraphAddNode(gs_object *node, gs_object graph, const gs_object *dependencies, size_t count,
                         struct gs_node_params *params)
{
    cuGraphAddNode_fn *real = DRIVER_REAL(cuGraphAddNode);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (params != NULL && params->type == GS_NODE_MEM_ALLOC && guard_enter()) {
        allocation_node_comes();
        guard_leave();
    }
    return real(node, graph, dependencies, count, params);
}

gs_result cuGraphAddNode_v2(gs_object *node, gs_object graph, const gs_object *dependencies, const void *edges,
                            size_t count, struct gs_node_params *params)
{
    cuGraphAddNode_v2_fn *real = DRIVER_REAL(cuGraphAddNode_v2);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    if (params != NULL && params->type == GS_NODE_MEM_ALLOC && guard_enter()) {
        allocation_node_comes();
        guard_leave();
    }
    return real(node, graph, dependencies, edges, count, params);
}

/* ------------------------------------------------------------ instantiating */

/* Whether this process has graphs that allocate, so that hooks have anything to do. If so, leave with guard_leave(). */
static struct process *begin(void)
{
    struct process *process = process_if_started();
    return process != NULL && graphs_allocate(process) && guard_enter() ? process : NULL;
}

/* A graph whose needs cannot be remembered could be launched uncounted. */
static gs_result instantiated(struct process *process, gs_result result, gs_object *executable, gs_object graph)
{
    if (result != GS_SUCCESS || executable == NULL || graphs_add(process, *executable, graph))
        return result;
    cuGraphExecDestroy_fn *destroy = DRIVER_REAL(cuGraphExecDestroy);
    if (destroy != NULL)
        destroy(*executable);
    return GS_OUT_OF_MEMORY;
}

/* With a place for what was wrong, of which the two versions make the same. */
static gs_result instantiate(cuGraphInstantiate_fn *real, gs_object *executable, gs_object graph, gs_object *error_node,
                             char *log, size_t size)
{
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = begin();
    gs_result result = real(executable, graph, error_node, log, size);
    if (process == NULL)
        return result;
    result = instantiated(process, result, executable, graph);
    guard_leave();
    return result;
}

gs_result cuGraphInstantiate(gs_object *executable, gs_object graph, gs_object *error_node, char *log, size_t size)
{
    return instantiate(DRIVER_REAL(cuGraphInstantiate), executable, graph, error_node, log, size);
}

gs_result cuGraphInstantiate_v2(gs_object *executable, gs_object graph, gs_object *error_node, char *log, size_t size)
{
    return instantiate(DRIVER_REAL(cuGraphInstantiate_v2), executable, graph, error_node, log, size);
}

gs_result cuGraphInstantiateWithFlags(gs_object *executable, gs_object graph, unsigned long long flags)
{
    cuGraphInstantiateWithFlags_fn *real = DRIVER_REAL(cuGraphInstantiateWithFlags);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = begin();
    gs_result result = real(executable, graph, flags);
    if (process == NULL)
        return result;
    result = instantiated(process, result, executable, graph);
    guard_leave();
    return result;
}

/* An upload that is part of the instantiation is made one of its own, so that it can be refused before it takes memory. */
static gs_result instantiate_with(cuGraphInstantiateWithParams_fn *real, cuGraphUpload_fn *upload,
                                  gs_object *executable, gs_object graph, struct gs_instantiate_params *params)
{
    struct process *process = params == NULL ? NULL : begin();
    if (process == NULL)
        return real(executable, graph, params);
    guard_leave();
    bool uploads = upload != NULL && (params->flags & GS_INSTANTIATE_UPLOAD);
    if (uploads)
        params->flags &= ~(uint64_t)GS_INSTANTIATE_UPLOAD;
    gs_result result = real(executable, graph, params);
    result = instantiated(process, result, executable, graph);
    if (uploads) {
        params->flags |= GS_INSTANTIATE_UPLOAD;
        if (result == GS_SUCCESS && executable != NULL)
            result = upload(*executable, params->stream);
    }
    return result;
}

gs_result cuGraphInstantiateWithParams(gs_object *executable, gs_object graph, struct gs_instantiate_params *params)
{
    cuGraphInstantiateWithParams_fn *real = DRIVER_REAL(cuGraphInstantiateWithParams);
    return real == NULL ? GS_NOT_INITIALIZED : instantiate_with(real, cuGraphUpload, executable, graph, params);
}

gs_result cuGraphInstantiateWithParams_ptsz(gs_object *executable, gs_object graph,
                                            struct gs_instantiate_params *params)
{
    cuGraphInstantiateWithParams_ptsz_fn *real = DRIVER_REAL(cuGraphInstantiateWithParams_ptsz);
    return real == NULL ? GS_NOT_INITIALIZED : instantiate_with(real, cuGraphUpload_ptsz, executable, graph, params);
}

/* ------------------------------------------------------------ launching */

static gs_result launch(cuGraphLaunch_fn *real, gs_object executable, gs_object stream)
{
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = begin();
    if (process == NULL)
        return real(executable, stream);
    struct graphs_launch launching;
    gs_result result = GS_OUT_OF_MEMORY;
    if (graphs_launch_begin(config_get(), process, executable, &launching)) {
        result = real(executable, stream);
        graphs_launch_end(config_get(), process, executable, &launching, result);
    }
    guard_leave();
    return result;
}

gs_result cuGraphLaunch(gs_object executable, gs_object stream)
{
    return launch(DRIVER_REAL(cuGraphLaunch), executable, stream);
}

gs_result cuGraphLaunch_ptsz(gs_object executable, gs_object stream)
{
    return launch(DRIVER_REAL(cuGraphLaunch_ptsz), executable, stream);
}

gs_result cuGraphUpload(gs_object executable, gs_object stream)
{
    return launch(DRIVER_REAL(cuGraphUpload), executable, stream);
}

gs_result cuGraphUpload_ptsz(gs_object executable, gs_object stream)
{
    return launch(DRIVER_REAL(cuGraphUpload_ptsz), executable, stream);
}

/* ------------------------------------------------------------ giving back */

gs_result cuGraphExecDestroy(gs_object executable)
{
    cuGraphExecDestroy_fn *real = DRIVER_REAL(cuGraphExecDestroy);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = begin();
    if (process == NULL)
        return real(executable);
    graphs_remove(process, executable); /* before: the driver may hand out the same handle at once */
    gs_result result = real(executable);
    graphs_settle_every(config_get(), process);
    guard_leave();
    return result;
}

gs_result cuDeviceGraphMemTrim(gs_device device)
{
    cuDeviceGraphMemTrim_fn *real = DRIVER_REAL(cuDeviceGraphMemTrim);
    if (real == NULL)
        return GS_NOT_INITIALIZED;
    struct process *process = begin();
    if (process == NULL)
        return real(device);
    graphs_trimmed(process);
    gs_result result = real(device);
    graphs_settle_every(config_get(), process);
    guard_leave();
    return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs with memory nodes, built by hand and by capture. */
#include "world.h"

#undef cuGraphAddNode

#define GRAPHS 8

static void destroy_graph(struct world *world)
{
    CUgraph graph = any_of(world, &world->graphs);
    did(world, cuGraphDestroy(graph), "cuGraphDestroy(%p)", (void *)graph);
    drop(&world->graphs, graph);
}

static void keep_graph(struct world *world, CUgraph graph)
{
    while (world->graphs.count >= GRAPHS)
        destroy_graph(world);
    bag_add(world, &world->graphs, graph);
}

/* It dies with its graph, and who frees it after that frees what may be another's, and not yet known to be. */
static void keep_pointer(struct world *world, CUdeviceptr pointer)
{
    if (!world->alone)
        return;
    while (world->pointers.count >= BAG - 2)
        free_pointer(world, bag_any(world, &world->pointers));
    bag_add(world, &world->pointers, (void *)(uintptr_t)pointer);
}

static CUresult add_allocation(struct world *world, CUgraph graph, CUgraphNode *node, CUdeviceptr *pointer)
{
    size_t bytes = some_size(world);
    int device = some_device(world);
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED, .location = {CU_MEM_LOCATION_TYPE_DEVICE, device}};
    CUresult result;
    if (one_in(world, 3)) {
        CUgraphNodeParams params = {.type = CU_GRAPH_NODE_TYPE_MEM_ALLOC, .alloc = {.poolProps = props, .bytesize = bytes}};
        result = one_in(world, 2) ? cuGraphAddNode_v2(node, graph, NULL, NULL, 0, &params)
                                  : cuGraphAddNode(node, graph, NULL, 0, &params);
        *pointer = params.alloc.dptr;
    } else {
        CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = props, .bytesize = bytes};
        result = cuGraphAddMemAllocNode(node, graph, NULL, 0, &params);
        *pointer = params.dptr;
    }
    return did(world, result, "add an allocation node of %#zx on %d to %p: %#llx", bytes, device, (void *)graph, *pointer);
}

static void build(struct world *world)
{
    CUgraph graph, child;
    CUgraphNode node, other;
    CUdeviceptr pointer;
    if (did(world, cuGraphCreate(&graph, 0), "cuGraphCreate()") != CUDA_SUCCESS)
        return;
    for (unsigned i = 1 + pick(world, 3); i > 0; i--) {
        if (add_allocation(world, graph, &node, &pointer) != CUDA_SUCCESS)
            continue;
        if (one_in(world, 2))
            did(world, cuGraphAddMemFreeNode(&other, graph, &node, 1, pointer), "cuGraphAddMemFreeNode(%#llx)", pointer);
        else
            keep_pointer(world, pointer);
    }
    if (one_in(world, 6) && cuGraphCreate(&child, 0) == CUDA_SUCCESS) {
        if (add_allocation(world, child, &node, &pointer) == CUDA_SUCCESS) {
            cuGraphAddMemFreeNode(&other, child, &node, 1, pointer);
            CUgraphNodeParams params = {.type = CU_GRAPH_NODE_TYPE_GRAPH,
                                        .graph = {child, CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE}};
            CUresult result = did(world, cuGraphAddNode_v2(&node, graph, NULL, NULL, 0, &params), "add a child graph");
            child = result == CUDA_SUCCESS ? NULL : child;
        }
        if (child != NULL)
            cuGraphDestroy(child);
    }
    if (one_in(world, 10))
        did(world, cuGraphDestroyNode(node), "cuGraphDestroyNode()");
    keep_graph(world, graph);
}

static void instantiate(struct world *world)
{
    CUgraph graph = any_of(world, &world->graphs);
    CUgraphExec executable;
    unsigned flags = one_in(world, 3) ? CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH : 0;
    CUresult result;
    if (world->executables.count >= GRAPHS)
        return;
    if (one_in(world, 4)) {
        CUDA_GRAPH_INSTANTIATE_PARAMS params = {.flags = flags | CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD,
                                                .hUploadStream = some_stream(world)};
        result = did(world, cuGraphInstantiateWithParams(&executable, graph, &params),
                     "cuGraphInstantiateWithParams(%p, %#x with upload)", (void *)graph, flags);
    } else {
        result = did(world, cuGraphInstantiateWithFlags(&executable, graph, flags), "cuGraphInstantiateWithFlags(%p, %#x)",
                     (void *)graph, flags);
    }
    if (result == CUDA_SUCCESS)
        bag_add(world, &world->executables, executable);
}

static void launch(struct world *world)
{
    CUgraphExec executable = any_of(world, &world->executables);
    CUstream stream = some_stream(world);
    switch (pick(world, 5)) {
    case 0: did(world, cuGraphUpload(executable, stream), "cuGraphUpload(%p)", (void *)executable); break;
    case 1: did(world, cuGraphLaunch_ptsz(executable, stream), "cuGraphLaunch_ptsz(%p)", (void *)executable); break;
    default: did(world, cuGraphLaunch(executable, stream), "cuGraphLaunch(%p)", (void *)executable); break;
    }
}

static void destroy_executable(struct world *world)
{
    CUgraphExec executable = any_of(world, &world->executables);
    did(world, cuGraphExecDestroy(executable), "cuGraphExecDestroy(%p)", (void *)executable);
    drop(&world->executables, executable);
}

static void trim(struct world *world)
{
    CUdevice device = some_device(world);
    did(world, cuDeviceGraphMemTrim(device), "cuDeviceGraphMemTrim(%d)", device);
}

/* ------------------------------------------------------------ capture */

static void begin_capture(struct world *world)
{
    CUstream stream = any_of(world, &world->streams);
    CUstreamCaptureMode mode = one_in(world, 4) ? (CUstreamCaptureMode)pick(world, 3) : CU_STREAM_CAPTURE_MODE_RELAXED;
    if (world->capturing != NULL || stream == NULL)
        return;
    if (did(world, cuStreamBeginCapture_v2(stream, mode), "cuStreamBeginCapture_v2(%p, %d)", (void *)stream, mode)
        == CUDA_SUCCESS) {
        world->capturing = stream;
        world->captured = 0;
    }
}

void end_capture(struct world *world)
{
    CUgraph graph = NULL;
    if (world->capturing == NULL)
        return;
    CUresult result = did(world, cuStreamEndCapture(world->capturing, &graph), "cuStreamEndCapture(%p)",
                          (void *)world->capturing);
    world->capturing = NULL;
    if (result == CUDA_SUCCESS && graph != NULL)
        keep_graph(world, graph);
}

static void capture(struct world *world)
{
    CUdeviceptr pointer;
    if (world->capturing == NULL) {
        begin_capture(world);
        return;
    }
    if (++world->captured > 12 || one_in(world, 5)) {
        end_capture(world);
        return;
    }
    size_t bytes = some_size(world);
    if (did(world, cuMemAllocAsync(&pointer, bytes, world->capturing), "cuMemAllocAsync(%#zx) captured", bytes)
        != CUDA_SUCCESS)
        return;
    if (one_in(world, 2))
        did(world, cuMemFreeAsync(pointer, world->capturing), "cuMemFreeAsync(%#llx) captured", pointer);
    else
        keep_pointer(world, pointer);
}

const struct operation graph_operations[] = {
    {"graph-build", 10, build, false},
    {"graph-instantiate", 14, instantiate, false},
    {"graph-launch", 40, launch, false},
    {"graph-exec-destroy", 8, destroy_executable, false},
    {"graph-destroy", 4, destroy_graph, false},
    {"graph-trim", 6, trim, false},
    {"capture", 24, capture, false},
    {NULL, 0, NULL, false},
};

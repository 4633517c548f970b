/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of graphs, on a card of 64 MiB with chunks of 2 MiB. */
#include "check.h"

#include <cuda.h>
#include <pthread.h>

static CUcontext context;
static CUstream stream;

static size_t available(void)
{
    size_t free_bytes, total;
    CHECK_EQ(cuMemGetInfo(&free_bytes, &total), CUDA_SUCCESS);
    return free_bytes;
}

static unsigned long long attribute(CUgraphMem_attribute which)
{
    cuuint64_t value = 0;
    CHECK_EQ(cuDeviceGetGraphMemAttribute(0, which, &value), CUDA_SUCCESS);
    return value;
}

static CUgraph new_graph(void)
{
    CUgraph graph;
    CHECK_EQ(cuGraphCreate(&graph, 0), CUDA_SUCCESS);
    return graph;
}

static CUDA_MEM_ALLOC_NODE_PARAMS of(size_t bytes)
{
    return (CUDA_MEM_ALLOC_NODE_PARAMS){
        .poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}},
        .bytesize = bytes};
}

static CUdeviceptr add_alloc(CUgraph graph, CUgraphNode *node, size_t bytes)
{
    CUDA_MEM_ALLOC_NODE_PARAMS params = of(bytes);
    CHECK_EQ(cuGraphAddMemAllocNode(node, graph, NULL, 0, &params), CUDA_SUCCESS);
    return params.dptr;
}

static CUgraphExec executable(CUgraph graph, unsigned long long flags)
{
    CUgraphExec exec;
    CHECK_EQ(cuGraphInstantiate(&exec, graph, flags), CUDA_SUCCESS);
    return exec;
}

static void memoryComesWithTheLaunchAndStaysUntilTheTrim(void)
{
    CUgraphNode alloc, dealloc;
    CUgraph graph = new_graph();
    CUdeviceptr p = add_alloc(graph, &alloc, 3 * MIB);
    CHECK_EQ(cuGraphAddMemFreeNode(&dealloc, graph, &alloc, 1, p), CUDA_SUCCESS);
    CUgraphExec exec = executable(graph, 0);
    CHECK_EQ(available(), 64 * MIB);
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 60 * MIB);
    CHECK_EQ(attribute(CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT), 4 * MIB);
    CHECK_EQ(attribute(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT), 3 * MIB); /* mapped by the executable graph */
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 60 * MIB); /* the same again */
    CHECK_EQ(cuMemFree(p), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
    CHECK_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
    CHECK_EQ(available(), 60 * MIB); /* destroying gives nothing back */
    CHECK_EQ(attribute(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT), 0);
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
    CHECK_EQ(attribute(CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH), 4 * MIB);
    cuuint64_t zero = 0, one = 1;
    CHECK_EQ(cuDeviceSetGraphMemAttribute(0, CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH, &one), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuDeviceSetGraphMemAttribute(0, CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH, &zero), CUDA_SUCCESS);
    CHECK_EQ(attribute(CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH), 0);
}

static void whatAGraphLeavesAllocatedIsFreedByCalls(void)
{
    CUgraphNode node;
    CUgraph graph = new_graph();
    CUdeviceptr a = add_alloc(graph, &node, 2 * MIB), b = add_alloc(graph, &node, 2 * MIB);
    CUgraphExec exec = executable(graph, 0);
    CHECK_EQ(cuMemFree(a), CUDA_ERROR_INVALID_VALUE); /* an address without memory yet */
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemcpyHtoD(a, "hello", 6), CUDA_SUCCESS);
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_ERROR_INVALID_VALUE); /* unfreed from the last launch */
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 60 * MIB);
    CHECK_EQ(cuMemFree(a), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(b, stream), CUDA_SUCCESS);
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 60 * MIB);
    CHECK_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(a), CUDA_SUCCESS); /* it outlived its graph */
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB);
    CHECK_EQ(cuMemFreeAsync(b, stream), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void autoFreeMakesEachLaunchFreeWhatTheLastOneLeft(void)
{
    CUgraphNode node;
    CUgraph graph = new_graph();
    cuuint64_t flags;
    CUdeviceptr p = add_alloc(graph, &node, 2 * MIB);
    CUgraphExec exec = executable(graph, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
    CHECK_EQ(cuGraphExecGetFlags(exec, &flags), CUDA_SUCCESS);
    CHECK_EQ(flags, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB);
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    CHECK_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
}

static void anotherGraphMayFreeIt(void)
{
    CUgraphNode alloc, node;
    CUgraph one = new_graph(), two = new_graph();
    CUdeviceptr p = add_alloc(one, &alloc, 2 * MIB);
    CHECK_EQ(cuGraphAddMemFreeNode(&node, two, NULL, 0, p), CUDA_SUCCESS);
    CHECK_EQ(cuGraphAddMemFreeNode(&node, two, NULL, 0, p), CUDA_ERROR_INVALID_VALUE);      /* twice in one graph */
    CHECK_EQ(cuGraphAddMemFreeNode(&node, one, &alloc, 1, p), CUDA_ERROR_INVALID_VALUE);    /* and in the owner too */
    CHECK_EQ(cuGraphAddMemFreeNode(&node, two, NULL, 0, p + 1), CUDA_ERROR_INVALID_VALUE);
    CUgraphExec first = executable(one, 0), second = executable(two, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(cuGraphLaunch(first, stream), CUDA_SUCCESS);
        CHECK_EQ(cuGraphLaunch(second, stream), CUDA_SUCCESS);
    }
    CHECK_EQ(cuGraphDestroy(one), CUDA_SUCCESS); /* executable graphs do without their graphs */
    CHECK_EQ(cuGraphLaunch(first, stream), CUDA_SUCCESS);
    CHECK_EQ(cuGraphLaunch(second, stream), CUDA_SUCCESS);
    CHECK_EQ(cuGraphExecDestroy(first), CUDA_SUCCESS);
    CHECK_EQ(cuGraphExecDestroy(second), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(two), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void graphsWithMemoryAreRestrictedAsDocumented(void)
{
    CUgraphNode node, child_node;
    CUgraph graph = new_graph(), parent = new_graph(), clone;
    CUgraphExec exec;
    CUgraphNodeParams child = {.type = CU_GRAPH_NODE_TYPE_GRAPH};
    add_alloc(graph, &node, MIB);
    CHECK_EQ(cuGraphClone(&clone, graph), CUDA_ERROR_NOT_SUPPORTED);
    CHECK_EQ(cuGraphDestroyNode(node), CUDA_ERROR_NOT_SUPPORTED);
    CHECK_EQ(cuGraphAddChildGraphNode(&child_node, parent, NULL, 0, graph), CUDA_ERROR_NOT_SUPPORTED);
    exec = executable(graph, 0);
    CHECK_EQ(cuGraphInstantiate(&exec, graph, 0), CUDA_ERROR_INVALID_VALUE); /* one at a time */
    CHECK_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
    child.graph.graph = graph;
    child.graph.ownership = CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE;
    CHECK_EQ(cuGraphAddNode(&child_node, parent, NULL, NULL, 0, &child), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_ERROR_INVALID_VALUE); /* the parent's now */
    exec = executable(parent, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB);
    CUDA_MEM_ALLOC_NODE_PARAMS params;
    CHECK_EQ(cuGraphMemAllocNodeGetParams(node, &params), CUDA_SUCCESS);
    CHECK_EQ(params.bytesize, MIB);
    CHECK_EQ(cuMemFree(params.dptr), CUDA_SUCCESS);
    CHECK_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(parent), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void aLaunchThatFindsNoRoomLeavesNothing(void)
{
    CUgraphNode node;
    CUgraph graph = new_graph();
    CUdeviceptr plain;
    add_alloc(graph, &node, 30 * MIB);
    add_alloc(graph, &node, 30 * MIB);
    CUgraphExec exec = executable(graph, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
    CHECK_EQ(cuMemAlloc(&plain, 20 * MIB), CUDA_SUCCESS);
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_ERROR_OUT_OF_MEMORY);
    CHECK_EQ(cuMemFree(plain), CUDA_SUCCESS);
    CHECK_EQ(cuGraphUpload(exec, stream), CUDA_SUCCESS); /* "performing all mappings for that graph immediately" */
    CHECK_EQ(available(), 4 * MIB);
    CHECK_EQ(cuMemAlloc(&plain, 50 * MIB), CUDA_SUCCESS); /* idle graph memory gives way */
    CHECK_EQ(cuMemFree(plain), CUDA_SUCCESS);
    CHECK_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

/* --- capture ---------------------------------------------------------------------------------------------------- */

static void capturedAllocationsBecomeNodes(void)
{
    CUdeviceptr a, b, plain;
    CUgraph graph;
    CUgraphNode nodes[8];
    CUgraphNodeType type;
    size_t count = 8;
    CHECK_EQ(cuMemAllocAsync(&plain, MIB, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB);
    CHECK_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocAsync(&a, 4 * MIB, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemsetD8Async(a, 1, 10, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocAsync(&b, 4 * MIB, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(a, stream), CUDA_SUCCESS);
    CHECK_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS);
    CHECK_EQ(available(), 62 * MIB);
    CHECK_EQ(cuGraphGetNodes(graph, nodes, &count), CUDA_SUCCESS);
    CHECK_EQ(count, 4);
    CHECK_EQ(cuGraphNodeGetType(nodes[0], &type), CUDA_SUCCESS);
    CHECK_EQ(type, CU_GRAPH_NODE_TYPE_MEM_ALLOC);
    CHECK_EQ(cuGraphNodeGetType(nodes[3], &type), CUDA_SUCCESS);
    CHECK_EQ(type, CU_GRAPH_NODE_TYPE_MEM_FREE);
    CUgraphExec exec = executable(graph, 0);
    CHECK_EQ(cuGraphLaunch(exec, stream), CUDA_SUCCESS);
    CHECK_EQ(available(), 54 * MIB);
    CHECK_EQ(cuMemFreeAsync(b, stream), CUDA_SUCCESS);
    CHECK_EQ(cuMemFreeAsync(plain, stream), CUDA_SUCCESS);
    CHECK_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
    CHECK_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

static void *allocate_elsewhere(void *result)
{
    CUdeviceptr p;
    cuCtxSetCurrent(context);
    *(CUresult *)result = cuMemAlloc(&p, MIB);
    if (*(CUresult *)result == CUDA_SUCCESS)
        cuMemFree(p);
    return NULL;
}

static CUresult allocated_elsewhere(void)
{
    CUresult result;
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, allocate_elsewhere, &result), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return result;
}

static void unsafeCallsInvalidateACapture(void)
{
    CUdeviceptr p;
    CUgraph graph;
    CUstreamCaptureStatus status;
    CUstreamCaptureMode relaxed = CU_STREAM_CAPTURE_MODE_RELAXED;
    CHECK_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), CUDA_SUCCESS);
    CHECK_EQ(allocated_elsewhere(), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc(&p, MIB), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    CHECK_EQ(cuStreamIsCapturing(stream, &status), CUDA_SUCCESS);
    CHECK_EQ(status, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    CHECK_EQ(cuMemAllocAsync(&p, MIB, stream), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK(graph == NULL);
    CHECK_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
    CHECK_EQ(allocated_elsewhere(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    CHECK_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
    CHECK_EQ(cuThreadExchangeStreamCaptureMode(&relaxed), CUDA_SUCCESS);
    CHECK_EQ(cuMemAlloc(&p, MIB), CUDA_SUCCESS);
    CHECK_EQ(cuMemFree(p), CUDA_SUCCESS);
    CHECK_EQ(cuThreadExchangeStreamCaptureMode(&relaxed), CUDA_SUCCESS);
    CHECK_EQ(cuStreamSynchronize(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    CHECK_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_ILLEGAL_STATE);
    CHECK_EQ(cuStreamBeginCapture(NULL, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    CHECK_EQ(available(), 64 * MIB);
}

static void aStreamThatWaitsForACapturedEventIsCapturedToo(void)
{
    CUstream other;
    CUevent event;
    CUdeviceptr p;
    CUgraph graph;
    size_t count;
    CHECK_EQ(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    CHECK_EQ(cuEventCreate(&event, 0), CUDA_SUCCESS);
    CHECK_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED), CUDA_SUCCESS);
    CHECK_EQ(cuEventRecord(event, stream), CUDA_SUCCESS);
    CHECK_EQ(cuEventQuery(event), CUDA_ERROR_CAPTURED_EVENT);
    CHECK_EQ(cuStreamWaitEvent(other, event, 0), CUDA_SUCCESS);
    CHECK_EQ(cuMemAllocAsync(&p, MIB, other), CUDA_SUCCESS);
    CHECK_EQ(cuStreamEndCapture(other, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
    CHECK_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS);
    CHECK_EQ(cuGraphGetNodes(graph, NULL, &count), CUDA_SUCCESS);
    CHECK_EQ(count, 1);
    CHECK_EQ(cuMemAllocAsync(&p, MIB, other), CUDA_SUCCESS); /* captured no more */
    CHECK_EQ(cuMemFreeAsync(p, other), CUDA_SUCCESS);
    CHECK_EQ(cuStreamSynchronize(other), CUDA_SUCCESS);
    CHECK_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
    CHECK_EQ(cuStreamDestroy(other), CUDA_SUCCESS);
    CHECK_EQ(cuStreamDestroy(other), CUDA_ERROR_INVALID_HANDLE);
    CHECK_EQ(cuEventDestroy(event), CUDA_SUCCESS);
    CHECK_EQ(available(), 64 * MIB);
}

int main(void)
{
    setenv("FAKECUDA_MEMORY", "64M", 1);
    CHECK_EQ(cuInit(0), CUDA_SUCCESS);
    CHECK_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
    CHECK_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
    CHECK_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
    RUN(memoryComesWithTheLaunchAndStaysUntilTheTrim);
    RUN(whatAGraphLeavesAllocatedIsFreedByCalls);
    RUN(autoFreeMakesEachLaunchFreeWhatTheLastOneLeft);
    RUN(anotherGraphMayFreeIt);
    RUN(graphsWithMemoryAreRestrictedAsDocumented);
    RUN(aLaunchThatFindsNoRoomLeavesNothing);
    RUN(capturedAllocationsBecomeNodes);
    RUN(unsafeCallsInvalidateACapture);
    RUN(aStreamThatWaitsForACapturedEventIsCapturedToo);
    return 0;
}

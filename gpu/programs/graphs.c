/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs: each block is an allocation node, launched, and freed outside its graph. */
#include "driver.h"
#include "scenario.h"

static int launch(CUgraph graph, CUgraphExec *exec, struct block *block, size_t bytes)
{
    CUgraphNode node;
    CUDA_MEM_ALLOC_NODE_PARAMS parameters = {
        .poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED, .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}},
        .bytesize = bytes};
    int code = driver.cuGraphAddMemAllocNode(&node, graph, NULL, 0, &parameters);
    if (code != 0 || (code = driver.cuGraphInstantiateWithFlags(exec, graph, 0)) != 0)
        return code;
    if ((code = driver.cuGraphLaunch(*exec, NULL)) == 0)
        code = driver.cuCtxSynchronize();
    if (code != 0)
        driver.cuGraphExecDestroy(*exec);
    block->address = parameters.dptr;
    block->bytes = bytes;
    return code;
}

static int take(struct block *block, size_t bytes)
{
    CUgraph graph;
    CUgraphExec exec;
    int code = driver.cuGraphCreate(&graph, 0);
    if (code != 0)
        return code;
    if ((code = launch(graph, &exec, block, bytes)) != 0) {
        driver.cuGraphDestroy(graph);
        return code;
    }
    block->object = exec;
    block->parent = graph;
    return 0;
}

static int give(struct block *block)
{
    int code = driver.cuMemFree(block->address);
    int exec = driver.cuGraphExecDestroy(block->object), graph = driver.cuGraphDestroy(block->parent);
    return code != 0 ? code : exec != 0 ? exec : graph;
}

static int settle(void)
{
    int code = driver.cuCtxSynchronize();
    return code != 0 ? code : (int)driver.cuDeviceGraphMemTrim(0);
}

const struct family graph_family = {.name = "graph", .take = take, .give = give, .settle = settle};

/* SPDX-License-Identifier: Apache-2.0 */
/* Executable graphs: what a graph's memory nodes do when it is launched (CUDA driver API, graph management). */
#include <stdlib.h>

#include "graph.h"
#include "handles.h"
#include "pool.h"
#include "stream.h"

struct step {
    bool frees;
    struct graph_memory *memory;
};

/* Has references to all memory it speaks of: its graph may go. */
struct CUgraphExec_st {
    CUgraph graph; /* NULL if that has no memory nodes, or is gone */
    unsigned long long flags;
    struct step *steps; /* in an order that respects every edge */
    size_t count, room;
};

void graph_exec_forget(CUgraphExec exec)
{
    exec->graph = NULL;
}

/* --- instantiating ---------------------------------------------------------------------------------------------- */

static bool done(const CUgraphNode *order, size_t count, CUgraphNode node)
{
    for (size_t i = 0; i < count; i++)
        if (order[i] == node)
            return true;
    return false;
}

static bool ready(const CUgraphNode *order, size_t count, CUgraphNode node)
{
    for (size_t i = 0; i < node->count; i++)
        if (!done(order, count, node->dependencies[i]))
            return false;
    return true;
}

static bool add_step(CUgraphExec exec, CUgraphNode node)
{
    if (exec->count == exec->room) {
        size_t room = 2 * exec->room + 16;
        struct step *steps = realloc(exec->steps, room * sizeof *steps);
        if (steps == NULL)
            return false;
        exec->steps = steps;
        exec->room = room;
    }
    exec->steps[exec->count++] = (struct step){node->type == CU_GRAPH_NODE_TYPE_MEM_FREE, node->memory};
    node->memory->references++;
    return true;
}

/* False: the edges run in a circle, or there is no memory. */
static bool add_steps(CUgraphExec exec, CUgraph graph)
{
    size_t count = 0, total = 0;
    for (CUgraphNode node = graph->nodes; node != NULL; node = node->next)
        total++;
    CUgraphNode *order = malloc((total + 1) * sizeof *order);
    bool good = order != NULL;
    while (good && count < total) {
        size_t before = count;
        for (CUgraphNode node = graph->nodes; good && node != NULL; node = node->next) {
            if (done(order, count, node) || !ready(order, count, node))
                continue;
            order[count++] = node;
            good = (node->memory == NULL || add_step(exec, node)) && (node->child == NULL || add_steps(exec, node->child));
        }
        good = good && count != before;
    }
    free(order);
    return good;
}

static void free_exec(CUgraphExec exec)
{
    for (size_t i = 0; i < exec->count; i++)
        graph_memory_drop(exec->steps[i].memory);
    free(exec->steps);
    free(exec);
}

/* "a graph containing memory allocation nodes"; "[DEVICE_LAUNCH] cannot be used in conjunction with
 * CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH", nor with memory nodes; "If hGraph contains any allocation or free
 * nodes, there can be at most one executable graph in existence for that graph at a time." */
static CUresult check(CUgraph graph, unsigned long long flags)
{
    bool on_device = (flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) != 0;
    if (flags > 15 || (on_device && (flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0))
        return CUDA_ERROR_INVALID_VALUE;
    if (on_device && graph->has_memory)
        return CUDA_ERROR_NOT_SUPPORTED;
    return graph->exec != NULL ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

static CUresult upload(CUgraphExec exec, CUstream stream, bool per_thread);

static CUresult instantiate(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (exec == NULL || !graph_known(graph))
        return CUDA_ERROR_INVALID_VALUE;
    struct CUgraphExec_st *new = calloc(1, sizeof *new);
    if (new == NULL || !handle_add(HANDLE_EXEC, new)) {
        free(new);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    pools_lock();
    CUresult result = check(graph, flags);
    if (result == CUDA_SUCCESS && !add_steps(new, graph))
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS) {
        new->flags = flags & ~(unsigned long long)CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD;
        if (graph->has_memory) {
            new->graph = graph;
            graph->exec = new;
        }
        graph_memory_count_exec(+1);
        *exec = new;
    } else {
        handle_remove(HANDLE_EXEC, new);
        free_exec(new);
    }
    pools_unlock();
    return result;
}

API CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
    /* CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD is for cuGraphInstantiateWithParams, which has a stream for it. */
    return (flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD) != 0 ? CUDA_ERROR_INVALID_VALUE : instantiate(exec, graph, flags);
}

API CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *error_node, char *log, size_t log_size)
{
    if (error_node != NULL)
        *error_node = NULL;
    if (log != NULL && log_size != 0)
        *log = '\0';
    return instantiate(exec, graph, 0);
}
ALIAS(cuGraphInstantiate_v2, cuGraphInstantiate);

static CUresult instantiate_with(CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params, bool per_thread)
{
    if (driver_ready() && params == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    CUresult result = instantiate(exec, graph, driver_ready() ? params->flags : 0);
    if (!driver_ready())
        return result;
    if (result == CUDA_SUCCESS && (params->flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD) != 0)
        result = upload(*exec, params->hUploadStream, per_thread);
    params->hErrNode_out = NULL;
    params->result_out = result == CUDA_SUCCESS ? CUDA_GRAPH_INSTANTIATE_SUCCESS : CUDA_GRAPH_INSTANTIATE_ERROR;
    return result;
}

API CUresult cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params)
{
    return instantiate_with(exec, graph, params, false);
}

API CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *exec, CUgraph graph, CUDA_GRAPH_INSTANTIATE_PARAMS *params)
{
    return instantiate_with(exec, graph, params, true);
}

API CUresult cuGraphExecGetFlags(CUgraphExec exec, cuuint64_t *flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_EXEC, exec) || flags == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = exec->flags;
    return CUDA_SUCCESS;
}

/* What it has allocated stays allocated, and what it used stays reserved. */
API CUresult cuGraphExecDestroy(CUgraphExec exec)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_remove(HANDLE_EXEC, exec))
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    if (exec->graph != NULL)
        exec->graph->exec = NULL;
    graph_memory_count_exec(-1);
    free_exec(exec);
    pools_unlock();
    return CUDA_SUCCESS;
}

/* --- launching -------------------------------------------------------------------------------------------------- */

static void end_all(CUgraphExec exec, size_t count, CUstream stream)
{
    for (size_t i = 0; i < count; i++)
        if (!exec->steps[i].frees)
            graph_memory_end(exec->steps[i].memory, stream);
}

static bool any_live(CUgraphExec exec)
{
    for (size_t i = 0; i < exec->count; i++)
        if (!exec->steps[i].frees && exec->steps[i].memory->live)
            return true;
    return false;
}

static bool begin(struct graph_memory *memory)
{
    return graph_memory_begin(memory) || (pools_give_way_locked(memory->device) && graph_memory_begin(memory));
}

static CUresult run(CUgraphExec exec, CUstream stream)
{
    for (size_t i = 0; i < exec->count; i++) {
        struct graph_memory *memory = exec->steps[i].memory;
        if (exec->steps[i].frees) {
            graph_memory_end(memory, stream);
        } else if (!begin(memory)) {
            card_count_refusal(&driver.card, memory->device);
            end_all(exec, i, stream);
            return CUDA_ERROR_OUT_OF_MEMORY;
        }
    }
    return CUDA_SUCCESS;
}

/* "If any allocations created by hGraphExec remain unfreed (from a previous launch) and hGraphExec was not instantiated
 * with CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH, the launch will fail with CUDA_ERROR_INVALID_VALUE." With it,
 * "each launch behave[s] as though it called cuMemFreeAsync for every unfreed allocation". */
static CUresult launch(CUgraphExec exec, CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (!handle_known(HANDLE_EXEC, exec))
        return CUDA_ERROR_INVALID_VALUE;
    if (use.capture != NULL) /* becomes a child graph: not with memory nodes, whose ownership a launch cannot move */
        return exec->count != 0 ? capture_refuse(&use) : capture_add(&use, CU_GRAPH_NODE_TYPE_GRAPH);
    pools_lock();
    bool auto_free = (exec->flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0;
    if (auto_free)
        end_all(exec, exec->count, use.key);
    result = any_live(exec) ? CUDA_ERROR_INVALID_VALUE : run(exec, use.key);
    pools_unlock();
    if (result == CUDA_SUCCESS)
        card_count(&driver.card, use.context->device, FAKECUDA_CALL_cuGraphLaunch, 0, 0);
    return result;
}

API CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
    return launch(exec, stream, false);
}

API CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream)
{
    return launch(exec, stream, true);
}

/* "Calling cudaGraphUpload can separate out the cost of allocation from the launch by performing all mappings for that
 * graph immediately": the memory is reserved and not yet allocated. */
static CUresult upload(CUgraphExec exec, CUstream stream, bool per_thread)
{
    struct stream_use use;
    CUresult result = stream_use(stream, per_thread, &use);
    if (result != CUDA_SUCCESS)
        return result;
    if (!handle_known(HANDLE_EXEC, exec))
        return CUDA_ERROR_INVALID_VALUE;
    if (use.capture != NULL)
        return capture_refuse(&use);
    pools_lock();
    if (!any_live(exec)) {
        result = run(exec, use.key);
        end_all(exec, exec->count, use.key);
    }
    pools_unlock();
    return result;
}

API CUresult cuGraphUpload(CUgraphExec exec, CUstream stream)
{
    return upload(exec, stream, false);
}

API CUresult cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream)
{
    return upload(exec, stream, true);
}

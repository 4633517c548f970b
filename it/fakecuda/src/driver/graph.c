/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs as things: nodes and edges (CUDA driver API, graph management). What nodes other than those of memory and
 * child graphs would do is not simulated. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include "handles.h"
#include "pool.h"

bool graph_known(CUgraph graph)
{
    return handle_known(HANDLE_GRAPH, graph);
}

CUgraph graph_new(void)
{
    CUgraph graph = calloc(1, sizeof *graph);
    if (graph == NULL || !handle_add(HANDLE_GRAPH, graph)) {
        free(graph);
        return NULL;
    }
    return graph;
}

API CUresult cuGraphCreate(CUgraph *graph, unsigned int flags)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (graph == NULL || flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    *graph = graph_new();
    return *graph != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* The caller holds the pools' lock. */
static void destroy(CUgraph graph)
{
    handle_remove(HANDLE_GRAPH, graph);
    for (CUgraphNode node = graph->nodes, next; node != NULL; node = next) {
        next = node->next;
        handle_remove(HANDLE_NODE, node);
        if (node->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC)
            node->memory->owner = NULL;
        if (node->memory != NULL)
            graph_memory_drop(node->memory);
        if (node->child != NULL)
            destroy(node->child);
        free(node->dependencies);
        free(node);
    }
    if (graph->exec != NULL)
        graph_exec_forget(graph->exec);
    free(graph);
}

API CUresult cuGraphDestroy(CUgraph graph)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!graph_known(graph) || graph->parent != NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    destroy(graph);
    pools_unlock();
    return CUDA_SUCCESS;
}

/* --- nodes ------------------------------------------------------------------------------------------------------ */

static bool right_dependencies(CUgraph graph, const CUgraphNode *dependencies, size_t count)
{
    if (dependencies == NULL && count != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!handle_known(HANDLE_NODE, dependencies[i]) || dependencies[i]->graph != graph)
            return false;
        for (size_t j = 0; j < i; j++)
            if (dependencies[i] == dependencies[j]) /* "dependencies may not have any duplicate entries" */
                return false;
    }
    return true;
}

CUresult graph_add_node(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                        CUgraphNodeType type)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (node == NULL || !graph_known(graph) || count > 1 << 20 || !right_dependencies(graph, dependencies, count))
        return CUDA_ERROR_INVALID_VALUE;
    struct CUgraphNode_st *new = calloc(1, sizeof *new);
    CUgraphNode *copy = malloc((count + 1) * sizeof *copy);
    if (new == NULL || copy == NULL || !handle_add(HANDLE_NODE, new)) {
        free(new);
        free(copy);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (count != 0)
        memcpy(copy, dependencies, count * sizeof *copy);
    *new = (struct CUgraphNode_st){.type = type, .graph = graph, .dependencies = copy, .count = count};
    pools_lock();
    if (graph->last != NULL)
        graph->last->next = new;
    else
        graph->nodes = new;
    graph->last = new;
    pools_unlock();
    *node = new;
    return CUDA_SUCCESS;
}

API CUresult cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count)
{
    return graph_add_node(node, graph, dependencies, count, CU_GRAPH_NODE_TYPE_EMPTY);
}

static bool memory_freed_in(CUgraph graph, const struct graph_memory *memory)
{
    for (CUgraphNode node = graph->nodes; node != NULL; node = node->next)
        if (node->type == CU_GRAPH_NODE_TYPE_MEM_FREE && node->memory == memory)
            return true;
    return false;
}

CUresult graph_add_alloc(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                         CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (params == NULL || params->bytesize == 0 || params->poolProps.allocType != CU_MEM_ALLOCATION_TYPE_PINNED
        || params->poolProps.location.type != CU_MEM_LOCATION_TYPE_DEVICE
        || params->poolProps.handleTypes != CU_MEM_HANDLE_TYPE_NONE /* graphs' memory is not for other processes */
        || (params->accessDescs == NULL && params->accessDescCount != 0))
        return CUDA_ERROR_INVALID_VALUE;
    if (params->poolProps.location.id < 0 || params->poolProps.location.id >= driver.device_count)
        return CUDA_ERROR_INVALID_DEVICE;
    struct graph_memory *memory = graph_memory_new(params);
    if (memory == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = graph_add_node(node, graph, dependencies, count, CU_GRAPH_NODE_TYPE_MEM_ALLOC);
    pools_lock();
    if (result == CUDA_SUCCESS) {
        memory->owner = graph;
        (*node)->memory = memory;
        graph->has_memory = true;
        params->dptr = memory->address;
    } else {
        graph_memory_drop(memory);
    }
    pools_unlock();
    return result;
}

/* "will return CUDA_ERROR_INVALID_VALUE if the user attempts to free: an allocation twice in the same graph; an address
 * that was not returned by an allocation node; an invalid address". "If the allocation is freed in the same graph, a
 * free node cannot be added to another graph. If the allocation is freed in another graph, a free node can no longer be
 * added to the owning graph." */
CUresult graph_add_free(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                        CUdeviceptr pointer)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    pools_lock();
    struct graph_memory *memory = graph_memory_at(pointer);
    bool own = memory != NULL && memory->owner == graph;
    bool right = memory != NULL && graph_known(graph) && !memory_freed_in(graph, memory)
                 && (own ? !memory->freed_elsewhere : !memory->freed_in_owner);
    pools_unlock();
    CUresult result =
        right ? graph_add_node(node, graph, dependencies, count, CU_GRAPH_NODE_TYPE_MEM_FREE) : CUDA_ERROR_INVALID_VALUE;
    if (result != CUDA_SUCCESS)
        return result;
    pools_lock();
    (*node)->memory = memory;
    memory->references++;
    graph->has_memory = true;
    if (own)
        memory->freed_in_owner = true;
    else
        memory->freed_elsewhere = true;
    pools_unlock();
    return CUDA_SUCCESS;
}

API CUresult cuGraphAddMemAllocNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                    CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
    return graph_add_alloc(node, graph, dependencies, count, params);
}

API CUresult cuGraphAddMemFreeNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                   CUdeviceptr pointer)
{
    return graph_add_free(node, graph, dependencies, count, pointer);
}

/* --- copies and child graphs ------------------------------------------------------------------------------------ */

static CUgraphNode nth(CUgraph graph, size_t index)
{
    CUgraphNode node = graph->nodes;
    while (index-- != 0)
        node = node->next;
    return node;
}

static size_t index_of(CUgraph graph, CUgraphNode wanted)
{
    size_t index = 0;
    for (CUgraphNode node = graph->nodes; node != wanted; node = node->next)
        index++;
    return index;
}

static CUgraph copy_of(CUgraph graph)
{
    CUgraph copy = graph_new();
    for (CUgraphNode node = graph->nodes; copy != NULL && node != NULL; node = node->next) {
        CUgraphNode new;
        CUgraphNode *dependencies = malloc((node->count + 1) * sizeof *dependencies);
        for (size_t i = 0; dependencies != NULL && i < node->count; i++)
            dependencies[i] = nth(copy, index_of(graph, node->dependencies[i]));
        bool good = dependencies != NULL
                    && graph_add_node(&new, copy, dependencies, node->count, node->type) == CUDA_SUCCESS;
        free(dependencies);
        if (good && node->child != NULL) {
            new->child = copy_of(node->child);
            good = new->child != NULL;
            if (good)
                new->child->parent = new;
        }
        if (!good) {
            destroy(copy);
            copy = NULL;
        }
    }
    return copy;
}

/* "Cloning is not supported for graphs which contain memory allocation nodes, memory free nodes" */
API CUresult cuGraphClone(CUgraph *clone, CUgraph original)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (clone == NULL || !graph_known(original))
        return CUDA_ERROR_INVALID_VALUE;
    if (original->has_memory)
        return CUDA_ERROR_NOT_SUPPORTED;
    *clone = copy_of(original);
    return *clone != NULL ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* "The graph can only be used in a child node if the ownership is moved to the parent." */
static CUresult add_child(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count, CUgraph child,
                          CUgraphChildGraphNodeOwnership ownership)
{
    bool move = ownership == CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE;
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!graph_known(child) || child == graph || (!move && ownership != CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE))
        return CUDA_ERROR_INVALID_VALUE;
    if (!move && child->has_memory)
        return CUDA_ERROR_NOT_SUPPORTED;
    if (move && (child->parent != NULL || child->exec != NULL))
        return CUDA_ERROR_INVALID_VALUE;
    CUgraph own = move ? child : copy_of(child);
    if (own == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult result = graph_add_node(node, graph, dependencies, count, CU_GRAPH_NODE_TYPE_GRAPH);
    pools_lock();
    if (result == CUDA_SUCCESS) {
        (*node)->child = own;
        own->parent = *node;
        graph->has_memory |= own->has_memory;
    } else if (!move) {
        destroy(own);
    }
    pools_unlock();
    return result;
}

API CUresult cuGraphAddChildGraphNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                                      CUgraph child)
{
    return add_child(node, graph, dependencies, count, child, CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE);
}

API CUresult cuGraphAddNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                            CUgraphNodeParams *params)
{
    if (driver_ready() && params == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    switch (driver_ready() ? params->type : CU_GRAPH_NODE_TYPE_EMPTY) {
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: return graph_add_alloc(node, graph, dependencies, count, &params->alloc);
    case CU_GRAPH_NODE_TYPE_MEM_FREE: return graph_add_free(node, graph, dependencies, count, params->free.dptr);
    case CU_GRAPH_NODE_TYPE_GRAPH:
        return add_child(node, graph, dependencies, count, params->graph.graph, params->graph.ownership);
    case CU_GRAPH_NODE_TYPE_CONDITIONAL: return CUDA_ERROR_NOT_SUPPORTED;
    default:
        return (unsigned)params->type > CU_GRAPH_NODE_TYPE_CONDITIONAL
                   ? CUDA_ERROR_INVALID_VALUE
                   : graph_add_node(node, graph, dependencies, count, params->type);
    }
}

API CUresult cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies,
                               const CUgraphEdgeData *edges, size_t count, CUgraphNodeParams *params)
{
    (void)edges; /* how nodes may overlap, which they do not here */
    return cuGraphAddNode(node, graph, dependencies, count, params);
}

/* --- changing and asking ---------------------------------------------------------------------------------------- */

/* "Nodes and edges of the graph cannot be deleted" where there are memory nodes. */
API CUresult cuGraphDestroyNode(CUgraphNode node)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!handle_known(HANDLE_NODE, node))
        return CUDA_ERROR_INVALID_VALUE;
    CUgraph graph = node->graph;
    if (graph->has_memory)
        return CUDA_ERROR_NOT_SUPPORTED;
    pools_lock();
    CUgraphNode before = NULL;
    for (CUgraphNode each = graph->nodes; each != NULL; each = each->next) {
        if (each->next == node)
            before = each;
        for (size_t i = 0; i < each->count; i++)
            if (each->dependencies[i] == node)
                each->dependencies[i--] = each->dependencies[--each->count];
    }
    if (before != NULL)
        before->next = node->next;
    else
        graph->nodes = node->next;
    if (graph->last == node)
        graph->last = before;
    handle_remove(HANDLE_NODE, node);
    if (node->child != NULL)
        destroy(node->child);
    pools_unlock();
    free(node->dependencies);
    free(node);
    return CUDA_SUCCESS;
}

API CUresult cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!graph_known(graph) || (count != 0 && (from == NULL || to == NULL)))
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        if (!handle_known(HANDLE_NODE, from[i]) || !handle_known(HANDLE_NODE, to[i]) || from[i]->graph != graph
            || to[i]->graph != graph || from[i] == to[i])
            return CUDA_ERROR_INVALID_VALUE;
        CUgraphNode *grown = realloc(to[i]->dependencies, (to[i]->count + 1) * sizeof *grown);
        if (grown == NULL)
            return CUDA_ERROR_OUT_OF_MEMORY;
        to[i]->dependencies = grown;
        grown[to[i]->count++] = from[i];
    }
    return CUDA_SUCCESS;
}

API CUresult cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                       const CUgraphEdgeData *edges, size_t count)
{
    (void)edges;
    return cuGraphAddDependencies(graph, from, to, count);
}

/* "nodes may be NULL, in which case this function will return the number of nodes"; of a larger array the rest "will be
 * set to NULL". */
API CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count)
{
    if (!driver_ready())
        return CUDA_ERROR_NOT_INITIALIZED;
    if (!graph_known(graph) || count == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    size_t found = 0;
    for (CUgraphNode node = graph->nodes; node != NULL; node = node->next, found++)
        if (nodes != NULL && found < *count)
            nodes[found] = node;
    for (size_t i = found; nodes != NULL && i < *count; i++)
        nodes[i] = NULL;
    *count = found;
    return CUDA_SUCCESS;
}

#define CHECK_NODE(node, pointer, good)                                                                                \
    if (!driver_ready())                                                                                               \
        return CUDA_ERROR_NOT_INITIALIZED;                                                                             \
    if (!handle_known(HANDLE_NODE, node) || (pointer) == NULL || !(good))                                              \
    return CUDA_ERROR_INVALID_VALUE

API CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type)
{
    CHECK_NODE(node, type, true);
    *type = node->type;
    return CUDA_SUCCESS;
}

API CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *graph)
{
    CHECK_NODE(node, graph, node->type == CU_GRAPH_NODE_TYPE_GRAPH);
    *graph = node->child;
    return CUDA_SUCCESS;
}

API CUresult cuGraphMemAllocNodeGetParams(CUgraphNode node, CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
    CHECK_NODE(node, params, node->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC);
    *params = node->memory->params;
    return CUDA_SUCCESS;
}

API CUresult cuGraphMemFreeNodeGetParams(CUgraphNode node, CUdeviceptr *pointer)
{
    CHECK_NODE(node, pointer, node->type == CU_GRAPH_NODE_TYPE_MEM_FREE);
    *pointer = node->memory->address;
    return CUDA_SUCCESS;
}

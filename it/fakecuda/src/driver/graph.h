/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs and the memory that they allocate. */
#ifndef GRAPH_H
#define GRAPH_H

#include "heap.h"
#include "reserve.h"

struct CUgraphNode_st {
    CUgraphNodeType type;
    CUgraph graph;
    CUgraph child;               /* of a child graph node */
    struct graph_memory *memory; /* of an allocation or a free node */
    struct CUgraphNode_st **dependencies;
    size_t count;
    struct CUgraphNode_st *next; /* in the order they were added */
};

struct CUgraph_st {
    CUgraphNode nodes, last;
    CUgraphNode parent;   /* the node that owns it */
    CUgraphExec exec;     /* of a graph with memory nodes: "Only one instantiation ... may exist at any point in time" */
    bool has_memory;      /* in it or in its child graphs */
};

/* --- graph_memory.c: all of it under the pools' lock unless said otherwise --- */

/* An allocation of a graph: the address lasts as long as its node, the memory from launch to free. */
struct graph_memory {
    CUDA_MEM_ALLOC_NODE_PARAMS params;
    CUdeviceptr address;
    struct block *block;
    uint32_t device;
    CUgraph owner;       /* NULL when the graph has been destroyed */
    unsigned references; /* nodes and executable graphs; without any it goes when it is free */
    bool freed_in_owner; /* a node of the owner frees it: "These allocations cannot be freed outside the owning graph" */
    bool freed_elsewhere;
    struct range *range; /* its memory; NULL when it has none */
    bool live;           /* allocated and not freed */
    struct graph_memory *next;
};

/* An allocation with an address and no memory yet; takes no lock. */
struct graph_memory *graph_memory_new(const CUDA_MEM_ALLOC_NODE_PARAMS *params);
/* The allocation whose address it is, live or not; NULL if there is none. */
struct graph_memory *graph_memory_at(CUdeviceptr address);
/* One reference less: the address stays as long as the memory. */
void graph_memory_drop(struct graph_memory *memory);
/* What nodes do when they run. False: the device is full. */
bool graph_memory_begin(struct graph_memory *memory);
void graph_memory_end(struct graph_memory *memory, CUstream stream);
/* One executable graph more or less, which keeps mapped what its launches used. */
void graph_memory_count_exec(int change);

/* Frees a claimed block of a graph, or says why not and leaves it; takes the lock itself. */
CUresult graph_memory_free(CUdeviceptr address, struct block *block, enum fakecuda_call call);
/* Gives back what no graph is using; how many bytes. */
uint64_t graph_memory_trim(uint32_t device);
void graph_memory_complete(CUstream stream, uint64_t until);

/* --- graph.c --- */

bool graph_known(CUgraph graph);
CUgraph graph_new(void);
void graph_exec_forget(CUgraphExec exec); /* its graph is gone (graph_exec.c) */
CUresult graph_add_node(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                        CUgraphNodeType type);
CUresult graph_add_alloc(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                         CUDA_MEM_ALLOC_NODE_PARAMS *params);
CUresult graph_add_free(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t count,
                        CUdeviceptr pointer);

#endif

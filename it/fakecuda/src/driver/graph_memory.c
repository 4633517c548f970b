/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of graphs (CUDA C++ programming guide, graph memory nodes): each device has one reserve for it in the
 * process, which keeps what it has until cuDeviceGraphMemTrim. "CUDA assigns virtual addresses for the graph allocation
 * at node creation time"; the allocation's lifetime "begins when GPU execution reaches the allocating graph node and
 * ends when [it] reaches the freeing graph node, reaches the freeing cudaFreeAsync() stream call, [or] immediately upon
 * the freeing call to cudaFree()". */
#include "graph.h"

#include <stdlib.h>

#include "pool.h"

static struct reserve reserves[FAKECUDA_DEVICES];
static uint64_t mapped[FAKECUDA_DEVICES]; /* the most that was in use at once since nothing was mapped */
static int execs;
static struct graph_memory *all;

static struct reserve *reserve_of(uint32_t device)
{
    reserves[device].device = device;
    reserves[device].kind = FAKECUDA_KIND_graph;
    return &reserves[device];
}

struct graph_memory *graph_memory_new(const CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
    struct graph_memory *memory = malloc(sizeof *memory);
    if (memory == NULL)
        return NULL;
    uint32_t device = driver.device[params->poolProps.location.id];
    *memory = (struct graph_memory){.params = *params, .device = device, .references = 1};
    memory->address = heap_place(device, SPACE_DEVICE, params->bytesize, &memory->block);
    if (memory->address == 0) {
        free(memory);
        return NULL;
    }
    memory->params.dptr = memory->address;
    memory->block->context = NULL;
    memory->block->ordinal = params->poolProps.location.id;
    memory->block->owner = OWNER_GRAPH;
    memory->block->kind = FAKECUDA_KIND_graph;
    memory->block->of = memory;
    pools_lock();
    memory->next = all;
    all = memory;
    pools_unlock();
    return memory;
}

struct graph_memory *graph_memory_at(CUdeviceptr address)
{
    struct graph_memory *memory = all;
    while (memory != NULL && memory->address != address)
        memory = memory->next;
    return memory;
}

/* "Graph destruction does not automatically free any live graph-allocated memory" */
static void vacate_if_done(struct graph_memory *memory)
{
    if (memory->references != 0 || memory->live)
        return;
    struct graph_memory **link = &all;
    while (*link != memory)
        link = &(*link)->next;
    *link = memory->next;
    heap_vacate(memory->address);
    free(memory);
}

void graph_memory_drop(struct graph_memory *memory)
{
    memory->references--;
    vacate_if_done(memory);
}

bool graph_memory_begin(struct graph_memory *memory)
{
    struct reserve *reserve = reserve_of(memory->device);
    if (memory->live)
        return true; /* the graph has allocated it before */
    memory->range = reserve_take(reserve, memory->params.bytesize, NULL, true);
    if (memory->range == NULL)
        return false;
    memory->live = true;
    if (mapped[memory->device] < reserve->used)
        mapped[memory->device] = reserve->used;
    heap_publish(memory->block);
    card_count(&driver.card, memory->device, FAKECUDA_CALL_graph_alloc, +1, memory->params.bytesize);
    return true;
}

/* The block is claimed already. */
static void end(struct graph_memory *memory, bool pending, CUstream stream, enum fakecuda_call call)
{
    reserve_give(reserve_of(memory->device), memory->range, pending, stream, pools_order());
    memory->range = NULL;
    memory->live = false;
    card_count(&driver.card, memory->device, call, -1, 0);
    vacate_if_done(memory);
}

void graph_memory_end(struct graph_memory *memory, CUstream stream)
{
    if (memory->live && heap_claim(memory->address) != NULL)
        end(memory, driver.stream_async, stream, FAKECUDA_CALL_graph_free);
}

/* "It is not possible to free an allocation in both the owning graph and another graph": what a node of its own frees
 * may not be freed by a call. */
CUresult graph_memory_free(CUdeviceptr address, struct block *block, enum fakecuda_call call)
{
    struct graph_memory *memory = block->of;
    (void)address;
    pools_lock();
    bool allowed = !memory->freed_in_owner;
    if (allowed)
        end(memory, false, NULL, call);
    else
        heap_unclaim(block);
    pools_unlock();
    return allowed ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* "Blocks which are not in use by a graph that is either currently executing or scheduled to execute are freed back to
 * the operating system." */
uint64_t graph_memory_trim(uint32_t device)
{
    mapped[device] = 0;
    return reserve_trim(reserve_of(device), 0);
}

void graph_memory_count_exec(int change)
{
    execs += change;
    if (execs == 0)
        for (uint32_t d = 0; d < FAKECUDA_DEVICES; d++)
            mapped[d] = 0;
}

/* "physical memory currently mapped by at least one graph" (guide): freed allocations of graphs that may be launched
 * again are among it. */
static uint64_t used_on(uint32_t device)
{
    return reserves[device].used > mapped[device] ? reserves[device].used : mapped[device];
}

void graph_memory_complete(CUstream stream, uint64_t until)
{
    for (uint32_t d = 0; d < driver.card.map->device_count; d++)
        reserve_complete(&reserves[d], stream, until);
}

/* --- the calls -------------------------------------------------------------------------------------------------- */

API CUresult cuDeviceGraphMemTrim(CUdevice device)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    pools_lock();
    graph_memory_trim(driver.device[device]);
    pools_unlock();
    card_count(&driver.card, driver.device[device], FAKECUDA_CALL_cuDeviceGraphMemTrim, 0, 0);
    return CUDA_SUCCESS;
}

API CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void *value)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    if (value == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    const struct reserve *reserve = reserve_of(driver.device[device]);
    switch (attribute) {
    case CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT: *(cuuint64_t *)value = used_on(driver.device[device]); break;
    case CU_GRAPH_MEM_ATTR_USED_MEM_HIGH: *(cuuint64_t *)value = reserve->used_high; break;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT: *(cuuint64_t *)value = reserve->reserved; break;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH: *(cuuint64_t *)value = reserve->reserved_high; break;
    default: result = CUDA_ERROR_INVALID_VALUE;
    }
    pools_unlock();
    return result;
}

/* "High watermark can only be reset to zero." */
API CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void *value)
{
    CUresult result = context_check_device(device);
    if (result != CUDA_SUCCESS)
        return result;
    if (value == NULL || *(const cuuint64_t *)value != 0)
        return CUDA_ERROR_INVALID_VALUE;
    pools_lock();
    struct reserve *reserve = reserve_of(driver.device[device]);
    if (attribute == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH)
        reserve->used_high = used_on(driver.device[device]);
    else if (attribute == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH)
        reserve->reserved_high = reserve->reserved;
    else
        result = CUDA_ERROR_INVALID_VALUE;
    pools_unlock();
    return result;
}

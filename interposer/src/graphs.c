/* SPDX-License-Identifier: Apache-2.0 */
#include "graphs.h"

#include <errno.h>
#include <sys/mman.h>

#include "devices.h"
#include "lock.h"
#include "map.h"
#include "reservoir.h"
#include "resolve.h"

struct executable {
    uint64_t handle;
    uint64_t launched; /* the turn of its last launch; 0: never */
    uint64_t need[GPUSLICE_MAX_DEVICES];
};

void graphs_will_allocate(struct process *process)
{
    atomic_store_explicit(&process->graphs.allocate, 1, memory_order_relaxed);
    atomic_store_explicit(&process->measures, 1, memory_order_relaxed);
}

/* ------------------------------------------------------------ what a graph needs */

static void add_node(struct process *process, gs_object node, uint64_t *need)
{
    cuGraphMemAllocNodeGetParams_fn *get = DRIVER_REAL(cuGraphMemAllocNodeGetParams);
    struct gs_alloc_node params;
    uint32_t device;
    if (get != NULL && get(node, &params) == GS_SUCCESS && params.props.location.type == GS_LOCATION_DEVICE &&
        devices_of_ordinal(process, params.props.location.id, &device) == DEVICES_FOUND)
        need[device] += params.bytes;
}

/* The sum over its allocation nodes, child graphs included. An upper bound: allocations whose lives do not overlap share
 * memory. False: no memory to look at them. */
static bool add_graph(struct process *process, gs_object graph, uint64_t *need)
{
    cuGraphGetNodes_fn *get_nodes = DRIVER_REAL(cuGraphGetNodes);
    cuGraphNodeGetType_fn *get_type = DRIVER_REAL(cuGraphNodeGetType);
    cuGraphChildGraphNodeGetGraph_fn *get_child = DRIVER_REAL(cuGraphChildGraphNodeGetGraph);
    size_t count = 0;
    if (get_nodes == NULL || get_type == NULL || get_nodes(graph, NULL, &count) != GS_SUCCESS || count == 0)
        return true;
    int saved = errno;
    size_t bytes = count * sizeof(gs_object);
    gs_object *nodes = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    if (nodes == MAP_FAILED)
        return false;
    if (get_nodes(graph, nodes, &count) != GS_SUCCESS)
        count = 0;
    bool complete = true;
    for (size_t i = 0; i < count; i++) {
        int type;
        gs_object child;
        if (get_type(nodes[i], &type) != GS_SUCCESS)
            continue;
        if (type == GS_NODE_MEM_ALLOC)
            add_node(process, nodes[i], need);
        else if (type == GS_NODE_GRAPH && get_child != NULL && get_child(nodes[i], &child) == GS_SUCCESS)
            complete &= add_graph(process, child, need);
    }
    munmap(nodes, bytes);
    return complete;
}

bool graphs_add(struct process *process, gs_object executable, gs_object graph)
{
    uint64_t need[GPUSLICE_MAX_DEVICES] = {0}, sum = 0;
    if (!add_graph(process, graph, need))
        return false;
    for (uint32_t i = 0; i < GPUSLICE_MAX_DEVICES; i++)
        sum |= need[i];
    if (sum == 0)
        return true;
    struct graphs *graphs = &process->graphs;
    int state = lock_enter(&graphs->lock);
    struct executable *known = map_add(&graphs->executables, sizeof *known, (uintptr_t)executable);
    if (known != NULL) {
        known->launched = 0;
        for (uint32_t i = 0; i < GPUSLICE_MAX_DEVICES; i++)
            known->need[i] = need[i];
    }
    lock_leave(&graphs->lock, state);
    return known != NULL;
}

void graphs_remove(struct process *process, gs_object executable)
{
    struct graphs *graphs = &process->graphs;
    int state = lock_enter(&graphs->lock);
    struct executable *known = map_find(&graphs->executables, sizeof *known, (uintptr_t)executable);
    if (known != NULL)
        map_remove(&graphs->executables, sizeof *known, known);
    lock_leave(&graphs->lock, state);
}

static bool find(struct process *process, gs_object executable, struct executable *copy)
{
    struct graphs *graphs = &process->graphs;
    int state = lock_enter(&graphs->lock);
    const struct executable *known = map_find(&graphs->executables, sizeof *known, (uintptr_t)executable);
    if (known != NULL)
        *copy = *known;
    lock_leave(&graphs->lock, state);
    return known != NULL;
}

static void note_launch(struct process *process, gs_object executable)
{
    struct graphs *graphs = &process->graphs;
    int state = lock_enter(&graphs->lock);
    struct executable *known = map_find(&graphs->executables, sizeof *known, (uintptr_t)executable);
    if (known != NULL)
        known->launched = atomic_fetch_add(&graphs->turns, 1) + 1;
    lock_leave(&graphs->lock, state);
}

/* ------------------------------------------------------------ around a launch */

static struct reservoir *memory_of(struct process *process, uint32_t device)
{
    struct reservoir *memory = &process->graphs.memory[device];
    memory->kind = GPUSLICE_KIND_GRAPH;
    memory->device = device;
    memory->handle = device + 2; /* 0 and 1 mean other things in the table */
    return memory;
}

static void end(struct process *process, const struct graphs_launch *launch, const struct config *settle)
{
    for (uint32_t device = GPUSLICE_MAX_DEVICES; device-- > 0;) {
        if (!(launch->devices & 1u << device))
            continue;
        struct reservoir *memory = memory_of(process, device);
        if (settle != NULL)
            reservoir_settle(settle, process, memory);
        lock_leave(&memory->lock, launch->cancel_state[device]);
    }
}

void graphs_trimmed(struct process *process)
{
    atomic_fetch_add(&process->graphs.turns, 1);
}

/* Its lock is held. */
static void trim(const struct config *config, struct process *process, struct reservoir *memory)
{
    cuDeviceGraphMemTrim_fn *real = DRIVER_REAL(cuDeviceGraphMemTrim);
    if (real == NULL)
        return;
    graphs_trimmed(process);
    real(process->devices.handle[memory->device]);
    reservoir_settle(config, process, memory);
}

/* What no graph uses any more counts as used until it is trimmed: so before a launch is refused for it, it is. */
static bool foresee(const struct config *config, struct process *process, const struct executable *graph,
                    struct reservoir *memory)
{
    /* Graphs share their memory: what this one had is its own only as long as no other took its turn. */
    bool has_its_memory = graph->launched != 0 && graph->launched == atomic_load(&process->graphs.turns);
    uint64_t need = graph->need[memory->device];
    if (reservoir_try(config, process, memory, has_its_memory ? 0 : need + memory->surprise))
        return true;
    trim(config, process, memory);
    return reservoir_demand(config, process, memory, need);
}

bool graphs_launch_begin(const struct config *config, struct process *process, gs_object executable,
                         struct graphs_launch *launch)
{
    struct executable graph;
    launch->devices = 0;
    if (!find(process, executable, &graph))
        return true;
    for (uint32_t device = 0; device < GPUSLICE_MAX_DEVICES; device++) {
        if (graph.need[device] == 0)
            continue;
        launch->cancel_state[device] = lock_enter(&process->graphs.memory[device].lock);
        launch->devices |= 1u << device;
        if (!foresee(config, process, &graph, memory_of(process, device))) {
            end(process, launch, config);
            return false;
        }
    }
    return true;
}

void graphs_launch_end(const struct config *config, struct process *process, gs_object executable,
                       const struct graphs_launch *launch, gs_result result)
{
    if (launch->devices == 0)
        return;
    if (result == GS_SUCCESS)
        note_launch(process, executable);
    end(process, launch, config);
}

/* ------------------------------------------------------------ trimming, settling */

void graphs_trim(const struct config *config, struct process *process, uint32_t device)
{
    int state;
    if (!graphs_allocate(process) || !lock_try_enter(&process->graphs.memory[device].lock, &state))
        return;
    struct reservoir *memory = memory_of(process, device);
    trim(config, process, memory);
    lock_leave(&memory->lock, state);
}

void graphs_settle(const struct config *config, struct process *process, uint32_t device)
{
    if (!graphs_allocate(process))
        return;
    int state = lock_enter(&process->graphs.memory[device].lock);
    struct reservoir *memory = memory_of(process, device);
    reservoir_settle(config, process, memory);
    lock_leave(&memory->lock, state);
}

void graphs_settle_every(const struct config *config, struct process *process)
{
    /* acquire: another thread may be finding out which devices there are. */
    if (!graphs_allocate(process) || !atomic_load_explicit(&process->has_devices, memory_order_acquire))
        return;
    for (uint32_t device = 0; device < process->devices.count; device++)
        graphs_settle(config, process, device);
}

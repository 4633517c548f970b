/* SPDX-License-Identifier: Apache-2.0 */
#include "reservoir.h"

#include "ledger.h"
#include "relief.h"
#include "resolve.h"

/* `used` first: a free by another thread in between then makes what is idle look smaller, not larger. */
static bool measure_pool(uint64_t handle, struct reservoir_level *level)
{
    cuMemPoolGetAttribute_fn *get = DRIVER_REAL(cuMemPoolGetAttribute);
    gs_object pool = (gs_object)(uintptr_t)handle;
    return get != NULL && get(pool, GS_POOL_USED, &level->used) == GS_SUCCESS &&
           get(pool, GS_POOL_RESERVED, &level->reserved) == GS_SUCCESS;
}

static bool measure_graphs(gs_device device, struct reservoir_level *level)
{
    cuDeviceGetGraphMemAttribute_fn *get = DRIVER_REAL(cuDeviceGetGraphMemAttribute);
    return get != NULL && get(device, GS_GRAPH_USED, &level->used) == GS_SUCCESS &&
           get(device, GS_GRAPH_RESERVED, &level->reserved) == GS_SUCCESS;
}

bool reservoir_measure(const struct process *process, const struct reservoir *reservoir, struct reservoir_level *level)
{
    return reservoir->kind == GPUSLICE_KIND_POOL
               ? measure_pool(reservoir->handle, level)
               : measure_graphs(process->devices.handle[reservoir->device], level);
}

static void show(struct process *process, struct reservoir *reservoir)
{
    ledger_show(process, reservoir->device, reservoir->charged, reservoir->handle, reservoir->kind);
}

void reservoir_settle(const struct config *config, struct process *process, struct reservoir *reservoir)
{
    struct reservoir_level level;
    if (!reservoir_measure(process, reservoir, &level) || level.reserved == reservoir->charged)
        return;
    if (level.reserved < reservoir->charged)
        ledger_give_back(process, reservoir->device, reservoir->charged - level.reserved, reservoir->handle);
    else if (!ledger_hold(config, process, reservoir->device, level.reserved - reservoir->charged))
        return;
    else if (level.reserved - reservoir->charged > reservoir->surprise)
        reservoir->surprise = level.reserved - reservoir->charged;
    reservoir->charged = level.reserved;
    show(process, reservoir);
}

/* What `bytes` need beyond what the driver has idle. */
static uint64_t missing_for(const struct config *config, struct process *process, struct reservoir *reservoir,
                            uint64_t bytes)
{
    reservoir_settle(config, process, reservoir);
    struct reservoir_level level;
    if (!reservoir_measure(process, reservoir, &level))
        level = (struct reservoir_level){0, 0};
    uint64_t idle = level.reserved > level.used ? level.reserved - level.used : 0;
    return bytes > idle ? bytes - idle : 0;
}

static bool take(const struct config *config, struct process *process, struct reservoir *reservoir, uint64_t bytes,
                 bool (*reserve)(const struct config *, struct process *, uint32_t, uint64_t))
{
    reservoir_settle(config, process, reservoir);
    if (bytes == 0)
        return true;
    if (!reserve(config, process, reservoir->device, bytes))
        return false;
    reservoir->charged += bytes;
    show(process, reservoir);
    return true;
}

bool reservoir_try(const struct config *config, struct process *process, struct reservoir *reservoir, uint64_t bytes)
{
    return take(config, process, reservoir, bytes, ledger_try);
}

bool reservoir_demand(const struct config *config, struct process *process, struct reservoir *reservoir, uint64_t bytes)
{
    return take(config, process, reservoir, bytes, relief_reserve);
}

bool reservoir_foresee(const struct config *config, struct process *process, struct reservoir *reservoir,
                       uint64_t bytes)
{
    uint64_t missing = missing_for(config, process, reservoir, bytes);
    if (missing > 0 && !relief_reserve(config, process, reservoir->device, missing))
        return false;
    reservoir->charged += missing;
    reservoir->foreseen = missing;
    if (missing > 0)
        show(process, reservoir);
    return true;
}

bool reservoir_cover(const struct config *config, struct process *process, struct reservoir *reservoir, bool succeeded)
{
    struct reservoir_level level;
    bool covered = true;
    if (!reservoir_measure(process, reservoir, &level)) /* then what was asked for is what it took */
        level.reserved = reservoir->charged - (succeeded ? 0 : reservoir->foreseen);
    if (level.reserved < reservoir->charged)
        ledger_cancel(process, reservoir->device, reservoir->charged - level.reserved);
    else if (level.reserved > reservoir->charged)
        covered = relief_reserve(config, process, reservoir->device, level.reserved - reservoir->charged);
    if (covered)
        reservoir->charged = level.reserved;
    show(process, reservoir);
    return covered;
}

void reservoir_drop(struct process *process, struct reservoir *reservoir)
{
    if (reservoir->charged > 0)
        ledger_give_back(process, reservoir->device, reservoir->charged, reservoir->handle);
    reservoir->charged = 0;
    show(process, reservoir);
}

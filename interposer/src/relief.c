/* SPDX-License-Identifier: Apache-2.0 */
#include "relief.h"

#include "deferred.h"
#include "graphs.h"
#include "pools.h"
#include "resolve.h"

/* While a stream of this thread is being captured, calls that might synchronize would end the capture: not in this mode. */
static int exchange_capture_mode(int mode)
{
    cuThreadExchangeStreamCaptureMode_fn *exchange = DRIVER_REAL(cuThreadExchangeStreamCaptureMode);
    return exchange != NULL && exchange(&mode) == GS_SUCCESS ? mode : -1;
}

static void trim(const struct config *config, struct process *process, uint32_t device)
{
    int mode = exchange_capture_mode(GS_CAPTURE_MODE_RELAXED);
    deferred_settle(process);
    pools_trim(config, process, device);
    graphs_trim(config, process, device);
    if (mode >= 0)
        exchange_capture_mode(mode);
}

bool relief_reserve(const struct config *config, struct process *process, uint32_t device, uint64_t bytes)
{
    /* relaxed: a thread that has not heard of another's first pool yet denies as if that came later. */
    if (atomic_load_explicit(&process->measures, memory_order_relaxed) == 0)
        return ledger_reserve(config, process, device, bytes);
    if (ledger_try(config, process, device, bytes))
        return true;
    trim(config, process, device);
    return ledger_reserve(config, process, device, bytes);
}

void relief_settle(const struct config *config, struct process *process, uint32_t device)
{
    if (atomic_load_explicit(&process->measures, memory_order_relaxed) == 0)
        return;
    deferred_settle(process);
    pools_settle(config, process, device);
    graphs_settle(config, process, device);
}

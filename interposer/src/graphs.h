/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that graphs allocate. It is taken when an executable graph is launched (or uploaded), and kept by the device
 * until it is trimmed. A device's graph memory is one reservoir; what an executable graph may need is read from its
 * allocation nodes when it is instantiated.
 */
#ifndef GPUSLICE_GRAPHS_H
#define GPUSLICE_GRAPHS_H

#include "cuda_types.h"
#include "state.h"

/* Some graph has got an allocation node, or will by stream capture. */
void graphs_will_allocate(struct process *process);

/* Whether that has ever been so. */
static inline bool graphs_allocate(const struct process *process)
{
    /* relaxed: who launches a graph has been handed it by who built it. */
    return atomic_load_explicit(&process->graphs.allocate, memory_order_relaxed) != 0;
}

/* Reads what `executable`, just instantiated from `graph`, will need. False: no memory to remember it. */
bool graphs_add(struct process *process, gs_object executable, gs_object graph);
void graphs_remove(struct process *process, gs_object executable);

struct graphs_launch {
    uint32_t devices; /* bit per device whose reservoir is locked */
    int cancel_state[GPUSLICE_MAX_DEVICES];
};

/* Around a launch or an upload. False: denied; the driver is not called, and nothing is to be ended. */
bool graphs_launch_begin(const struct config *config, struct process *process, gs_object executable,
                         struct graphs_launch *launch);
void graphs_launch_end(const struct config *config, struct process *process, gs_object executable,
                       const struct graphs_launch *launch, gs_result result);

/* What was launched before the trim may have to take its memory again. */
void graphs_trimmed(struct process *process);

/* Gives back what the graphs of `device` do not need at the moment; not where another thread is launching. */
void graphs_trim(const struct config *config, struct process *process, uint32_t device);

/* Corrects the charge of `device`, or of all. */
void graphs_settle(const struct config *config, struct process *process, uint32_t device);
void graphs_settle_every(const struct config *config, struct process *process);

#endif

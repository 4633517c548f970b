/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What this process shares with others, by key: memory of its own that it made handles to, and memory of others that it
 * opened. The daemon is told, so that somebody is charged once the exporter is gone. Nothing is shared that it has not
 * heard of. A free or a close does not wait for a daemon that is away: what it has not heard of such is remembered here,
 * and what was freed stays in `used` until then.
 */
#ifndef GPUSLICE_SHARES_H
#define GPUSLICE_SHARES_H

#include "state.h"

/* Keys that one process is followed with; those beyond are not (the daemon would not listen either). */
#define SHARES_MAX 65536u

/* What a handle was made to. Allocation handles and addresses are name spaces of their own. */
enum shares_of { SHARES_ADDRESS, SHARES_PHYSICAL };

/* A key that is all 0 says nothing, and nothing is told. */
bool shares_key_is_set(const struct share_key *key);

/* `handle`, this process's own, can be opened under `key` from now on. False: the daemon could not be told, and nobody may
 * have that key. */
bool shares_exported(const struct config *config, struct process *process, enum shares_of of, uint64_t handle,
                     uint32_t device, uint64_t bytes, const struct share_key *key);

static inline bool shares_is_exporting(const struct process *process)
{
    /* relaxed: who frees what another thread exported has heard from that thread. */
    return atomic_load_explicit(&process->shares.exporting, memory_order_relaxed) != 0;
}

/* `handle` is about to be let go of: another thread may have it for other memory as soon as the driver has it. What it
 * stood for, for one of the next two; 0: nobody else may have it. */
uint64_t shares_detach(struct process *process, enum shares_of of, uint64_t handle);
/* The driver refused. */
void shares_attach(struct process *process, enum shares_of of, uint64_t handle, uint64_t export);
/* The driver has it. Before its bytes are credited: whoever uses it pays before this process does not. */
void shares_release(struct process *process, uint64_t export);

/* As both of them, for what is gone already. */
static inline void shares_released(struct process *process, enum shares_of of, uint64_t handle)
{
    if (shares_is_exporting(process))
        shares_release(process, shares_detach(process, of, handle));
}

/* What was exported as `from` is called `to` from now on. */
void shares_renamed(struct process *process, enum shares_of of, uint64_t from, uint64_t to);

/* How many of `bytes` of `device` that the driver has again may be credited: none that were released and whose release the
 * daemon has not heard of, because nobody else pays for them yet. They are credited when it has. */
uint64_t shares_creditable(struct process *process, uint32_t device, uint64_t bytes);

/* One reference more to what another process exported under `key`, and one less. False: the daemon could not be told, so
 * the memory is to be closed again. */
bool shares_imported(const struct config *config, struct process *process, uint32_t device, uint64_t bytes,
                     const struct share_key *key);
void shares_closed(struct process *process, const struct share_key *key);

/* ------------------------------------------------------------ for transport.c, under the process's lock */

/* What the daemon should hear next, in the order in which it came about: at most so many. How many: 0 means nothing. */
#define SHARES_AT_ONCE 32u
uint32_t shares_next(struct process *process, struct gpuslice_share frames[SHARES_AT_ONCE]);
/* It has heard these. */
void shares_heard(struct process *process, const struct gpuslice_share *frames, uint32_t count);
/* A new connection: all that lives is said again. */
void shares_say_again(struct process *process);

#endif

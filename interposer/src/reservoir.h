/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is charged by measuring it: what a pool, or a device's graph memory, has reserved. A call that may make
 * it grow reserves what it must take beyond what lies idle in there, and corrects that by what it took. Shrinking goes
 * unannounced (at any synchronization), so the charge may stand above until somebody settles.
 *
 * Every function wants the reservoir's lock held and cancellation disabled; so one call at a time changes a reservoir,
 * and what it grew by is that call's.
 */
#ifndef GPUSLICE_RESERVOIR_H
#define GPUSLICE_RESERVOIR_H

#include "state.h"

struct reservoir_level {
    uint64_t reserved; /* bytes of the device */
    uint64_t used;     /* bytes of those that the program has */
};

/* False: the driver does not say. */
bool reservoir_measure(const struct process *process, const struct reservoir *reservoir, struct reservoir_level *level);

/* Charge := what is reserved. What cannot be charged because the daemon is away is tried again next time. */
void reservoir_settle(const struct config *config, struct process *process, struct reservoir *reservoir);

/* Reserves `bytes` beyond what there is, whatever lies idle in it, which may be in pieces. Gives nothing up for it and
 * denies nothing: false if it is not to be had just so. */
bool reservoir_try(const struct config *config, struct process *process, struct reservoir *reservoir, uint64_t bytes);
/* The same, for the last time: false is a denial. */
bool reservoir_demand(const struct config *config, struct process *process, struct reservoir *reservoir, uint64_t bytes);

/* Before a call that asks for `bytes`. False: denied. */
bool reservoir_foresee(const struct config *config, struct process *process, struct reservoir *reservoir,
                       uint64_t bytes);

/* After it: the rest goes back, or what was not foreseen is reserved as well. False: denied, and to be undone. */
bool reservoir_cover(const struct config *config, struct process *process, struct reservoir *reservoir,
                     bool succeeded);

/* There is nothing of it any more, or nobody who could say. */
void reservoir_drop(struct process *process, struct reservoir *reservoir);

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Before an allocation is denied, the process's own idle memory is taken into account: pools and graphs keep what the
 * program has freed, and a full device would make the driver let go of it too.
 */
#ifndef GPUSLICE_RELIEF_H
#define GPUSLICE_RELIEF_H

#include "ledger.h"

/* As ledger_reserve. */
bool relief_reserve(const struct config *config, struct process *process, uint32_t device, uint64_t bytes);

/* Corrects the charge of everything that is measured on `device`. */
void relief_settle(const struct config *config, struct process *process, uint32_t device);

#endif

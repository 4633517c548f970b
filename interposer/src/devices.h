/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The devices that this process sees, and which of them an allocation is for.
 */
#ifndef GPUSLICE_DEVICES_H
#define GPUSLICE_DEVICES_H

#include "state.h"

enum devices_result {
    DEVICES_FOUND,
    DEVICES_UNKNOWN, /* the driver does not say (not initialised, no context): it should refuse the allocation too */
    DEVICES_BEYOND,  /* more devices than a page has lines for */
};

/* Whether this process sees one device alone: then every context is its. Where there is no context the driver refuses, and
 * nobody needs to ask. */
static inline bool devices_is_one(struct process *process)
{
    /* acquire pairs with the release in devices.c: `devices` is complete. */
    return atomic_load_explicit(&process->has_devices, memory_order_acquire) && process->devices.count == 1;
}

/* The current context's device, as an index into process->devices. With several devices the driver is asked each time:
 * the CUDA runtime changes contexts without coming by. */
enum devices_result devices_of_context(struct process *process, uint32_t *index);

/* The device that the CUDA runtime calls `ordinal`. */
enum devices_result devices_of_ordinal(struct process *process, int ordinal, uint32_t *index);

/* The device that the driver calls `device`. */
enum devices_result devices_of_handle(struct process *process, gs_device device, uint32_t *index);

/* The device that `stream` runs on. */
enum devices_result devices_of_stream(struct process *process, gs_object stream, uint32_t *index);

/* The device with that UUID. DEVICES_BEYOND: this process does not see it. */
enum devices_result devices_of_uuid(struct process *process, const uint8_t *uuid, uint32_t *index);

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A driver for the unit tests of the hooks: two devices, memory that is only a number, and calls that can be made to
 * fail. It stands in for resolve.c. Written after the CUDA driver API reference, for its functions one by one.
 */
#ifndef GPUSLICE_TEST_DRIVER_H
#define GPUSLICE_TEST_DRIVER_H

#include "cuda_types.h"
#include "export.h"
#include "resolve.h"

#define MIB (1ull << 20)

/* What a pool or a device's graph memory takes at a time. */
#define DRIVER_CHUNK (2 * MIB)
/* Rows of pitched memory begin at multiples of this; tests change it. */
extern _Atomic uint64_t driver_pitch;

void driver_reset(void);

/* Bytes of the device that are taken. */
uint64_t driver_bytes(int device);

/* The next call of this function answers `result` and does nothing; `after` calls from now. */
void driver_fail(enum driver_function function, gs_result result, int after);
/* All of them do, until this is called with GS_SUCCESS. */
void driver_fail_always(enum driver_function function, gs_result result);
/* No function fails any more. */
void driver_calm(void);
/* How often it was called. */
int driver_calls(enum driver_function function);
/* As if the driver were too old to have it. */
void driver_lack(enum driver_function function);

/* The context that is current for the calling thread: NULL for none. */
void driver_set_context(gs_object context);
gs_object driver_primary_context(int device);

/* Pools take this much more than they need, from now on. */
void driver_greed(uint64_t bytes);
/* Freed memory counts as used, and is not let go of by a trim, until a stream is synchronized. */
void driver_lag(bool on);
/* Events that were created and not destroyed. */
int driver_events(void);
/* What the next allocation of so many bytes will be called. */
uint64_t driver_next_handle(uint64_t bytes);
/* Every stream is being captured. */
void driver_capture(bool on);

/* A graph with allocation nodes of these bytes on device 0; `child` is one with such nodes, or NULL. */
gs_object driver_graph(const uint64_t *bytes, int nodes, gs_object child);

/* The first context of a process on a device takes this much from now on. */
void driver_overhead(uint64_t bytes);
/* As if NVML were not installed. */
void driver_lack_nvml(void);

/* NVML's handle of a device, and what it says is taken there. */
gs_object driver_nvml(int device);

#endif

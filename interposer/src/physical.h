/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Physical memory lives as long as somebody holds it: references to its handle (create, retain, import), mappings, the
 * sparse arrays it is mapped into, the multicast objects it is bound to. It is credited when the last of them is gone,
 * in whatever order they go. Handles that are not charged (multicast objects, imports) are known here as well, because
 * they hold others or are mapped in the same way.
 *
 * Every function wants to be between physical_enter and physical_leave, and the driver's call that it follows to be there
 * too: a handle or an address that the driver has taken back may be handed out again at once.
 */
#ifndef GPUSLICE_PHYSICAL_H
#define GPUSLICE_PHYSICAL_H

#include "cuda_types.h"
#include "imports.h"
#include "state.h"

int physical_enter(struct process *process);
void physical_leave(struct process *process, int state);

/* A new handle, with one reference; a known one gets a reference more. `device` is that of its charge of `bytes`, or
 * PHYSICAL_NOT_CHARGED. False: no memory to remember it. */
#define PHYSICAL_NOT_CHARGED UINT32_MAX
bool physical_add(struct process *process, gs_handle handle, uint32_t device, uint64_t bytes);
uint32_t physical_device(struct process *process, gs_handle handle);
/* The driver has made `handle`: what it called so before is released, and goes by a number of ours as long as it is held
 * (or believed to be: see hooks_vmm.c about arrays). Returned; 0: there was none, or it has to share the number. */
gs_handle physical_make_way(struct process *process, gs_handle handle);
/* Whether it is charged here, and the program has no reference to it any more. */
bool physical_is_only_held(struct process *process, gs_handle handle);
/* Which device it is on, charged or not: as told by physical_add, or by physical_locate of what is not charged here. */
void physical_locate(struct process *process, gs_handle handle, uint32_t device);
uint32_t physical_location(struct process *process, gs_handle handle);
void physical_retain(struct process *process, gs_handle handle);
void physical_release(struct process *process, gs_handle handle);

/* The handle was exported under this key; all 0: under one that says nothing. The daemon is told of what is charged; false:
 * it could not be, and nobody may have what was exported. */
bool physical_exported(struct process *process, gs_handle handle, struct share_key key);
/* `import` is another handle for what was exported under this key, and holds it; it takes the charge over when the driver
 * has nothing else of the first one, whose number it may then use for other memory. Where the key says nothing, it may be
 * any of those, and holds them all: rather too much charged than too little. For the same reason it holds `former`, which
 * had to make way for it; 0: none. */
void physical_hold_exported(struct process *process, gs_handle import, struct share_key key, gs_handle former);

/* A mapping. False: no memory to remember it. */
bool physical_map(struct process *process, gs_deviceptr address, uint64_t bytes, gs_handle handle);
/* One or several whole mappings that follow each other. */
void physical_unmap(struct process *process, gs_deviceptr address, uint64_t bytes);
/* What is mapped at an address; 0: nothing that is known. */
gs_handle physical_at(struct process *process, gs_deviceptr address);

/* An array as a holder: its number may be an allocation handle's as well. No address has that bit. */
static inline uint64_t physical_array(gs_object array)
{
    return (uintptr_t)array | 1ull << 62;
}

/* `holder`, an array or a multicast object, holds `handle` from now on. `device` and `offset` tell the places of a
 * multicast object apart; for an import the former is PHYSICAL_BY_AN_IMPORT. */
#define PHYSICAL_BY_AN_IMPORT (UINT32_MAX - 1)
void physical_hold(struct process *process, uint64_t holder, uint32_t device, uint64_t offset, gs_handle handle);
/* It holds nothing at that place any more, or nothing at all. */
void physical_let_go(struct process *process, uint64_t holder, uint32_t device, uint64_t offset);
void physical_let_go_all(struct process *process, uint64_t holder);

#endif

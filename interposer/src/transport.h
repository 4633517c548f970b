/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The connection to the daemon: joining (HELLO, WELCOME, the page), requests with bounded waits, reconnecting.
 *
 * Waits. The socket is absent or refuses: tries for GPUSLICE_IPC_WAIT, then gives up, and gives up at once from
 * then on, but for one probe a second. Connected and silent: 2 s, then gives up at once until the late reply is there.
 *
 * Every function wants the process's lock held and cancellation disabled, and keeps errno.
 */
#ifndef GPUSLICE_TRANSPORT_H
#define GPUSLICE_TRANSPORT_H

#include "state.h"

struct transport_reply {
    uint16_t type; /* enum gpuslice_frame_type, and only those that answer the request */
    union {
        struct gpuslice_welcome welcome;
        struct gpuslice_granted granted;
        struct gpuslice_denied denied;
        struct gpuslice_status status;
        struct gpuslice_error error;
    } as;
};

/* Makes sure that there is a page: joins unless this process has, and says what waits to be said. False: connection.error and .reason say why. */
bool transport_join(const struct config *config, struct process *process);

/* CHARGE, with GPUSLICE_CHARGE_* as flags. `reply` is GRANTED, DENIED or ERROR. False: no answer; connection.error and .reason say why. */
bool transport_charge(const struct config *config, struct process *process, uint32_t device, uint64_t bytes,
                      uint32_t flags, struct transport_reply *reply);

/* QUERY. `reply` is STATUS or ERROR. */
bool transport_query(const struct config *config, struct process *process, struct transport_reply *reply);

/* FREED, one way. Where there is no connection it is kept, up to UNREPORTED_MAX, and goes before the next request. */
void transport_freed(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle);

/* SHARE, one way: whatever shares_next() has to say, now where there is a connection, else before the next request. */
void transport_shares(struct process *process);

#endif

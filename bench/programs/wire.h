/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon as its clients see it, with nothing of the library in between. Whatever fails ends the program. */
#ifndef WIRE_H
#define WIRE_H

#include "bench.h"
#include "gpuslice_abi.h"

#define STEP 4096ull

/* A member of a session: its connection, and its page's words for device 0. */
struct guest {
    int fd;
    uint32_t seq;
    struct gpuslice_page_device *device;
};

int wire_connect(const char *path);
int wire_listen(const char *path);
void wire_send(int fd, const void *data, size_t length);
void wire_receive(int fd, void *data, size_t length);

/* A session without a leader, which stays until it is removed. GPUSLICE_IPC_TOKEN: the operator's, if there is one. */
struct gpuslice_opened wire_open(const char *path, const char *limit, uint32_t flags);
void wire_remove(const char *path, const struct gpuslice_opened *session);
/* This process becomes a member. */
struct guest wire_join(const char *path, const struct gpuslice_opened *session);
/* Asks for so much more and, where it is granted, uses it. False: denied. */
bool wire_charge(struct guest *guest, uint64_t bytes);

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A daemon that a test scripts line by line, in a thread of its own. Every function that reads gives up after ten
 * seconds and fails the test.
 */
#ifndef GPUSLICE_TEST_DAEMON_H
#define GPUSLICE_TEST_DAEMON_H

#include <pthread.h>

#include "gpuslice_abi.h"
#include "state.h"
#include "test.h"

struct daemon {
    char folder[64];
    struct config config; /* for the shim that is to find this daemon */
    int listener;         /* -1: nobody listens */
    pthread_t thread;
    void (*script)(struct daemon *daemon, void *context);
    void *context;
};

/* A folder and a config; nobody listens yet. */
void daemon_prepare(struct daemon *daemon);
void daemon_listen(struct daemon *daemon);
void daemon_stop_listening(struct daemon *daemon);
/* Listens, and runs the script beside the test. */
void daemon_start(struct daemon *daemon, void (*script)(struct daemon *, void *), void *context);
/* Waits for the script's end and removes the folder. */
void daemon_finish(struct daemon *daemon);

int daemon_accept(struct daemon *daemon);

struct request {
    struct gpuslice_frame frame;
    union {
        struct gpuslice_hello hello;
        struct gpuslice_charge charge;
        struct gpuslice_freed freed;
        struct gpuslice_share share;
    } as;
};
/* False: the shim closed the connection. */
bool daemon_read(int connection, struct request *request);
void daemon_send(int connection, uint16_t type, uint32_t seq, const void *payload, size_t size);
/* WELCOME and the byte with the page. */
void daemon_welcome(int connection, const struct request *hello, uint32_t flags, int page);
void daemon_send_page(int connection, int page);
/* accept, HELLO, WELCOME. */
int daemon_join(struct daemon *daemon, uint32_t flags, int page);
void daemon_grant(int connection, const struct request *charge, uint64_t total);
void daemon_deny(int connection, const struct request *charge, uint32_t code, uint64_t used, uint64_t limit);

#endif

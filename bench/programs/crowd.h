/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that begin at one moment, each timing what it does; for the clients of the daemon are processes. */
#ifndef CROWD_H
#define CROWD_H

#include "bench.h"

#define MOST_CLIENTS 2048

struct crowd {
    int clients;
    long each;                      /* timed actions of each client */
    void *(*begin)(int client);     /* in the client, before the common start; its result is given to the next */
    void (*act)(void *of_client);   /* what is timed */
};

/* One line of JSON: {"kind", "clients", "requests", "p50_us", "p99_us", "p999_us", "max_us", "per_second"}. */
void crowd_run(const char *kind, const struct crowd *crowd);

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A session with a limit, the driver of driver.h, and this process as its only member: what the tests of the hooks
 * need. What the ledger says is compared with what the driver has given.
 */
#ifndef GPUSLICE_TEST_SESSION_H
#define GPUSLICE_TEST_SESSION_H

#include "driver.h"
#include "gpuslice_abi.h"
#include "test.h"

/* `limit` on both devices; nobody has asked for anything yet. */
void session_begin(uint64_t limit);
/* Checks that the books were closed with what the driver still holds. */
void session_end(void);
/* The same without a look at the books. */
void session_close(void);

/* RUN with a session around the test. */
#define RUN_IN_SESSION(test, limit) session_run(#test, test, limit)
void session_run(const char *name, void (*test)(void), uint64_t limit);

/* As GPUSLICE_COUNT_CONTEXT would say. */
void session_count_context(uint64_t bytes);

/* Every allocation is decided and every free heard of; before anything is allocated. */
void session_be_strict(void);
/* Bytes that were granted, and that were reported as freed. */
uint64_t session_granted(void);
uint64_t session_freed(void);

/* What was said about memory that is shared, since the last question: how many frames, and the first of them. */
#define SESSION_SHARES 16u
uint32_t session_shares(struct gpuslice_share heard[SESSION_SHARES]);

/* The daemon dies with the next of these before it: it neither hears nor answers that, and is back at once. */
void session_miss_a_share(void);

/* The daemon ends the connection and cannot be found; and is back. */
void session_lose_daemon(void);
void session_find_daemon(void);

uint64_t session_used(uint32_t device);
struct gpuslice_page_device *session_line(uint32_t device);
uint64_t session_allocations(uint32_t device);
uint64_t session_frees(uint32_t device);
/* The number of entries of a kind, and the bytes of them all. */
uint32_t session_entries(uint32_t kind, uint64_t *bytes);
/* How many charges were asked, denied, and raised because the memory was held. */
struct session_counts {
    int asked, denied, held;
};
struct session_counts session_counts(void);

/* used == what the driver has given, on both devices. */
#define CHECK_BOOKS()                                   \
    do {                                                \
        CHECK_EQUAL(session_used(0), driver_bytes(0));  \
        CHECK_EQUAL(session_used(1), driver_bytes(1));  \
    } while (0)

#endif

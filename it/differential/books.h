/* SPDX-License-Identifier: Apache-2.0 */
/* Both books, and their comparison. */
#ifndef BOOKS_H
#define BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

/* Per device and kind: exactly the same. Known differences, each with its own arithmetic:
 *   shrunk   a pool, or a device's graph memory, gave something back at a synchronization and the ledger has not looked
 *            since: it stands above, and equal once it looked (`settled`)
 *   tiles    what was mapped into a sparse array is charged until that is destroyed, though the tiles were unmapped or the
 *            array went with its context before: the page stands above by at most that, and never below
 *   imports  what another process exported and let go of is on the card's books of this one, and on nobody's page (yet) */
void books_compare(const struct world *worlds, unsigned count, bool settled);
void books_compare_importer(void);

/* What cuMemGetInfo says of a device; `others`: what the session's other processes hold there. */
void books_compare_info(int device, uint64_t free, uint64_t total, uint64_t others);

/* On the ledger page; in bytes. */
uint64_t books_used(int device);
/* The card's. */
uint64_t books_capacity(int device);

void books_print(void);
/* Prints both books and the journal, and ends the process with 1. */
void books_fail(void) __attribute__((noreturn));
/* What is printed with them. */
extern void (*books_journal)(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A way to take memory, as a program sees it: main.c fills a device with one of them. */
#ifndef FAMILIES_H
#define FAMILIES_H

#include "guest.h"

struct family {
    const char *name;
    int (*alloc)(size_t i); /* the block with that number; CUDA's code */
    int (*release)(size_t i);
    int (*end)(void); /* when all blocks are released, gives back what the family still keeps; may be NULL */
    size_t bytes;     /* what a block takes of the device */
};

#define FAMILY_MOST 4096

/* The API's own families; the last has no name. */
extern const struct family families[];
int families_open(void);

#endif

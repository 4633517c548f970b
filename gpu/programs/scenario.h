/* SPDX-License-Identifier: Apache-2.0 */
/* One way to take device memory, tried until it is refused. What a program says and is told, a line each:
 *
 *   ready total=BYTES                         a context is there and one block was taken and given back
 *   > fill    held bytes=B blocks=N code=C    took blocks until refused, or until it had more than it should get
 *   > again   again bytes=B blocks=N code=C   gave half of them back and took blocks until refused once more
 *   > free    freed failed=N                  gave all back
 *
 * or, with --pairs, "pair ns=MEDIAN count=N". What cannot be tried is said as "cannot call=… code=C". */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <stddef.h>

struct block {
    unsigned long long address;
    void *object, *parent; /* what a family needs beside an address to give it back */
    size_t bytes;          /* what the program may use, or a little more where rows are padded */
};

/* Codes are CUDA's own: 0 is success, 2 out of memory. */
struct family {
    const char *name;
    int (*prepare)(void); /* before CUDA is touched; NULL where there is nothing to prepare. An errno */
    int (*take)(struct block *block, size_t bytes);
    int (*give)(struct block *block);
    int (*touch)(const struct block *block); /* makes the device hold it; NULL where it does so by itself */
    int (*settle)(void); /* after blocks were given back: what the API asks for to let the memory go; NULL for nothing */
};

struct api {
    int (*open)(void); /* a context is current afterwards */
    int (*total)(size_t *bytes);
    const struct family *families;
    size_t count;
};

/* main of a program that tries one of the families: NAME [--block BYTES] [--most BYTES] [--pairs MILLISECONDS]. */
int scenario_main(int argc, char **argv, const struct api *api);

#endif

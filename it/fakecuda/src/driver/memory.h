/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_H
#define MEMORY_H

#include "driver.h"

/* Frees every block of the context, as its destruction does. */
void memory_free_all(CUcontext context);

#endif

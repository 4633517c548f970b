/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Our descriptors in somebody else's process: close-on-exec, at numbers the guest does not expect, and never used or
 * closed before their identity was checked.
 */
#ifndef GPUSLICE_DESCRIPTOR_H
#define GPUSLICE_DESCRIPTOR_H

#include "state.h"

/* Takes `number` over, perhaps under another number. False: it is closed, `descriptor` is not open. */
bool descriptor_adopt(struct descriptor *descriptor, int number);

/* Notes what `number` is now, without taking it over; false, and not open: it is closed. */
bool descriptor_remember(struct descriptor *descriptor, int number);

/* Whether the number is still the file that was adopted or remembered. */
bool descriptor_is_ours(const struct descriptor *descriptor);

/* Closes it, unless the guest did and has the number for something else. */
void descriptor_close(struct descriptor *descriptor);

#endif

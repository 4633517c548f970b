/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOKS_H
#define BOOKS_H

#include "card.h"

/* Settles what the slot's last owner left on the device and starts this process's books there. */
void books_open(struct card *card, uint32_t device);

#endif

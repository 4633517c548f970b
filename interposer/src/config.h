/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the launcher handed over in the environment. Read once, at the first look, and inherited over fork: a program
 * that clears its environment stays in its session.
 */
#ifndef GPUSLICE_CONFIG_H
#define GPUSLICE_CONFIG_H

#include "state.h"

#define CONFIG_DEFAULT_WAIT_MS 5000u

/* NULL: this program is in no session, and every hook forwards. */
const struct config *config_get(void);

/* "250" or "250ms", "5s", "1m" in milliseconds; false: anything else, or over an hour. */
bool config_parse_wait(const char *text, uint32_t *ms);

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the launcher handed over in the environment. Read once, at the first look, and inherited over fork: a program
 * that clears its environment, before that or after, stays in its session.
 */
#ifndef GPUSLICE_CONFIG_H
#define GPUSLICE_CONFIG_H

#include "state.h"

#define CONFIG_DEFAULT_WAIT_MS 5000u

/* config.count_context */
#define CONFIG_COUNT_MEASURED UINT64_MAX

/* NULL: this program is in no session, and every hook forwards. */
const struct config *config_get(void);

/* "250" or "250ms", "5s", "1m" in milliseconds; false: anything else, or over an hour. */
bool config_parse_wait(const char *text, uint32_t *ms);

/* "measured", or a number of bytes. Anything else is more than any device has: refused, rather than not counted. */
uint64_t config_parse_count_context(const char *text);

#endif

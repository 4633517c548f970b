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

/* What was read; NULL: nothing yet. A program without a session has one as well, which says just that. */
extern const struct config *_Atomic config_current __attribute__((visibility("hidden")));
extern const struct config config_in_no_session __attribute__((visibility("hidden")));
const struct config *config_load(void);

/* NULL: this program is in no session, and every hook forwards. */
static inline const struct config *config_get(void)
{
    /* acquire pairs with config_load's release: what it points to is filled in. */
    const struct config *config = atomic_load_explicit(&config_current, memory_order_acquire);
    if (__builtin_expect(config == NULL, 0))
        config = config_load();
    return config == &config_in_no_session ? NULL : config;
}

/* "250" or "250ms", "5s", "1m" in milliseconds; false: anything else, or over an hour. */
bool config_parse_wait(const char *text, uint32_t *ms);

/* "measured", or a number of bytes. Anything else is more than any device has: refused, rather than not counted. */
uint64_t config_parse_count_context(const char *text);

#endif

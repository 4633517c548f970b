/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "debug.h"
#include "environment.h"

const struct config config_in_no_session;
const struct config *_Atomic config_current;

bool config_parse_wait(const char *text, uint32_t *ms)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > 3600000)
            return false;
    }
    if (at == text)
        return false;
    if (strcmp(at, "s") == 0)
        value *= 1000;
    else if (strcmp(at, "m") == 0)
        value *= 60000;
    else if (*at != '\0' && strcmp(at, "ms") != 0)
        return false;
    if (value > 3600000)
        return false;
    *ms = (uint32_t)value;
    return true;
}

uint64_t config_parse_count_context(const char *text)
{
    if (strcmp(text, "measured") == 0)
        return CONFIG_COUNT_MEASURED;
    uint64_t bytes = 0;
    for (const char *at = text; *at >= '0' && *at <= '9' && bytes <= GPUSLICE_MAX_BYTES; at++) {
        bytes = bytes * 10 + (uint64_t)(*at - '0');
        if (at[1] == '\0')
            return bytes <= GPUSLICE_MAX_BYTES ? bytes : GPUSLICE_MAX_BYTES + 1;
    }
    return GPUSLICE_MAX_BYTES + 1;
}

static bool copy(char *to, size_t size, const char *name)
{
    const char *value = environment_get(name);
    size_t length = value == NULL ? 0 : strlen(value);
    if (length >= size)
        return false;
    memcpy(to, value == NULL ? "" : value, length);
    return true;
}

static void fill(struct config *config)
{
    bool fits = copy(config->session_id, sizeof config->session_id, "GPUSLICE_SESSION");
    fits &= copy(config->token, sizeof config->token, "GPUSLICE_IPC_TOKEN");
    fits &= copy(config->socket_path, sizeof config->socket_path, "GPUSLICE_IPC_SOCK");
    config->too_long = !fits;
    config->wait_ms = CONFIG_DEFAULT_WAIT_MS;
    const char *wait = environment_get("GPUSLICE_IPC_WAIT");
    if (wait != NULL && !config_parse_wait(wait, &config->wait_ms))
        debug_line("GPUSLICE_IPC_WAIT is '%s'; 250ms, 5s, 1m or a number of milliseconds are accepted: waiting %u ms", wait,
                   CONFIG_DEFAULT_WAIT_MS);
    const char *count_context = environment_get("GPUSLICE_COUNT_CONTEXT");
    config->count_context = count_context == NULL || *count_context == '\0' ? 0 : config_parse_count_context(count_context);
}

static const struct config *load(void)
{
    /* A dlsym before libc has set up the environment must not switch the limit off for good. */
    if (environ == NULL)
        return NULL;
    const struct config *loaded = &config_in_no_session;
    const char *session = environment_get("GPUSLICE_SESSION");
    if (session != NULL && session[0] != '\0') {
        /* Not malloc: this may be the first call of a program whose allocator is not ready. */
        struct config *config = mmap(NULL, sizeof *config, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (config == MAP_FAILED) {
            static const struct config nothing_fits = {.too_long = true};
            return &nothing_fits;
        }
        fill(config);
        loaded = config;
    }
    const struct config *expected = NULL;
    /* release pairs with config_get's acquire. No flag and no lock: a fork in here must leave nothing half done. */
    if (!atomic_compare_exchange_strong_explicit(&config_current, &expected, loaded, memory_order_release,
                                                 memory_order_acquire)) {
        if (loaded != &config_in_no_session)
            munmap((void *)(uintptr_t)loaded, sizeof *loaded);
        loaded = expected;
    }
    return loaded;
}

const struct config *config_load(void)
{
    int saved = errno;
    const struct config *config = load();
    errno = saved;
    return config;
}

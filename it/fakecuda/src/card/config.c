/* SPDX-License-Identifier: Apache-2.0 */
/* What the environment says about the card. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "card.h"

#define DEFAULT_MEMORY "24G"
#define SMALLEST (1ull << 20)
#define LARGEST (1ull << 40) /* the address space of one device is laid out for no more (driver/heap.c) */

void card_complain(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "fakecuda: %s\n", line);
}

/* "512M", "1G": base 1024; reads up to the end or a comma and moves *text there. */
static bool parse_size(const char **text, uint64_t *bytes)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(*text, &end, 10);
    if (end == *text || errno != 0 || **text < '0' || **text > '9')
        return false;
    static const char units[] = "KMGT";
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    unsigned shift = 0;
    if (unit != NULL) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (number > LARGEST >> shift || (*end != '\0' && *end != ','))
        return false;
    *bytes = number << shift;
    *text = end;
    return true;
}

bool card_read_config(struct card_config *config)
{
    const char *count = getenv("FAKECUDA_DEVICES"), *memory = getenv("FAKECUDA_MEMORY");
    *config = (struct card_config){.device_count = 1, .explicit = count != NULL || memory != NULL};
    const char *text = memory != NULL ? memory : DEFAULT_MEMORY;
    uint32_t sizes = 0;
    for (;; text++) {
        if (sizes == FAKECUDA_DEVICES || !parse_size(&text, &config->capacity[sizes])
            || config->capacity[sizes] < SMALLEST) {
            card_complain("FAKECUDA_MEMORY='%s' is not a list of at most %u sizes of 1M to 1T, such as 24G or 1G,2G", memory,
                          FAKECUDA_DEVICES);
            return false;
        }
        sizes++;
        if (*text == '\0')
            break;
    }
    config->device_count = sizes;
    if (count != NULL) {
        char *end;
        unsigned long number = strtoul(count, &end, 10);
        if (*count < '0' || *count > '9' || *end != '\0' || number > FAKECUDA_DEVICES) {
            card_complain("FAKECUDA_DEVICES='%s' is not a number of 0 to %u", count, FAKECUDA_DEVICES);
            return false;
        }
        config->device_count = (uint32_t)number;
    }
    if (sizes != 1 && sizes != config->device_count) {
        card_complain("FAKECUDA_MEMORY names %u sizes, FAKECUDA_DEVICES %u devices", sizes, config->device_count);
        return false;
    }
    for (uint32_t i = sizes; i < config->device_count; i++)
        config->capacity[i] = config->capacity[0];
    return true;
}

bool card_read_size(const char *variable, uint64_t otherwise, uint64_t *bytes)
{
    const char *text = getenv(variable), *end = text;
    *bytes = otherwise;
    if (text == NULL)
        return true;
    char *number_end;
    unsigned long long small = strtoull(text, &number_end, 10);
    if (*text >= '0' && *text <= '9' && *number_end == '\0') { /* without a unit: bytes, even few or none */
        *bytes = small;
        return true;
    }
    if (parse_size(&end, bytes) && *end == '\0')
        return true;
    card_complain("%s='%s' is not a size such as 2M or 65536", variable, text);
    return false;
}

const char *card_state_path(char *buffer, size_t size)
{
    const char *path = getenv("FAKECUDA_STATE");
    if (path != NULL && *path != '\0')
        return path;
    snprintf(buffer, size, "/dev/shm/fakecuda-%u", (unsigned)getuid());
    return buffer;
}

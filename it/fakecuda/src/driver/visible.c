/* SPDX-License-Identifier: Apache-2.0 */
/* CUDA_VISIBLE_DEVICES: "a comma-separated list of GPU identifiers (integer index or UUID) ... in the order they are
 * listed; if one of the indices is invalid, only the devices listed before it are visible"; a UUID may be abbreviated
 * as long as it stays unique (CUDA C++ programming guide, environment variables). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "uuid.h"

/* The card's device that an identifier of `length` characters names; -1 if none does, or several. */
static int find_device(const struct fakecuda_card *map, const char *text, size_t length)
{
    int found = -1;
    for (uint32_t i = 0; i < map->device_count; i++) {
        char name[UUID_TEXT], index[16];
        uuid_format(map->devices[i].uuid, name);
        snprintf(index, sizeof index, "%u", i);
        bool by_index = strlen(index) == length && strncmp(index, text, length) == 0;
        bool by_uuid = length > strlen("GPU-") && strncasecmp(name, text, length) == 0;
        if (by_index || by_uuid) {
            if (found >= 0)
                return -1;
            found = (int)i;
        }
    }
    return found;
}

void driver_find_visible_devices(struct driver *driver)
{
    const struct fakecuda_card *map = driver->card.map;
    const char *text = getenv("CUDA_VISIBLE_DEVICES");
    driver->device_count = 0;
    if (text == NULL) {
        for (uint32_t i = 0; i < map->device_count; i++)
            driver->device[driver->device_count++] = i;
        return;
    }
    bool taken[FAKECUDA_DEVICES] = {false};
    while (*text != '\0') {
        text += strspn(text, " \t");
        size_t length = strcspn(text, ", \t");
        int device = find_device(map, text, length);
        if (device < 0 || taken[device])
            return;
        taken[device] = true;
        driver->device[driver->device_count++] = (uint32_t)device;
        text += length;
        text += strspn(text, ", \t");
    }
}

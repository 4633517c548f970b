/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UUID_H
#define UUID_H

#include <stdint.h>
#include <stdio.h>

#define UUID_TEXT 41 /* "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" and the NUL */

static inline void uuid_format(const uint8_t uuid[16], char text[UUID_TEXT])
{
    text += snprintf(text, UUID_TEXT, "GPU-");
    for (int i = 0; i < 16; i++)
        text += sprintf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
}

#endif

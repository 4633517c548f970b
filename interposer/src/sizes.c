/* SPDX-License-Identifier: Apache-2.0 */
#include "sizes.h"

bool sizes_pitch_bound(uint64_t width, uint64_t height, uint64_t *bytes)
{
    uint64_t padded;
    if (__builtin_add_overflow(width, SIZES_PITCH_ALIGNMENT - 1, &padded))
        return false;
    padded &= ~(uint64_t)(SIZES_PITCH_ALIGNMENT - 1);
    return !__builtin_mul_overflow(padded, height, bytes);
}

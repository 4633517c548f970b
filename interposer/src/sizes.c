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

/* ------------------------------------------------------------ arrays */

/* Bits of an element (of a block's pixel, where formats are compressed in blocks of 4 × 4), and whether that is per
 * channel. CUarray_format; planar YUV formats are those of a pixel with its share of the subsampled planes. */
static const struct format {
    uint8_t number;
    uint8_t bits;
    bool per_channel;
    bool blocks;
} formats[] = {
    {0x01, 8, true, false},    /* UNSIGNED_INT8 */
    {0x02, 16, true, false},   /* UNSIGNED_INT16 */
    {0x03, 32, true, false},   /* UNSIGNED_INT32 */
    {0x08, 8, true, false},    /* SIGNED_INT8 */
    {0x09, 16, true, false},   /* SIGNED_INT16 */
    {0x0a, 32, true, false},   /* SIGNED_INT32 */
    {0x10, 16, true, false},   /* HALF */
    {0x20, 32, true, false},   /* FLOAT */
    {0x50, 32, false, false},  /* UNORM_INT_101010_2 */
    {0x91, 4, false, true},    /* BC1 */
    {0x92, 4, false, true},
    {0x93, 8, false, true},    /* BC2 */
    {0x94, 8, false, true},
    {0x95, 8, false, true},    /* BC3 */
    {0x96, 8, false, true},
    {0x97, 4, false, true},    /* BC4 */
    {0x98, 4, false, true},
    {0x99, 8, false, true},    /* BC5 */
    {0x9a, 8, false, true},
    {0x9b, 8, false, true},    /* BC6H */
    {0x9c, 8, false, true},
    {0x9d, 8, false, true},    /* BC7 */
    {0x9e, 8, false, true},
    {0x9f, 24, false, false},  /* P010: 4:2:0 in 16 bits */
    {0xa1, 24, false, false},  /* P016 */
    {0xa2, 16, false, false},  /* NV16: 4:2:2 in 8 bits */
    {0xa3, 32, false, false},  /* P210 */
    {0xa4, 32, false, false},  /* P216 */
    {0xa5, 16, false, false},  /* YUY2 */
    {0xa6, 32, false, false},  /* Y210 */
    {0xa7, 32, false, false},  /* Y216 */
    {0xa8, 32, false, false},  /* AYUV */
    {0xa9, 32, false, false},  /* Y410 */
    {0xb0, 12, false, false},  /* NV12: 4:2:0 in 8 bits */
    {0xb1, 64, false, false},  /* Y416 */
    {0xb2, 24, false, false},  /* Y444 in 8 bits */
    {0xb3, 48, false, false},  /* Y444 in 10 bits */
    {0xb4, 24, false, false},  /* YUV444, semi-planar, in 8 bits */
    {0xb5, 48, false, false},  /* YUV444, semi-planar, in 16 bits */
    {0xc0, 8, false, false},   /* UNORM_INT8X1 */
    {0xc1, 16, false, false},
    {0xc2, 32, false, false},
    {0xc3, 16, false, false},  /* UNORM_INT16X1 */
    {0xc4, 32, false, false},
    {0xc5, 64, false, false},
    {0xc6, 8, false, false},   /* SNORM_INT8X1 */
    {0xc7, 16, false, false},
    {0xc8, 32, false, false},
    {0xc9, 16, false, false},  /* SNORM_INT16X1 */
    {0xca, 32, false, false},
    {0xcb, 64, false, false},
};

/* One that is not known yet: the largest element there is. */
static const struct format largest = {0, 128, false, false};

static const struct format *format_of(int number)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (formats[i].number == number)
            return &formats[i];
    }
    return &largest;
}

static uint64_t at_least_1(uint64_t extent)
{
    return extent > 0 ? extent : 1;
}

static bool level_bytes(const struct format *format, const struct gs_array3d *array, const uint64_t extent[3],
                        uint64_t *bytes)
{
    uint64_t bits = format->bits, sides[2] = {extent[0], extent[1]};
    if (format->per_channel)
        bits *= array->channels;
    for (int i = 0; i < 2 && format->blocks; i++) {
        if (__builtin_add_overflow(sides[i], 3, &sides[i]))
            return false;
        sides[i] &= ~(uint64_t)3;
    }
    uint64_t pixels, sum;
    if (__builtin_mul_overflow(sides[0], sides[1], &pixels) || __builtin_mul_overflow(pixels, extent[2], &pixels) ||
        __builtin_mul_overflow(pixels, bits, &sum) || __builtin_add_overflow(sum, 7, &sum))
        return false;
    *bytes = sum / 8;
    return true;
}

bool sizes_array(const struct gs_array3d *array, uint32_t levels, uint64_t *bytes)
{
    *bytes = 0;
    if (array->flags & (GS_ARRAY_SPARSE | GS_ARRAY_DEFERRED))
        return true;
    uint64_t extent[3] = {at_least_1(array->width), at_least_1(array->height), at_least_1(array->depth)};
    bool layers = array->flags & (GS_ARRAY_LAYERED | GS_ARRAY_CUBEMAP);
    for (uint32_t level = 0;; level++) {
        uint64_t more;
        if (!level_bytes(format_of(array->format), array, extent, &more) || __builtin_add_overflow(*bytes, more, bytes))
            return false;
        /* More levels than it takes to come down to one element are cut off. */
        if (level + 1 >= levels || (extent[0] == 1 && extent[1] == 1 && (layers || extent[2] == 1)))
            return true;
        for (int i = 0; i < (layers ? 2 : 3); i++)
            extent[i] = at_least_1(extent[i] / 2);
    }
}

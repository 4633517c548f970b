/* SPDX-License-Identifier: Apache-2.0 */
#include "debug.h"
#include "sizes.h"
#include "test.h"

#include <string.h>

static void rowsArePaddedTo512Bytes(void)
{
    uint64_t bytes = 0;
    CHECK(sizes_pitch_bound(1, 1, &bytes));
    CHECK_EQUAL(bytes, 512);
    CHECK(sizes_pitch_bound(512, 3, &bytes));
    CHECK_EQUAL(bytes, 1536);
    CHECK(sizes_pitch_bound(513, 100, &bytes));
    CHECK_EQUAL(bytes, 102400);
}

static void aPitchThatDoesNotFitIntoSixtyFourBitsIsNoSize(void)
{
    static const uint64_t huge[] = {1ull << 32, INT64_MAX, UINT64_MAX - 511, UINT64_MAX - 510, UINT64_MAX};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        for (size_t j = 0; j < sizeof huge / sizeof *huge; j++)
            CHECK(!sizes_pitch_bound(huge[i], huge[j], &bytes));
    }
    CHECK(sizes_pitch_bound(INT64_MAX, 1, &bytes));
    CHECK_EQUAL(bytes, 1ull << 63);
    CHECK(!sizes_pitch_bound(INT64_MAX, 2, &bytes));
    CHECK(!sizes_pitch_bound(UINT64_MAX, 1, &bytes)); /* the padding itself overflows */
}

static void sizesReadAsIec(void)
{
    char text[DEBUG_SIZE_LENGTH];
    CHECK(strcmp(debug_size(text, 0), "0 B") == 0);
    CHECK(strcmp(debug_size(text, 64ull << 20), "64.0 MiB") == 0);
    CHECK(strcmp(debug_size(text, 1536), "1.5 KiB") == 0);
    CHECK(strcmp(debug_size(text, UINT64_MAX), "16.0 EiB") == 0);
}

void sizes_tests(void)
{
    RUN(rowsArePaddedTo512Bytes);
    RUN(aPitchThatDoesNotFitIntoSixtyFourBitsIsNoSize);
    RUN(sizesReadAsIec);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"
#include "sizes.h"

#define FLOAT 0x20

static void arraysOfEveryShapeAreCharged(void)
{
    struct gs_array_v1 old = {1024, 512, FLOAT, 1};
    struct gs_array flat = {1024, 0, FLOAT, 1};
    struct gs_array3d_v1 old_solid = {64, 32, 16, FLOAT, 1, 0};
    struct gs_array3d solid = {64, 32, 16, FLOAT, 1, 0};
    gs_object arrays[5];
    CHECK_EQUAL(cuArrayCreate(&arrays[0], &old), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB);
    CHECK_EQUAL(cuArrayCreate_v2(&arrays[1], &flat), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB + 4096);
    CHECK_EQUAL(cuArray3DCreate(&arrays[2], &old_solid), GS_SUCCESS);
    CHECK_EQUAL(cuArray3DCreate_v2(&arrays[3], &solid), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB + 4096 + 2 * 131072);
    CHECK_EQUAL(cuMipmappedArrayCreate(&arrays[4], &solid, 3), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 2 * MIB + 4096 + 3 * 131072 + 131072 / 8 + 131072 / 64);
    uint64_t bytes;
    CHECK_EQUAL(session_entries(GPUSLICE_KIND_ARRAY, &bytes), 5);
    CHECK_BOOKS();
    for (int i = 0; i < 4; i++)
        CHECK_EQUAL(cuArrayDestroy(arrays[i]), GS_SUCCESS);
    CHECK_EQUAL(cuMipmappedArrayDestroy(arrays[4]), GS_SUCCESS);
    CHECK_EQUAL(session_used(0), 0);
}

static void sparseAndDeferredArraysHaveNoMemoryOfTheirOwn(void)
{
    static const unsigned int flags[] = {GS_ARRAY_SPARSE, GS_ARRAY_DEFERRED};
    for (int i = 0; i < 2; i++) {
        struct gs_array3d array = {.width = 1ull << 30, .height = 1ull << 30, .format = FLOAT, .channels = 4,
                                   .flags = flags[i]};
        gs_object made;
        CHECK_EQUAL(cuArray3DCreate_v2(&made, &array), GS_SUCCESS);
        CHECK_EQUAL(session_used(0), 0);
        CHECK_EQUAL(cuArrayDestroy(made), GS_SUCCESS);
    }
}

static void anArrayThatIsTooLargeOrFailsLeavesNoTrace(void)
{
    struct gs_array3d large = {.width = 1ull << 40, .height = 1ull << 40, .format = FLOAT, .channels = 4};
    struct gs_array small = {64, 64, FLOAT, 1};
    gs_object array = NULL;
    CHECK_EQUAL(cuArray3DCreate_v2(&array, &large), GS_OUT_OF_MEMORY);
    CHECK_EQUAL(driver_calls(DRIVER_cuArray3DCreate_v2), 0);
    driver_fail(DRIVER_cuArrayCreate_v2, 700, 0);
    CHECK_EQUAL(cuArrayCreate_v2(&array, &small), 700);
    CHECK(array == NULL);
    CHECK_EQUAL(session_used(0), 0);
    CHECK_EQUAL(cuArrayCreate_v2(NULL, &small), GS_INVALID_VALUE);
    CHECK_EQUAL(cuArrayCreate_v2(&array, NULL), GS_INVALID_VALUE);
    CHECK_EQUAL(cuArrayDestroy((gs_object)&small), 400);
    CHECK_EQUAL(cuArrayCreate_v2(&array, &small), GS_SUCCESS);
    driver_fail(DRIVER_cuArrayDestroy, 700, 0);
    CHECK_EQUAL(cuArrayDestroy(array), 700);
    CHECK_EQUAL(session_used(0), 16384);
    CHECK_EQUAL(cuArrayDestroy(array), GS_SUCCESS);
    driver_set_context(NULL);
    CHECK_EQUAL(cuArrayCreate_v2(&array, &small), 201);
}

static uint64_t size_of(uint64_t width, uint64_t height, uint64_t depth, int format, unsigned int channels,
                        unsigned int flags, unsigned int levels)
{
    struct gs_array3d array = {width, height, depth, format, channels, flags};
    uint64_t bytes = 0;
    return sizes_array(&array, levels, &bytes) ? bytes : UINT64_MAX;
}

static void theSizeOfAnArrayIsTheSumOfItsElements(void)
{
    CHECK_EQUAL(size_of(100, 0, 0, 0x01, 1, 0, 1), 100);
    CHECK_EQUAL(size_of(100, 50, 0, 0x02, 2, 0, 1), 20000);
    CHECK_EQUAL(size_of(100, 50, 6, 0x10, 4, GS_ARRAY_CUBEMAP, 1), 240000);
    CHECK_EQUAL(size_of(100, 0, 7, FLOAT, 1, GS_ARRAY_LAYERED, 1), 2800);
    CHECK_EQUAL(size_of(5, 5, 0, 0x91, 4, 0, 1), 32);        /* 2 × 2 blocks of 8 bytes */
    CHECK_EQUAL(size_of(5, 5, 0, 0x9d, 4, 0, 1), 64);        /* and of 16 */
    CHECK_EQUAL(size_of(16, 16, 0, 0xb0, 3, 0, 1), 384);     /* NV12: a byte and a half */
    CHECK_EQUAL(size_of(10, 1, 1, 0xc5, 4, 0, 1), 80);       /* the format has the channels */
    CHECK_EQUAL(size_of(10, 1, 1, 0x7f, 1, 0, 1), 160);      /* unknown: the largest element */
    CHECK_EQUAL(size_of(4, 4, 0, 0x01, 1, 0, 100), 21);      /* 16 + 4 + 1, and no further levels */
    CHECK_EQUAL(size_of(4, 4, 3, 0x01, 1, GS_ARRAY_LAYERED, 3), 63);
    CHECK_EQUAL(size_of(4, 4, 4, 0x01, 1, 0, 3), 64 + 8 + 1);
    CHECK_EQUAL(size_of(UINT64_MAX, 2, 1, 0x01, 1, 0, 1), UINT64_MAX);
    CHECK_EQUAL(size_of(1ull << 62, 1, 1, FLOAT, 4, 0, 1), UINT64_MAX);
    CHECK_EQUAL(size_of(UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x91, 4, GS_ARRAY_SPARSE, 1), 0);
}

void array_tests(void)
{
    RUN(theSizeOfAnArrayIsTheSumOfItsElements);
    RUN_IN_SESSION(arraysOfEveryShapeAreCharged, 64 * MIB);
    RUN_IN_SESSION(sparseAndDeferredArraysHaveNoMemoryOfTheirOwn, 64 * MIB);
    RUN_IN_SESSION(anArrayThatIsTooLargeOrFailsLeavesNoTrace, 64 * MIB);
}

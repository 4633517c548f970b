/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "test.h"

static void waitsAreReadWithTheirUnits(void)
{
    static const struct {
        const char *text;
        uint32_t ms;
    } good[] = {{"0", 0}, {"250", 250}, {"250ms", 250}, {"5s", 5000}, {"2m", 120000}, {"3600s", 3600000}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        uint32_t ms = UINT32_MAX;
        CHECK(config_parse_wait(good[i].text, &ms));
        CHECK_EQUAL(ms, good[i].ms);
    }
}

static void junkIsNoWait(void)
{
    static const char *const bad[] = {"", "s", "-1", "5 s", "5h", "1.5s", "3601s", "61m", "99999999999999999999", "5ss", " 5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t ms = 4711;
        CHECK(!config_parse_wait(bad[i], &ms));
        CHECK_EQUAL(ms, 4711);
    }
}

static void theOverheadOfContextsIsASizeOrMeasured(void)
{
    static const char *const bad[] = {"", "x", "-1", "1K", " 5", "measure", "99999999999999999999", "36028797018963968"};
    CHECK_EQUAL(config_parse_count_context("measured"), CONFIG_COUNT_MEASURED);
    CHECK_EQUAL(config_parse_count_context("419430400"), 419430400);
    CHECK_EQUAL(config_parse_count_context("36028797018963967"), GPUSLICE_MAX_BYTES);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQUAL(config_parse_count_context(bad[i]), GPUSLICE_MAX_BYTES + 1); /* is refused */
}

void config_tests(void)
{
    RUN(theOverheadOfContextsIsASizeOrMeasured);
    RUN(waitsAreReadWithTheirUnits);
    RUN(junkIsNoWait);
}

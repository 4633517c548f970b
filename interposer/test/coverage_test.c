/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is hooked, what is not and why, and what proves it: the lists are complete, and docs/coverage.md says the same.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

#define SYMBOLS "../it/fakecuda/src/driver/symbols.def" /* every name of the driver API */
#define PAGE "../docs/coverage.md"

struct family {
    const char *name, *charged, *freed;
};
static const struct family families[] = {
#define FAMILY(name, charged, freed) {#name, charged, freed},
#include "families.def"
};

struct hook {
    const char *name, *family, *test;
};
static const struct hook hooks[] = {
#define DRIVER_HOOK(name, base, since, family, test, parameters) {#name, #family, test},
#define RUNTIME_HOOK(name, family, test, parameters) {#name, #family, test},
#define NVML_HOOK(name, family, test, parameters) {#name, #family, test},
#include "hooks.def"
};

struct reason {
    const char *pattern, *why;
};
static const struct reason reasons[] = {
#define NOT_CHARGED(pattern, why) {pattern, why},
#include "not_charged.def"
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct family *family_of(const struct hook *hook)
{
    for (size_t i = 0; i < COUNT(families); i++) {
        if (strcmp(families[i].name, hook->family) == 0)
            return &families[i];
    }
    return NULL;
}

static bool is_elsewhere(const struct hook *hook)
{
    return strcmp(hook->test, "it/") == 0;
}

int coverage_print(FILE *to)
{
    fprintf(to, "# What is counted, and how\n\n"
                "Written by `make -C interposer coverage` from `hooks.def`, `families.def` and `not_charged.def` in "
                "`interposer/src`. Every name of\nthe driver API (CUDA 13.0) is on this page, and a test sees to it.\n\n"
                "## Hooked\n\n"
                "| entry point | family | charged | given back by | proved by |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < COUNT(hooks); i++) {
        const struct family *family = family_of(&hooks[i]);
        if (family == NULL)
            return 1;
        fprintf(to, "| `%s` | %s | %s | %s | %s |\n", hooks[i].name, family->name, family->charged, family->freed,
                is_elsewhere(&hooks[i]) ? "the integration tests in `it/`" : hooks[i].test);
    }
    fprintf(to, "\n## Not charged\n\n| entry point | why |\n|---|---|\n");
    for (size_t i = 0; i < COUNT(reasons); i++)
        fprintf(to, "| `%s` | %s |\n", reasons[i].pattern, reasons[i].why);
    return 0;
}

/* ------------------------------------------------------------ tests */

static bool is_hooked(const char *name)
{
    for (size_t i = 0; i < COUNT(hooks); i++) {
        if (strcmp(hooks[i].name, name) == 0)
            return true;
    }
    return false;
}

/* The first that fits, as a reader would look. */
static int reason_for(const char *name)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (fnmatch(reasons[i].pattern, name, 0) == 0)
            return (int)i;
    }
    return -1;
}

static void everyNameOfTheDriverApiIsHookedOrSaysWhyNot(void)
{
    bool needed[COUNT(reasons)] = {false};
    char line[512], name[128];
    int count = 0;
    FILE *symbols = fopen(SYMBOLS, "r");
    if (!CHECK(symbols != NULL))
        return;
    while (fgets(line, sizeof line, symbols) != NULL) {
        if (sscanf(line, "SYMBOL(%127[^,],", name) != 1)
            continue;
        count++;
        int reason = is_hooked(name) ? -1 : reason_for(name);
        if (reason >= 0)
            needed[reason] = true;
        else if (!is_hooked(name))
            test_check(false, __FILE__, __LINE__, name);
    }
    fclose(symbols);
    CHECK(count > 600);
    for (size_t i = 0; i < COUNT(reasons); i++)
        test_check(needed[i], __FILE__, __LINE__, reasons[i].pattern);
}

static void everyHookNamesATestThatWasRun(void)
{
    for (size_t i = 0; i < COUNT(hooks); i++) {
        CHECK(family_of(&hooks[i]) != NULL);
        test_check(is_elsewhere(&hooks[i]) || test_was_run(hooks[i].test), __FILE__, __LINE__, hooks[i].test);
    }
}

static void thePageSaysWhatTheListsSay(void)
{
    char *wanted = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&wanted, &size), *page = fopen(PAGE, "r");
    CHECK_EQUAL(coverage_print(memory), 0);
    fclose(memory);
    char *found = calloc(1, size + 2);
    if (CHECK(page != NULL)) {
        CHECK_EQUAL(fread(found, 1, size + 1, page), size);
        test_check(strcmp(found, wanted) == 0, __FILE__, __LINE__, "docs/coverage.md is out of date: make coverage");
        fclose(page);
    }
    free(found);
    free(wanted);
}

void coverage_tests(void)
{
    RUN(everyNameOfTheDriverApiIsHookedOrSaysWhyNot);
    RUN(everyHookNamesATestThatWasRun);
    RUN(thePageSaysWhatTheListsSay);
}

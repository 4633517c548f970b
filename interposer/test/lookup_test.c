/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "children.h"
#include "test.h"

static void look_up_preloaded_with(const char *preload, const char *session, const char *how)
{
    char variable[9000], output[4096];
    const char *const arguments[] = {"look-ups", how, NULL}, *environment[] = {"PATH=/usr/bin:/bin", variable, session, NULL};
    snprintf(variable, sizeof variable, "LD_PRELOAD=%s", preload);
    CHECK(children_run(arguments, environment, output, sizeof output));
    test_check(strcmp(output, "ok\n") == 0, __FILE__, __LINE__, output);
}

/* A wrapper in C around dlsym would answer for itself, and recurse for ever where there are two of them. */
static void aCallerOfDlsymAndDlopenIsSeenAsItself(void)
{
    static const char *const sessions[] = {"GPUSLICE_SESSION=0123456789abcdef", NULL};
    char wrapper[4200], both[9000];
    const char *library = children_library();
    snprintf(wrapper, sizeof wrapper, "%.*s/libwrapper.so", (int)(strrchr(library, '/') - library), library);
    for (int i = 0; i < 2; i++) {
        look_up_preloaded_with(library, sessions[i], "alone");
        snprintf(both, sizeof both, "%s:%s", library, wrapper);
        look_up_preloaded_with(both, sessions[i], "wrapped");
        snprintf(both, sizeof both, "%s:%s", wrapper, library);
        look_up_preloaded_with(both, sessions[i], "wrapped");
    }
}

static void aPendingDlerrorIsStillThereAfterTheFirstCallOfAHook(void)
{
    static const char *const programs[] = {"pending-linked", "pending-opened"};
    static const char *const sessions[] = {"GPUSLICE_SESSION=0123456789abcdef", NULL};
    for (int i = 0; i < 4; i++) {
        char variable[4200], output[4096];
        const char *const arguments[] = {programs[i / 2], NULL};
        const char *const environment[] = {"PATH=/usr/bin:/bin", variable, sessions[i % 2], NULL};
        snprintf(variable, sizeof variable, "LD_PRELOAD=%s", children_library());
        CHECK(children_run(arguments, environment, output, sizeof output));
        test_check(strcmp(output, "ok\n") == 0, __FILE__, __LINE__, output);
    }
}

void lookup_tests(void)
{
    RUN(aPendingDlerrorIsStillThereAfterTheFirstCallOfAHook);
    RUN(aCallerOfDlsymAndDlopenIsSeenAsItself);
}

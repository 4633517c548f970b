/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "gpuslice_abi.h"
#include "test.h"

static bool has_line(const char *line)
{
    const char *at = strstr(gpuslice_abi(), line);
    return at != NULL && (at == gpuslice_abi() || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static void theLibraryDescribesItself(void)
{
    CHECK(has_line("constant GPUSLICE_ABI_VERSION 256"));
    CHECK(has_line("constant GPUSLICE_GATED 9223372036854775808"));
    CHECK(has_line("constant GPUSLICE_KIND_PITCHED 3"));
    CHECK(has_line("constant GPUSLICE_KIND_CONTEXT 9"));
    CHECK(has_line("constant GPUSLICE_CHARGE_HELD 1"));
    CHECK(has_line("field gpuslice_charge flags 12 4"));
    CHECK(has_line("frame HELLO 5"));
    CHECK(has_line("frame ERROR 17"));
    CHECK(has_line("frame SHARE 18"));
    CHECK(has_line("field gpuslice_share key 16 64"));
    CHECK(has_line("error QUOTA_EXCEEDED 1"));
    CHECK(has_line("error INTERNAL 10"));
    CHECK(has_line("size gpuslice_hello 696"));
    CHECK(has_line("field gpuslice_page_header segments 40 4"));
    CHECK(has_line("field gpuslice_hello device_uuids 184 512"));
    CHECK(has_line("field gpuslice_page_entry meta 8 8")); /* the last line: nothing was cut off */
}

void abi_tests(void)
{
    RUN(theLibraryDescribesItself);
}

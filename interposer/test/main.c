/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "test.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "coverage") == 0)
        return coverage_print(stdout);
    if (argc > 1)
        return debug_test_speak(argv[1]);
    setenv("GPUSLICE_DEBUG", "0", 1); /* the refusals below are meant */
    accounting_tests();
    table_tests();
    sizes_tests();
    config_tests();
    debug_tests();
    golden_tests();
    abi_tests();
    process_tests();
    exec_tests();
    lookup_tests();
    transport_tests();
    map_tests();
    linear_tests();
    pool_tests();
    vmm_tests();
    array_tests();
    graph_tests();
    context_tests();
    import_tests();
    share_tests();
    adversity_tests();
    info_tests();
    coverage_tests(); /* last: it asks which tests were run */
    return test_summary();
}

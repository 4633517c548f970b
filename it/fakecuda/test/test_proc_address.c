/* SPDX-License-Identifier: Apache-2.0 */
/* Which address cuGetProcAddress gives for a name, a version and flags. */
#define FAKECUDA_DRIVER
#include <cuda.h>
#include <dlfcn.h>
#include <string.h>

#include "check.h"

static void *by_name(const char *name)
{
    void *address = dlsym(RTLD_DEFAULT, name);
    CHECK(address != NULL);
    return address;
}

static void *ask(const char *name, int version, cuuint64_t flags, CUdriverProcAddressQueryResult expected)
{
    void *address = &address;
    CUdriverProcAddressQueryResult status = (CUdriverProcAddressQueryResult)-1;
    CHECK_EQ(cuGetProcAddress_v2(name, &address, version, flags, &status), CUDA_SUCCESS);
    CHECK_EQ(status, expected);
    return address;
}

static void theVersionAskedForDecidesTheAbi(void)
{
    CHECK(ask("cuMemAlloc", 2000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemAlloc"));
    CHECK(ask("cuMemAlloc", 3010, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemAlloc"));
    CHECK(ask("cuMemAlloc", 3020, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemAlloc_v2"));
    CHECK(ask("cuMemAlloc", 13000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemAlloc_v2"));
    CHECK(ask("cuCtxCreate", 11030, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuCtxCreate_v2"));
    CHECK(ask("cuCtxCreate", 11040, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuCtxCreate_v3"));
    CHECK(ask("cuCtxCreate", 13000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuCtxCreate_v4"));
    CHECK(ask("cuMemPrefetchAsync", 12010, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemPrefetchAsync"));
    CHECK(ask("cuMemPrefetchAsync", 12020, 2, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemPrefetchAsync_v2_ptsz"));
    CHECK(ask("cuMemAdvise", 13000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemAdvise_v2"));
    CHECK(ask("cuGraphInstantiate", 10000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuGraphInstantiate"));
    CHECK(ask("cuGraphInstantiate", 11000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuGraphInstantiate_v2"));
    CHECK(ask("cuGraphAddNode", 12030, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuGraphAddNode_v2"));
    CHECK(ask("cuIpcOpenMemHandle", 4010, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuIpcOpenMemHandle"));
    CHECK(ask("cuMemGetMemPool", 12090, 0, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT) == NULL);
    CHECK(ask("cuGetProcAddress", 11030, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuGetProcAddress"));
    CHECK(ask("cuGetProcAddress", 12000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuGetProcAddress_v2"));
}

static void thePerThreadFlagGivesTheTwinWhereThereIsOne(void)
{
    void *legacy = by_name("cuMemcpyHtoD_v2"), *twin = by_name("cuMemcpyHtoD_v2_ptds");
    CHECK(ask("cuMemcpyHtoD", 13000, 0, CU_GET_PROC_ADDRESS_SUCCESS) == legacy);
    CHECK(ask("cuMemcpyHtoD", 13000, 1, CU_GET_PROC_ADDRESS_SUCCESS) == legacy);
    CHECK(ask("cuMemcpyHtoD", 13000, 2, CU_GET_PROC_ADDRESS_SUCCESS) == twin);
    CHECK(ask("cuMemcpyHtoD", 6050, 2, CU_GET_PROC_ADDRESS_SUCCESS) == legacy); /* the twin came with 7.0 */
    CHECK(ask("cuMemAllocAsync", 13000, 2, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemAllocAsync_ptsz"));
    CHECK(ask("cuMemAlloc", 13000, 2, CU_GET_PROC_ADDRESS_SUCCESS) == by_name("cuMemAlloc_v2"));
}

static void whatIsUnknownOrTooNewIsNullWithAStatus(void)
{
    CHECK(ask("cuNoSuchThing", 13000, 0, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND) == NULL);
    CHECK(ask("cuMemAlloc_v2", 13000, 0, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND) == NULL); /* base names only */
    CHECK(ask("cuMemAllocAsync", 11010, 0, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT) == NULL);
}

static void badArgumentsAreRefused(void)
{
    void *address;
    CHECK_EQ(cuGetProcAddress_v2("cuInit", &address, 14000, 0, NULL), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuGetProcAddress_v2("cuInit", &address, 13000, 4, NULL), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuGetProcAddress_v2(NULL, &address, 13000, 0, NULL), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuGetProcAddress_v2("cuInit", NULL, 13000, 0, NULL), CUDA_ERROR_INVALID_VALUE);
    CHECK_EQ(cuGetProcAddress("cuInit", &address, 13000, 0), CUDA_SUCCESS);
    CHECK(address == by_name("cuInit"));
}

static void everyListedNameIsExportedAndFoundAgain(void)
{
    static const struct {
        const char *name, *base;
        int version, per_thread;
    } symbols[] = {
#define SYMBOL(name, base, version, per_thread) {#name, #base, version, per_thread},
#include "../src/driver/symbols.def"
#undef SYMBOL
    };
    int count = (int)(sizeof symbols / sizeof *symbols);
    CHECK(count > 600);
    for (int i = 0; i < count; i++) {
        void *found = ask(symbols[i].base, symbols[i].version, symbols[i].per_thread ? 2 : 1, CU_GET_PROC_ADDRESS_SUCCESS);
        CHECK(found == by_name(symbols[i].name));
    }
}

int main(void)
{
    cuInit(0); /* keeps the library linked, and look-ups work before and after */
    RUN(theVersionAskedForDecidesTheAbi);
    RUN(thePerThreadFlagGivesTheTwinWhereThereIsOne);
    RUN(whatIsUnknownOrTooNewIsNullWithAStatus);
    RUN(badArgumentsAreRefused);
    RUN(everyListedNameIsExportedAndFoundAgain);
    return 0;
}

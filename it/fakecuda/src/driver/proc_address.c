/* SPDX-License-Identifier: Apache-2.0 */
/* cuGetProcAddress after its documentation (CUDA driver API, driver entry point access): of the ABIs of a base name,
 * the newest that the requested CUDA version knows; with the per-thread flag its per-thread twin where there is one. An
 * unknown name, or one younger than the requested version, is CUDA_SUCCESS with a NULL pointer and a status. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* cuda.h would clash with the declarations below, which need no types: only the addresses matter. */
enum { SUCCESS = 0, INVALID_VALUE = 1 };
enum { FOUND = 0, NOT_FOUND = 1, VERSION_NOT_SUFFICIENT = 2 };
enum { LEGACY = 1, PER_THREAD = 2 };
#define DRIVER_VERSION 13000

#define API __attribute__((visibility("default")))
API int cuGetProcAddress(const char *symbol, void **pfn, int version, uint64_t flags);
API int cuGetProcAddress_v2(const char *symbol, void **pfn, int version, uint64_t flags, int *status);

#define SYMBOL(name, base, version, per_thread) extern API char address_of_##name __asm__(#name);
#include "symbols.def"
#undef SYMBOL

static const struct symbol {
    const char *base;
    int version;
    int per_thread;
    void *address;
} symbols[] = {
#define SYMBOL(name, base, version, per_thread) {#base, version, per_thread, &address_of_##name},
#include "symbols.def"
#undef SYMBOL
};
#define COUNT (sizeof symbols / sizeof *symbols)

/* The first of the symbols with that base name, of which there may be several; the list is sorted by it. */
static size_t first_named(const char *base)
{
    size_t low = 0, high = COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(symbols[middle].base, base) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int find(const char *base, int version, int per_thread, void **pfn)
{
    const struct symbol *legacy = NULL, *twin = NULL;
    size_t i = first_named(base);
    if (i == COUNT || strcmp(symbols[i].base, base) != 0)
        return NOT_FOUND;
    for (; i < COUNT && strcmp(symbols[i].base, base) == 0; i++)
        if (symbols[i].version <= version) {
            /* Sorted by version too, so the last one that fits is the newest. */
            if (symbols[i].per_thread)
                twin = &symbols[i];
            else
                legacy = &symbols[i];
        }
    if (legacy == NULL)
        return VERSION_NOT_SUFFICIENT;
    *pfn = per_thread && twin != NULL ? twin->address : legacy->address;
    return FOUND;
}

API int cuGetProcAddress_v2(const char *symbol, void **pfn, int version, uint64_t flags, int *status)
{
    if (symbol == NULL || pfn == NULL || version > DRIVER_VERSION || flags > PER_THREAD)
        return INVALID_VALUE;
    *pfn = NULL;
    int found = find(symbol, version, flags == PER_THREAD, pfn);
    if (status != NULL)
        *status = found;
    return SUCCESS;
}

API int cuGetProcAddress(const char *symbol, void **pfn, int version, uint64_t flags)
{
    return cuGetProcAddress_v2(symbol, pfn, version, flags, NULL);
}

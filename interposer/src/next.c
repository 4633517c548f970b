/* SPDX-License-Identifier: Apache-2.0 */
#include "next.h"

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct search {
    const char *name;
    uint32_t hash;
    bool beyond_us;
    void *found;
};

struct symbols {
    const ElfW(Sym) *table;
    const char *names;
    const uint32_t *hash;       /* DT_GNU_HASH */
    const ElfW(Versym) *versions;
};

/* As the format has it: one hash for every dynamic loader. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

/* Most objects have had their addresses relocated by the loader; those whose table is read-only (the vDSO) have not. */
static const void *address(const struct dl_phdr_info *info, ElfW(Addr) value)
{
    return (const void *)(value < info->dlpi_addr ? info->dlpi_addr + value : value);
}

static struct symbols symbols_of(const struct dl_phdr_info *info)
{
    struct symbols symbols = {NULL, NULL, NULL, NULL};
    const ElfW(Dyn) *entry = NULL;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            symbols.table = address(info, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_STRTAB)
            symbols.names = address(info, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_GNU_HASH)
            symbols.hash = address(info, entry->d_un.d_ptr);
        else if (entry->d_tag == DT_VERSYM)
            symbols.versions = address(info, entry->d_un.d_ptr);
    }
    return symbols;
}

/* Of several versions the default one: it is what a program that is linked now would get. */
static bool is_function(const struct symbols *symbols, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &symbols->table[index];
    return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
           !(symbols->versions != NULL && symbols->versions[index] & 0x8000) &&
           strcmp(symbols->names + symbol->st_name, name) == 0;
}

/* {buckets, first symbol, words of the filter, shift}, the filter, the buckets, the chains: the last of each is odd. */
static const ElfW(Sym) *look_up(const struct symbols *symbols, const struct search *search)
{
    const uint32_t *table = symbols->hash;
    if (table == NULL || symbols->table == NULL || symbols->names == NULL || table[0] == 0)
        return NULL;
    const uint32_t *buckets = table + 4 + table[2] * (sizeof(ElfW(Addr)) / sizeof *table);
    const uint32_t *chains = buckets + table[0];
    uint32_t index = buckets[search->hash % table[0]];
    for (; index >= table[1]; index++) {
        uint32_t hash = chains[index - table[1]];
        if ((hash | 1) == (search->hash | 1) && is_function(symbols, index, search->name))
            return &symbols->table[index];
        if (hash & 1)
            return NULL;
    }
    return NULL;
}

static bool contains(const struct dl_phdr_info *info, uintptr_t place)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && place - info->dlpi_addr - segment->p_vaddr < segment->p_memsz)
            return true;
    }
    return false;
}

static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
    static const char here;
    (void)size;
    struct search *search = context;
    if (!search->beyond_us) {
        search->beyond_us = contains(info, (uintptr_t)&here);
        return 0;
    }
    struct symbols symbols = symbols_of(info);
    const ElfW(Sym) *symbol = look_up(&symbols, search);
    if (symbol == NULL)
        return 0;
    search->found = (void *)(info->dlpi_addr + symbol->st_value);
    return 1;
}

void *next_function(const char *name)
{
    struct search search = {name, hash_of(name), false, NULL};
    dl_iterate_phdr(visit, &search);
    return search.found;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "environment.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OURS "GPUSLICE_"
#define SESSION "GPUSLICE_SESSION"
#define PRELOAD "LD_PRELOAD="

struct environment environment_at_start;

/* ------------------------------------------------------------ entries: NAME=VALUE */

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* With the "=": 0 is no name. */
static size_t name_length(const char *entry)
{
    const char *end = strchr(entry, '=');
    return end == NULL ? 0 : (size_t)(end - entry) + 1;
}

static size_t count_of(char *const envp[])
{
    size_t count = 0;
    while (envp != NULL && envp[count] != NULL)
        count++;
    return count;
}

/* The entry of that name, as getenv would find it; NULL: none. An empty one means nothing to us, as none. */
static const char *find(char *const envp[], size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(envp[i], name, length) == 0)
            return envp[i][length] == '\0' ? NULL : envp[i];
    }
    return NULL;
}

static const char *own(const struct environment *environment, const char *name, size_t length)
{
    return find((char *const *)(uintptr_t)environment->variables, environment->count, name, length);
}

/* ------------------------------------------------------------ what this program was started with */

static bool is_ours(const char *entry)
{
    return starts_with(entry, OURS) && name_length(entry) > 0;
}

void environment_read(struct environment *environment, char *const envp[], const char *library)
{
    size_t all = count_of(envp), count = 0, text = strlen(library) + 1;
    if (find(envp, all, SESSION "=", sizeof SESSION) == NULL)
        return;
    for (size_t i = 0; i < all; i++) {
        if (is_ours(envp[i])) {
            count++;
            text += strlen(envp[i]) + 1;
        }
    }
    /* Copies: programs write over their own environment, to be shown by another name. Not malloc: see config.c. */
    char **variables =
        mmap(NULL, count * sizeof *variables + text, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (variables == MAP_FAILED)
        return;
    char *to = (char *)(variables + count);
    for (size_t i = 0, n = 0; i < all && n < count; i++) {
        if (!is_ours(envp[i]))
            continue;
        variables[n++] = to;
        to = stpcpy(to, envp[i]) + 1;
    }
    strcpy(to, library);
    *environment = (struct environment){to, (const char *const *)variables, count};
}

struct object {
    uintptr_t address;
    const char *name;
};

static int find_object(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct object *object = context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && object->address - info->dlpi_addr - segment->p_vaddr < segment->p_memsz) {
            object->name = info->dlpi_name;
            return 1;
        }
    }
    return 0;
}

__attribute__((constructor)) static void remember_environment(void)
{
    int saved = errno;
    struct object self = {(uintptr_t)&environment_at_start, NULL};
    if (environ != NULL && dl_iterate_phdr(find_object, &self) != 0 && self.name[0] != '\0')
        environment_read(&environment_at_start, environ, self.name);
    errno = saved;
}

const char *environment_get(const char *name)
{
    const char *value = getenv(name);
    if (value != NULL)
        return value;
    size_t length = strlen(name);
    for (size_t i = 0; i < environment_at_start.count; i++) {
        const char *entry = environment_at_start.variables[i];
        if (starts_with(entry, name) && entry[length] == '=')
            return entry + length + 1;
    }
    return NULL;
}

/* ------------------------------------------------------------ what a new program is to have */

static const char *file_of(const char *path, size_t *length)
{
    const char *file = path;
    for (size_t i = 0; i < *length; i++) {
        if (path[i] == '/')
            file = path + i + 1;
    }
    *length -= (size_t)(file - path);
    return file;
}

/* Under whatever path: a second copy would count everything twice. */
static bool has_library(const char *preload, const char *library)
{
    size_t wanted_length = strlen(library);
    const char *wanted = file_of(library, &wanted_length);
    for (const char *at = preload; *at != '\0';) {
        size_t length = strcspn(at, ": "); /* as the dynamic loader splits it */
        size_t file_length = length;
        const char *file = file_of(at, &file_length);
        if (file_length == wanted_length && memcmp(file, wanted, wanted_length) == 0)
            return true;
        at += length;
        at += strspn(at, ": ");
    }
    return false;
}

static bool opted_out(const struct environment *environment)
{
    static const char off[] = "GPUSLICE_KEEP_ENV=0";
    const char *now = find(environ, count_of(environ), off, sizeof off - 2);
    if (now == NULL)
        now = own(environment, off, sizeof off - 2);
    return now != NULL && strcmp(now, off) == 0;
}

struct lack {
    size_t count;         /* entries of envp */
    bool library;
    const char *preload;  /* what LD_PRELOAD is now, without the name; NULL: none */
    bool variables;       /* those that are missing are to be put back */
};

static struct lack look(const struct environment *environment, char *const envp[])
{
    struct lack lack = {.count = count_of(envp)};
    if (environment->library == NULL || opted_out(environment))
        return lack;
    const char *preload = find(envp, lack.count, PRELOAD, sizeof PRELOAD - 1);
    lack.preload = preload == NULL ? NULL : preload + sizeof PRELOAD - 1;
    lack.library = preload == NULL || !has_library(lack.preload, environment->library);
    const char *session = find(envp, lack.count, SESSION "=", sizeof SESSION);
    lack.variables = session == NULL || strcmp(session, own(environment, SESSION "=", sizeof SESSION)) == 0;
    return lack;
}

static bool is_missing(const char *variable, char *const envp[], const struct lack *lack)
{
    return lack->variables && find(envp, lack->count, variable, name_length(variable)) == NULL;
}

static size_t missing_variables(const struct environment *environment, char *const envp[], const struct lack *lack)
{
    size_t missing = 0;
    for (size_t i = 0; i < environment->count; i++)
        missing += is_missing(environment->variables[i], envp, lack);
    return missing;
}

size_t environment_missing(const struct environment *environment, char *const envp[])
{
    struct lack lack = look(environment, envp);
    size_t missing = missing_variables(environment, envp, &lack);
    if (missing == 0 && !lack.library)
        return 0;
    size_t text = !lack.library ? 0
                                : sizeof PRELOAD + strlen(environment->library) + 1 +
                                      (lack.preload == NULL ? 0 : strlen(lack.preload));
    return (lack.count + missing + 2) * sizeof(char *) + text;
}

static void *append(void *to, const char *text, const char *end)
{
    size_t length = strlen(text), room = (size_t)(end - (char *)to) - 1;
    return mempcpy(to, text, length < room ? length : room);
}

/* The environment may be changed by another thread meanwhile, which is that program's mistake; it must not be ours to
 * write past `size`. */
char **environment_complete(const struct environment *environment, char *const envp[], void *room, size_t size)
{
    struct lack lack = look(environment, envp);
    size_t missing = missing_variables(environment, envp, &lack), n = 0;
    char **entries = room, *end = (char *)room + size;
    if ((lack.count + missing + 2) * sizeof(char *) > size)
        return NULL;
    char *text = (char *)(entries + lack.count + missing + 2);
    if (lack.library && text < end) {
        entries[n++] = text;
        text = append(text, PRELOAD, end);
        text = append(text, environment->library, end);
        if (lack.preload != NULL)
            text = append(append(text, ":", end), lack.preload, end);
        *text = '\0';
    }
    for (size_t i = 0; i < environment->count; i++) {
        if (is_missing(environment->variables[i], envp, &lack))
            entries[n++] = (char *)(uintptr_t)environment->variables[i];
    }
    /* Ours come first: getenv and the dynamic loader see them before an empty entry of the same name. */
    for (size_t i = 0; i < lack.count; i++) {
        if (!lack.library || !starts_with(envp[i], PRELOAD))
            entries[n++] = envp[i];
    }
    entries[n] = NULL;
    return entries;
}

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * bin/gpuslice: finds Java and the jars beside itself, and becomes the JVM that then becomes the program.
 *
 * Not a shell script, because the program must get its environment as it was. dash drops variables whose names it
 * does not like (bash exports its functions under such names, `module` of every HPC cluster among them) and adds PWD;
 * bash reorders and adds its own. Linked statically, so that nothing in LD_PRELOAD or LD_LIBRARY_PATH reaches this either.
 *
 * What is meant for the program and would harm the JVM before it is renamed on the way (SHIELD); Environ.java, which
 * must know the same prefix, takes that back.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD "GPUSLICE_AOT_OUTPUT" /* how tools/train-aot makes the start-up cache */
#define SHIELD "GPUSLICE_KEPT_"
#define OLDEST_JAVA 25
/* Measured: with less, the JVM now and then does not come up. It then ends with exit code 1, which run leaves to programs. */
#define LEAST_ADDRESS_SPACE (960ull << 20)
#define LEAST_DESCRIPTORS 24

static const char *const SHIELDED[] = {
    /* Would get into the JVM, or in front of its own libraries. */
    "LD_PRELOAD=",
    "LD_LIBRARY_PATH=",
    "LD_AUDIT=",
    /* Options of other JVMs: they announce themselves on stderr, and some make the start-up cache useless. */
    "JAVA_TOOL_OPTIONS=",
    "JDK_JAVA_OPTIONS=",
    "_JAVA_OPTIONS=",
    /* Replaced below, so that file names are UTF-8 to Java whatever the user's locale. */
    "LC_ALL=",
};

/* run and exec promise that 1 … 124 are the program's own exit codes. */
static int failure_status = 1;

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("gpuslice: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(failure_status);
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
    char *result;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&result, format, arguments);
    va_end(arguments);
    if (length < 0)
        fail("out of memory");
    return result;
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        fail("out of memory");
    return memory;
}

/* The path without its last part. */
static char *parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash != path ? text("%.*s", (int)(slash - path), path) : text("/");
}

/* The installed tree: the folder above the bin/ that this program lies in, whatever link it was called by. */
static char *tree(void)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        fail("cannot tell where it is installed: /proc/self/exe: %s\n  is /proc mounted?", strerror(errno));
    self[length] = '\0';
    return parent(parent(self));
}

/* ---------------------------------------------------------------------- Java */

/* The feature release that a Java home says of itself; 0 where there is none. */
static int java_version(const char *home)
{
    char *java = text("%s/bin/java", home);
    char *release = text("%s/release", home);
    FILE *file = access(java, X_OK) == 0 ? fopen(release, "re") : NULL;
    int version = 0;
    char line[512];
    while (file && version == 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "JAVA_VERSION=\"%d", &version) != 1)
            version = 0;
    if (file)
        fclose(file);
    free(java);
    free(release);
    return version;
}

static bool usable(const char *home)
{
    return home && home[0] && java_version(home) >= OLDEST_JAVA;
}

/* What the build found, or brought along: then it is relative to the tree. NULL where the file is not there. */
static char *built_with(const char *home)
{
    char *path = text("%s/lib/java-home", home);
    FILE *file = fopen(path, "re");
    free(path);
    if (!file)
        return NULL;
    char line[PATH_MAX];
    bool said = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    if (!said)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return line[0] == '/' ? text("%s", line) : text("%s/%s", home, line);
}

/* Home of the first java on the PATH; NULL where there is none. */
static char *on_path(void)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        char *java = text("%.*s/java", (int)length, path);
        char *real = length > 0 && access(java, X_OK) == 0 ? realpath(java, NULL) : NULL;
        free(java);
        if (real)
            return parent(parent(real));
        path += length + (path[length] == ':');
    }
    return NULL;
}

static const char *or_unset(const char *value)
{
    return value && value[0] ? value : "unset";
}

static char *find_java(const char *home)
{
    char *chosen = getenv("GPUSLICE_JAVA_HOME");
    if (chosen && chosen[0]) {
        if (!usable(chosen))
            fail("GPUSLICE_JAVA_HOME=%s is no Java %d or newer (it says %d)\n  unset it, or let it name one", chosen,
                 OLDEST_JAVA, java_version(chosen));
        return chosen;
    }
    char *candidates[] = {built_with(home), getenv("JAVA_HOME"), on_path()};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (usable(candidates[i]))
            return candidates[i];
    fail("no Java %d or newer: not the one of the build (%s), not JAVA_HOME (%s), not on the PATH (%s)\n"
         "  install one (openjdk-%d-jre-headless, or Eclipse Temurin %d), or set GPUSLICE_JAVA_HOME",
         OLDEST_JAVA, or_unset(candidates[0]), or_unset(candidates[1]), or_unset(candidates[2]), OLDEST_JAVA, OLDEST_JAVA);
}

/* ---------------------------------------------------------------- class path */

static int is_jar(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".jar") == 0;
}

struct class_path {
    char *path;             /* every jar in lib/cli, in one order always: the start-up cache is good for that one alone */
    struct timespec newest; /* when the last of them was written */
};

static bool is_later(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

static struct class_path class_path(const char *home)
{
    char *directory = text("%s/lib/cli", home);
    if (strchr(directory, ':'))
        fail("it is installed at %s, and Java cannot take a colon in a path\n  move it to one without", home);
    struct dirent **jars;
    int count = scandir(directory, &jars, is_jar, alphasort);
    if (count <= 0)
        fail("no jars in %s\n"
             "  install gpuslice anew: its package, its tarball, or `make build` in a checkout", directory);
    struct class_path found = {.path = text("%s", "")};
    for (int i = 0; i < count; i++) {
        char *jar = text("%s/%s", directory, jars[i]->d_name);
        char *longer = text("%s%s%s", found.path, i ? ":" : "", jar);
        struct stat status;
        if (stat(jar, &status) == 0 && is_later(status.st_mtim, found.newest))
            found.newest = status.st_mtim;
        free(found.path);
        free(jar);
        found.path = longer;
    }
    return found;
}

/* The option for a faster start; NULL where there is nothing to start faster with. */
static char *start_up_cache(const char *home, struct timespec jars)
{
    const char *record = getenv(RECORD);
    if (record)
        return text("-XX:AOTCacheOutput=%s", record);
    char *cache = text("%s/lib/cli/gpuslice.aot", home);
    struct stat status;
    /* Java 25 would go on running the classes in the cache when a jar has been replaced by a later one. */
    bool good = access(cache, R_OK) == 0 && stat(cache, &status) == 0 && is_later(status.st_mtim, jars);
    return good ? text("-XX:AOTCache=%s", cache) : NULL;
}

/*
 * Address space for classes. It is scarce where there is a `ulimit -v`, and the default is 1g; but all that goes into a
 * cache has to fit in while that is made.
 */
static const char *class_space(void)
{
    return getenv(RECORD) ? "-XX:CompressedClassSpaceSize=128m" : "-XX:CompressedClassSpaceSize=16m";
}

/* -------------------------------------------------------- what the JVM forgets */

static char **shielded(char **environment)
{
    size_t count = 0;
    while (environment[count])
        count++;
    char **result = allocate(count + 2, sizeof *result);
    for (size_t i = 0; i < count; i++) {
        result[i] = environment[i];
        for (size_t j = 0; j < sizeof SHIELDED / sizeof *SHIELDED; j++)
            if (strncmp(environment[i], SHIELDED[j], strlen(SHIELDED[j])) == 0)
                result[i] = text(SHIELD "%s", environment[i]);
    }
    /* Last, where Environ.java takes it off again. */
    result[count] = "LC_ALL=C.UTF-8";
    return result;
}

/* Bit n − 1 for each signal that is ignored, which exec hands on and the JVM overwrites. */
static unsigned long long ignored_signals(void)
{
    unsigned long long mask = 0;
    for (int signal = 1; signal <= 64; signal++) {
        struct sigaction action;
        if (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            mask |= 1ull << (signal - 1);
    }
    return mask;
}

/*
 * Bit n for each of stdin, stdout and stderr that is closed. The JVM would open its own files in their places, and the
 * program would inherit those; so /dev/null holds the place, opened the wrong way round: to use it is the error that
 * it was, and Exec closes it again.
 */
static unsigned closed_streams(void)
{
    unsigned mask = 0;
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) >= 0)
            continue;
        mask |= 1u << stream;
        /* The lowest free descriptor is this one: those below are open by now. */
        if (open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream)
            fail("descriptor %d is closed, and /dev/null cannot hold its place: %s", stream, strerror(errno));
    }
    return mask;
}

static void require_room_for_java(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < LEAST_ADDRESS_SPACE)
        fail("it may use %llu KiB of address space (ulimit -v), and Java needs %llu\n"
             "  raise the limit, or set it for the program alone: gpuslice run … -- sh -c 'ulimit -v %llu; exec CMD'",
             (unsigned long long)limit.rlim_cur >> 10, LEAST_ADDRESS_SPACE >> 10, (unsigned long long)limit.rlim_cur >> 10);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < LEAST_DESCRIPTORS)
        fail("it may open %llu files (ulimit -n), and Java needs %d\n"
             "  raise the limit, or set it for the program alone: gpuslice run … -- sh -c 'ulimit -n %llu; exec CMD'",
             (unsigned long long)limit.rlim_cur, LEAST_DESCRIPTORS, (unsigned long long)limit.rlim_cur);
}

/* Of the terminal that stdout is; 0 where it is none. */
static unsigned columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int main(int argc, char **argv, char **environment)
{
    if (argc > 1 && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "exec") == 0))
        failure_status = 125;

    unsigned closed = closed_streams(); /* before anything opens a file */
    require_room_for_java();
    char *home = tree();
    char *java = text("%s/bin/java", find_java(home));
    struct class_path jars = class_path(home);
    char *cache = start_up_cache(home, jars.newest);
    const char *options[] = {
        java,
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",           /* no file in /tmp that the exec would leave behind */
        "-XX:-MaxFDLimit",            /* the soft limit of descriptors is the program's */
        "-Xrs",                       /* SIGINT and its like end us as they would any program */
        "-XX:+DisableAttachMechanism", /* with -Xrs it would open a socket at once, and the program inherit it */
        "-XX:+DisplayVMOutputToStderr", /* stdout is for data */
        "-Xlog:disable",
        "-Xmx64m",
        class_space(),
        "--enable-native-access=ALL-UNNAMED",
        text("-Dgpuslice.home=%s", home),
        "-Dgpuslice.shielded=true",
        text("-Dgpuslice.ignored-signals=%llx", ignored_signals()),
        text("-Dgpuslice.closed-streams=%u", closed),
        text("-Dgpuslice.columns=%u", columns()),
        "-cp",
        jars.path,
        cache ? cache : "-Xshare:auto",
        "io.gpuslice.cli.Main",
    };
    size_t count = sizeof options / sizeof *options;
    char **arguments = allocate(count + (size_t)argc + 1, sizeof *arguments);
    memcpy(arguments, options, sizeof options);
    for (int i = 1; i < argc; i++)
        arguments[count++] = argv[i];

    execve(java, arguments, shielded(environment));
    fail("cannot start %s: %s", java, strerror(errno));
}

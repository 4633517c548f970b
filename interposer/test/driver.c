/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpuslice_abi.h"

#define DEVICES 2
#define CAPACITY (64ull << 30)
#define ANYTHING 4096

_Atomic uint64_t driver_pitch = 512;

enum what { NOTHING = 0, MEMORY, FROM_POOL, PHYSICAL, MAPPING, ARRAY, MULTICAST, IMPORTED };

struct thing {
    enum what what;
    uint64_t handle;
    uint64_t bytes;
    int device;
    uint64_t of;     /* the pool or the physical memory */
    gs_object context;
    int references, uses;
    bool orphan;     /* freed in a stream that has not got there */
};

struct pool {
    bool live, destroyed, host, imported;
    int device;
    uint64_t reserved, used, lagging, threshold;
};

struct graph {
    bool live;
    uint64_t bytes[8];
    int nodes;
    struct graph *child;
    bool instantiated;
    uint64_t needed; /* by the executable one */
};

static char primary[DEVICES], others[64];

static struct {
    pthread_mutex_t lock;
    struct thing things[ANYTHING];
    uint64_t next;
    struct pool pools[32]; /* 0 and 1: the devices' default ones; 2: the host's */
    int current_pool[DEVICES];
    _Atomic uint64_t greed;
    _Atomic bool lag, capture;
    struct graph graphs[16];
    uint64_t graph_reserved[DEVICES], graph_used[DEVICES];
    bool primary_active[DEVICES];
    uint32_t references[sizeof others]; /* to a context; 0: it is gone */
    int primary_references[DEVICES], contexts[DEVICES];
    uint64_t overhead;
    bool no_nvml;
    int events;
    gs_result fail[DRIVER_FUNCTIONS];
    int fail_after[DRIVER_FUNCTIONS];
    bool always[DRIVER_FUNCTIONS];
    int calls[DRIVER_FUNCTIONS];
    bool lacking[DRIVER_FUNCTIONS];
} the = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local gs_object current_context;

static void lock(void)
{
    pthread_mutex_lock(&the.lock);
}

static gs_result unlock(gs_result result)
{
    pthread_mutex_unlock(&the.lock);
    return result;
}

/* Every function begins with this: counts, and fails where it is told to. */
static gs_result enter(enum driver_function function)
{
    lock();
    the.calls[function]++;
    gs_result result = the.fail[function];
    if (result == GS_SUCCESS || (!the.always[function] && the.fail_after[function]-- > 0))
        return GS_SUCCESS;
    if (!the.always[function])
        the.fail[function] = GS_SUCCESS;
    return result;
}
#define ENTER(name)                              \
    do {                                         \
        gs_result failure = enter(DRIVER_##name); \
        if (failure != GS_SUCCESS)               \
            return unlock(failure);              \
    } while (0)

enum { NO_CONTEXT = 201, INVALID_HANDLE = 400, CONTEXT_IS_DESTROYED = 709 };

static bool is_context(gs_object context)
{
    return context == &primary[0] || context == &primary[1] ||
           ((uintptr_t)context >= (uintptr_t)others && (uintptr_t)context < (uintptr_t)others + sizeof others);
}

static bool is_gone(gs_object context)
{
    return context != &primary[0] && context != &primary[1] && the.references[(char *)context - others] == 0;
}

static bool is_device(gs_device device)
{
    return device >= 0 && device < DEVICES;
}

static int context_device(gs_object context)
{
    for (int i = 0; i < DEVICES; i++) {
        if (context == &primary[i])
            return i;
    }
    return (int)((char *)context - others) % DEVICES;
}

static struct thing *find(enum what what, uint64_t handle)
{
    for (int i = 0; i < ANYTHING; i++) {
        if (the.things[i].what == what && the.things[i].handle == handle && !the.things[i].orphan)
            return &the.things[i];
    }
    return NULL;
}

static struct thing *add(enum what what, uint64_t bytes, int device)
{
    for (int i = 0; i < ANYTHING; i++) {
        struct thing *thing = &the.things[i];
        if (thing->what != NOTHING)
            continue;
        the.next += bytes / 512 * 512 + 4096;
        *thing = (struct thing){.what = what, .handle = the.next, .bytes = bytes, .device = device};
        the.next += bytes / 512 * 512 + 4096;
        return thing;
    }
    return NULL;
}

static uint64_t bytes_of(int device)
{
    uint64_t sum = the.graph_reserved[device];
    if (the.contexts[device] > 0)
        sum += the.overhead;
    for (int i = 0; i < ANYTHING; i++) {
        const struct thing *thing = &the.things[i];
        if (thing->device == device && (thing->what == MEMORY || thing->what == PHYSICAL || thing->what == ARRAY))
            sum += thing->bytes;
    }
    for (size_t i = 0; i < sizeof the.pools / sizeof *the.pools; i++) {
        if (the.pools[i].live && !the.pools[i].host && the.pools[i].device == device)
            sum += the.pools[i].reserved;
    }
    return sum;
}

/* ------------------------------------------------------------ the tests' side */

void driver_reset(void)
{
    lock();
    memset(the.things, 0, sizeof the.things);
    memset(the.pools, 0, sizeof the.pools);
    memset(the.graphs, 0, sizeof the.graphs);
    memset(the.fail, 0, sizeof the.fail);
    memset(the.always, 0, sizeof the.always);
    memset(the.calls, 0, sizeof the.calls);
    memset(the.lacking, 0, sizeof the.lacking);
    memset(the.graph_reserved, 0, sizeof the.graph_reserved);
    memset(the.graph_used, 0, sizeof the.graph_used);
    memset(the.contexts, 0, sizeof the.contexts);
    memset(the.references, 0, sizeof the.references);
    the.next = 0x100000;
    the.greed = the.overhead = 0;
    the.no_nvml = false;
    the.events = 0;
    the.lag = the.capture = false;
    driver_pitch = 512;
    for (int i = 0; i < 3; i++)
        the.pools[i] = (struct pool){.live = true, .device = i < DEVICES ? i : -1, .host = i == DEVICES};
    for (int i = 0; i < DEVICES; i++) {
        the.current_pool[i] = i;
        the.primary_active[i] = true;
        the.primary_references[i] = 2;
    }
    current_context = &primary[0];
    unlock(0);
}

uint64_t driver_bytes(int device)
{
    lock();
    uint64_t bytes = bytes_of(device);
    unlock(0);
    return bytes;
}

void driver_fail(enum driver_function function, gs_result result, int after)
{
    lock();
    the.fail[function] = result;
    the.fail_after[function] = after;
    unlock(0);
}

void driver_fail_always(enum driver_function function, gs_result result)
{
    driver_fail(function, result, 0);
    the.always[function] = result != GS_SUCCESS;
}

void driver_calm(void)
{
    lock();
    memset(the.fail, 0, sizeof the.fail);
    memset(the.always, 0, sizeof the.always);
    unlock(0);
}

int driver_events(void)
{
    return the.events;
}

uint64_t driver_next_handle(uint64_t bytes)
{
    lock();
    uint64_t next = the.next + bytes / 512 * 512 + 4096;
    unlock(0);
    return next;
}

int driver_calls(enum driver_function function)
{
    lock();
    int calls = the.calls[function];
    unlock(0);
    return calls;
}

void driver_lack(enum driver_function function)
{
    the.lacking[function] = true;
}

void driver_set_context(gs_object context)
{
    current_context = context;
}

gs_object driver_primary_context(int device)
{
    return &primary[device];
}

void driver_greed(uint64_t bytes)
{
    the.greed = bytes;
}

void driver_overhead(uint64_t bytes)
{
    the.overhead = bytes;
}

void driver_lack_nvml(void)
{
    the.no_nvml = true;
}

void driver_lag(bool on)
{
    the.lag = on;
}

void driver_capture(bool on)
{
    the.capture = on;
}

gs_object driver_graph(const uint64_t *bytes, int nodes, gs_object child)
{
    for (int i = 0; i < 16; i++) {
        struct graph *graph = &the.graphs[i];
        if (graph->live)
            continue;
        *graph = (struct graph){.live = true, .nodes = nodes, .child = child};
        for (int node = 0; node < nodes; node++)
            graph->bytes[node] = bytes[node];
        return graph;
    }
    return NULL;
}

/* ------------------------------------------------------------ devices and contexts */

static gs_result fake_cuDeviceGetCount(int *count)
{
    *count = DEVICES;
    return GS_SUCCESS;
}

static gs_result fake_cuDeviceGet(gs_device *device, int ordinal)
{
    *device = ordinal;
    return ordinal < DEVICES ? GS_SUCCESS : GS_INVALID_VALUE;
}

static gs_result fake_cuDeviceGetUuid_v2(unsigned char *uuid, gs_device device)
{
    memset(uuid, device + 1, GPUSLICE_UUID_SIZE);
    return GS_SUCCESS;
}

static gs_result fake_cuCtxGetDevice(gs_device *device)
{
    if (current_context == NULL)
        return NO_CONTEXT;
    *device = context_device(current_context);
    return GS_SUCCESS;
}

static gs_result fake_cuCtxGetCurrent(gs_object *context)
{
    *context = current_context;
    return GS_SUCCESS;
}

static _Thread_local gs_object below;

static gs_result fake_cuCtxPushCurrent_v2(gs_object context)
{
    below = current_context;
    current_context = context;
    return GS_SUCCESS;
}

static gs_result fake_cuCtxPopCurrent_v2(gs_object *context)
{
    *context = current_context;
    current_context = below;
    return GS_SUCCESS;
}

/* A stream is the address of its device's primary context, plus something. */
static gs_result fake_cuStreamGetCtx(gs_object stream, gs_object *context)
{
    if (!is_context(stream))
        return INVALID_HANDLE;
    *context = stream;
    return GS_SUCCESS;
}

static gs_result new_context(enum driver_function function, gs_object *context, gs_device device)
{
    static int next;
    gs_result failure = enter(function);
    if (failure != GS_SUCCESS)
        return unlock(failure);
    if (context == NULL || !is_device(device))
        return unlock(GS_INVALID_VALUE);
    for (size_t tries = 0; tries < sizeof others / DEVICES; tries++) {
        next = (next + DEVICES) % (int)(sizeof others - DEVICES);
        if (the.references[next + device] == 0)
            break;
    }
    if (the.references[next + device] != 0)
        return unlock(GS_OUT_OF_MEMORY);
    *context = current_context = &others[next + device];
    the.references[next + device] = 1;
    the.contexts[device]++;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuCtxCreate(gs_object *context, unsigned int flags, gs_device device)
{
    (void)flags;
    return new_context(DRIVER_cuCtxCreate, context, device);
}

static gs_result fake_cuCtxCreate_v3(gs_object *context, void *affinity, int count, unsigned int flags, gs_device device)
{
    (void)affinity, (void)count, (void)flags;
    return new_context(DRIVER_cuCtxCreate_v3, context, device);
}

static gs_result fake_cuCtxCreate_v4(gs_object *context, void *params, unsigned int flags, gs_device device)
{
    (void)params, (void)flags;
    return new_context(DRIVER_cuCtxCreate_v4, context, device);
}

static void end_array(struct thing *array);

static void end_context(gs_object context)
{
    for (int i = 0; i < ANYTHING; i++) {
        struct thing *thing = &the.things[i];
        if (thing->what == MEMORY && thing->context == context)
            thing->what = NOTHING;
        if (thing->what == ARRAY && thing->context == context)
            end_array(thing);
    }
}

static gs_result fake_cuCtxDestroy(gs_object context)
{
    ENTER(cuCtxDestroy);
    if (!is_context(context) || context == &primary[0] || context == &primary[1] || is_gone(context))
        return unlock(GS_INVALID_VALUE);
    the.references[(char *)context - others] = 0;
    end_context(context);
    if (the.contexts[context_device(context)] > 0)
        the.contexts[context_device(context)]--;
    if (current_context == context)
        current_context = &primary[0];
    return unlock(GS_SUCCESS);
}

static bool is_primary(gs_object context)
{
    return context == &primary[0] || context == &primary[1];
}

static gs_result fake_cuCtxAttach(gs_object *context, unsigned int flags)
{
    (void)flags;
    lock();
    if (context == NULL || current_context == NULL || is_primary(current_context) || is_gone(current_context))
        return unlock(GS_INVALID_VALUE);
    the.references[(char *)current_context - others]++;
    *context = current_context;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuCtxDetach(gs_object context)
{
    lock();
    if (!is_context(context) || is_primary(context) || is_gone(context))
        return unlock(GS_INVALID_VALUE);
    bool last = the.references[(char *)context - others] == 1;
    the.references[(char *)context - others] -= !last;
    unlock(GS_SUCCESS);
    return last ? fake_cuCtxDestroy(context) : GS_SUCCESS;
}

static gs_result fake_cuDevicePrimaryCtxReset(gs_device device)
{
    ENTER(cuDevicePrimaryCtxReset);
    if (!is_device(device))
        return unlock(GS_INVALID_VALUE);
    end_context(&primary[device]);
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuDevicePrimaryCtxRetain(gs_object *context, gs_device device)
{
    ENTER(cuDevicePrimaryCtxRetain);
    if (context == NULL || !is_device(device))
        return unlock(GS_INVALID_VALUE);
    the.primary_references[device]++;
    the.contexts[device] += !the.primary_active[device];
    the.primary_active[device] = true;
    *context = current_context = &primary[device];
    return unlock(GS_SUCCESS);
}

/* Two references to begin with, by somebody who was not seen. */
static gs_result fake_cuDevicePrimaryCtxRelease(gs_device device)
{
    ENTER(cuDevicePrimaryCtxRelease);
    if (!is_device(device) || the.primary_references[device] == 0)
        return unlock(GS_INVALID_VALUE);
    if (--the.primary_references[device] == 0) {
        end_context(&primary[device]);
        the.primary_active[device] = false;
        if (the.contexts[device] > 0)
            the.contexts[device]--;
    }
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuDevicePrimaryCtxGetState(gs_device device, unsigned int *flags, int *active)
{
    *flags = 0;
    *active = the.primary_active[device];
    return GS_SUCCESS;
}

/* ------------------------------------------------------------ linear, managed, pitched */

static gs_result take(enum driver_function function, enum what what, uint64_t *handle, uint64_t bytes)
{
    gs_result failure = enter(function);
    if (failure != GS_SUCCESS)
        return unlock(failure);
    if (current_context == NULL)
        return unlock(NO_CONTEXT);
    if (bytes == 0)
        return unlock(GS_INVALID_VALUE);
    if (is_gone(current_context))
        return unlock(CONTEXT_IS_DESTROYED);
    int device = context_device(current_context);
    if (bytes > CAPACITY || bytes_of(device) + bytes > CAPACITY)
        return unlock(GS_OUT_OF_MEMORY);
    struct thing *thing = add(what, bytes, device);
    if (thing == NULL)
        return unlock(GS_OUT_OF_MEMORY);
    thing->context = current_context;
    *handle = thing->handle;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemAlloc_v2(gs_deviceptr *address, size_t bytes)
{
    uint64_t handle = 0;
    if (address == NULL)
        return GS_INVALID_VALUE;
    gs_result result = take(DRIVER_cuMemAlloc_v2, MEMORY, &handle, bytes);
    if (result == GS_SUCCESS)
        *address = handle;
    return result;
}

/* The old ABI has 32 bits for an address. What lies beyond them is not to be had there: cut off, it would be another's. */
static gs_result within_32_bits(gs_result result, uint64_t handle, gs_deviceptr_v1 *address)
{
    if (result == GS_SUCCESS && handle > UINT32_MAX) {
        lock();
        struct thing *thing = find(MEMORY, handle);
        if (thing != NULL)
            thing->what = NOTHING;
        return unlock(GS_OUT_OF_MEMORY);
    }
    *address = (gs_deviceptr_v1)handle;
    return result;
}

static gs_result fake_cuMemAlloc(gs_deviceptr_v1 *address, unsigned int bytes)
{
    uint64_t handle = 0;
    if (address == NULL)
        return GS_INVALID_VALUE;
    gs_result result = take(DRIVER_cuMemAlloc, MEMORY, &handle, bytes);
    return within_32_bits(result, handle, address);
}

static gs_result fake_cuMemAllocManaged(gs_deviceptr *address, size_t bytes, unsigned int flags)
{
    (void)flags;
    uint64_t handle = 0;
    if (address == NULL)
        return GS_INVALID_VALUE;
    gs_result result = take(DRIVER_cuMemAllocManaged, MEMORY, &handle, bytes);
    *address = handle;
    return result;
}

static gs_result fake_cuMemAllocPitch_v2(gs_deviceptr *address, size_t *pitch, size_t width, size_t height,
                                         unsigned int element)
{
    (void)element;
    uint64_t handle = 0, bytes;
    if (address == NULL || pitch == NULL || width > CAPACITY)
        return GS_INVALID_VALUE;
    *pitch = (width + driver_pitch - 1) / driver_pitch * driver_pitch;
    if (__builtin_mul_overflow(*pitch, height, &bytes))
        return GS_INVALID_VALUE;
    gs_result result = take(DRIVER_cuMemAllocPitch_v2, MEMORY, &handle, bytes);
    *address = handle;
    return result;
}

static gs_result fake_cuMemAllocPitch(gs_deviceptr_v1 *address, unsigned int *pitch, unsigned int width,
                                      unsigned int height, unsigned int element)
{
    gs_deviceptr wide = 0;
    size_t wide_pitch = 0;
    if (address == NULL || pitch == NULL)
        return GS_INVALID_VALUE;
    gs_result result = fake_cuMemAllocPitch_v2(&wide, &wide_pitch, width, height, element);
    *pitch = (unsigned int)wide_pitch;
    return within_32_bits(result, wide, address);
}

/* ------------------------------------------------------------ pools */

static gs_object object(int pool)
{
    return &the.pools[pool];
}

static struct pool *pool_of(gs_object handle)
{
    struct pool *pool = handle;
    uintptr_t offset = (uintptr_t)pool - (uintptr_t)the.pools;
    return offset < sizeof the.pools && offset % sizeof *pool == 0 && pool->live && !pool->destroyed ? pool : NULL;
}

static void shrink(struct pool *pool, uint64_t keep)
{
    uint64_t needed = (pool->used + pool->lagging + DRIVER_CHUNK - 1) / DRIVER_CHUNK * DRIVER_CHUNK;
    if (needed < keep)
        needed = keep;
    if (pool->reserved > needed)
        pool->reserved = needed;
    if (pool->destroyed && pool->reserved == 0)
        pool->live = false;
}

static gs_result take_from(struct pool *pool, gs_deviceptr *address, uint64_t bytes)
{
    if (pool == NULL || pool->host != (pool->device < 0) || pool->imported || address == NULL || bytes == 0)
        return unlock(GS_INVALID_VALUE);
    if (bytes > CAPACITY || (!pool->host && bytes_of(pool->device) + bytes > CAPACITY))
        return unlock(GS_OUT_OF_MEMORY);
    struct thing *thing = add(FROM_POOL, bytes, pool->device);
    if (thing == NULL)
        return unlock(GS_OUT_OF_MEMORY);
    pool->used += bytes;
    if (pool->reserved < pool->used + pool->lagging)
        pool->reserved = (pool->used + pool->lagging + DRIVER_CHUNK - 1) / DRIVER_CHUNK * DRIVER_CHUNK + the.greed;
    thing->of = (uintptr_t)pool;
    *address = thing->handle;
    return unlock(GS_SUCCESS);
}

static gs_result alloc_async(enum driver_function function, gs_deviceptr *address, size_t bytes, gs_object stream)
{
    gs_result failure = enter(function);
    if (failure != GS_SUCCESS)
        return unlock(failure);
    if (current_context == NULL)
        return unlock(NO_CONTEXT);
    if (address == NULL || bytes == 0)
        return unlock(GS_INVALID_VALUE);
    if (the.capture) {
        struct thing *thing = add(IMPORTED, bytes, 0); /* the graph's, not here yet */
        *address = thing == NULL ? 0 : thing->handle;
        return unlock(thing == NULL ? GS_OUT_OF_MEMORY : GS_SUCCESS);
    }
    if ((uintptr_t)stream > 2 && !is_context(stream))
        return unlock(INVALID_HANDLE);
    int device = context_device((uintptr_t)stream > 2 ? stream : current_context);
    return take_from(&the.pools[the.current_pool[device]], address, bytes);
}

static gs_result fake_cuMemAllocAsync(gs_deviceptr *address, size_t bytes, gs_object stream)
{
    return alloc_async(DRIVER_cuMemAllocAsync, address, bytes, stream);
}

static gs_result fake_cuMemAllocAsync_ptsz(gs_deviceptr *address, size_t bytes, gs_object stream)
{
    return alloc_async(DRIVER_cuMemAllocAsync_ptsz, address, bytes, stream);
}

static gs_result fake_cuMemAllocFromPoolAsync(gs_deviceptr *address, size_t bytes, gs_object pool, gs_object stream)
{
    (void)stream;
    ENTER(cuMemAllocFromPoolAsync);
    return take_from(pool_of(pool), address, bytes);
}

static gs_result fake_cuMemAllocFromPoolAsync_ptsz(gs_deviceptr *address, size_t bytes, gs_object pool, gs_object stream)
{
    (void)stream;
    ENTER(cuMemAllocFromPoolAsync_ptsz);
    return take_from(pool_of(pool), address, bytes);
}

static gs_result give(enum driver_function function, uint64_t address, bool in_stream)
{
    gs_result failure = enter(function);
    if (failure != GS_SUCCESS)
        return unlock(failure);
    struct thing *thing = find(MEMORY, address);
    if (thing == NULL && (thing = find(FROM_POOL, address)) != NULL) {
        struct pool *pool = (struct pool *)(uintptr_t)thing->of;
        pool->used -= thing->bytes;
        if (the.lag)
            pool->lagging += thing->bytes;
        else if (pool->destroyed || pool->threshold == 0)
            shrink(pool, pool->threshold);
    }
    if (thing == NULL)
        return unlock(GS_INVALID_VALUE);
    if (the.lag && thing->what == MEMORY && in_stream)
        thing->orphan = true;
    else
        thing->what = NOTHING;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemFree_v2(gs_deviceptr address)
{
    return address == 0 ? GS_SUCCESS : give(DRIVER_cuMemFree_v2, address, false);
}

static gs_result fake_cuMemFree(gs_deviceptr_v1 address)
{
    return give(DRIVER_cuMemFree, address, false);
}

static gs_result fake_cuMemFreeAsync(gs_deviceptr address, gs_object stream)
{
    (void)stream;
    return give(DRIVER_cuMemFreeAsync, address, true);
}

static gs_result fake_cuMemFreeAsync_ptsz(gs_deviceptr address, gs_object stream)
{
    (void)stream;
    return give(DRIVER_cuMemFreeAsync_ptsz, address, true);
}

static void catch_up(void)
{
    for (int i = 0; i < ANYTHING; i++) {
        if (the.things[i].orphan)
            the.things[i] = (struct thing){.what = NOTHING};
    }
    for (int i = 0; i < 32; i++) {
        the.pools[i].lagging = 0;
        if (the.pools[i].threshold == 0)
            shrink(&the.pools[i], 0);
    }
}

static gs_result fake_cuStreamSynchronize(gs_object stream)
{
    (void)stream;
    ENTER(cuStreamSynchronize);
    catch_up();
    return unlock(GS_SUCCESS);
}

/* Events that are alive, to see that none is left. */
static gs_result fake_cuEventCreate(gs_object *event, unsigned int flags)
{
    ENTER(cuEventCreate);
    if (flags != GS_EVENT_DISABLE_TIMING)
        return unlock(GS_INVALID_VALUE);
    the.events++;
    *event = &the.events;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuEventDestroy_v2(gs_object event)
{
    ENTER(cuEventDestroy_v2);
    if (event != &the.events || the.events == 0)
        return unlock(INVALID_HANDLE);
    the.events--;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuEventRecord(gs_object event, gs_object stream)
{
    (void)stream;
    ENTER(cuEventRecord);
    return unlock(event == &the.events ? GS_SUCCESS : INVALID_HANDLE);
}

static gs_result fake_cuEventQuery(gs_object event)
{
    ENTER(cuEventQuery);
    return unlock(event != &the.events || the.events == 0 ? INVALID_HANDLE : the.lag ? GS_NOT_READY : GS_SUCCESS);
}

static gs_result fake_cuEventSynchronize(gs_object event)
{
    (void)event;
    ENTER(cuEventSynchronize);
    catch_up();
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuStreamIsCapturing(gs_object stream, int *status)
{
    (void)stream;
    *status = the.capture ? 1 : GS_CAPTURE_NONE;
    return GS_SUCCESS;
}

static gs_result fake_cuMemPoolCreate(gs_object *pool, const struct gs_pool_props *props)
{
    ENTER(cuMemPoolCreate);
    if (pool == NULL || props == NULL ||
        (props->location.type == GS_LOCATION_DEVICE && !is_device(props->location.id)))
        return unlock(GS_INVALID_VALUE);
    for (int i = 3; i < 32; i++) {
        if (the.pools[i].live)
            continue;
        bool managed = props->type == GS_ALLOCATION_MANAGED && props->location.type == GS_LOCATION_NONE;
        bool host = props->location.type != GS_LOCATION_DEVICE && !managed;
        int current = current_context == NULL ? 0 : context_device(current_context);
        the.pools[i] = (struct pool){
            .live = true, .host = host, .device = host ? -1 : managed ? current : props->location.id};
        *pool = object(i);
        return unlock(GS_SUCCESS);
    }
    return unlock(GS_OUT_OF_MEMORY);
}

static gs_result fake_cuMemPoolDestroy(gs_object handle)
{
    ENTER(cuMemPoolDestroy);
    struct pool *pool = pool_of(handle);
    if (pool == NULL || pool < the.pools + 3)
        return unlock(GS_INVALID_VALUE);
    pool->destroyed = true;
    shrink(pool, 0);
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemPoolTrimTo(gs_object handle, size_t keep)
{
    ENTER(cuMemPoolTrimTo);
    struct pool *pool = pool_of(handle);
    if (pool == NULL)
        return unlock(GS_INVALID_VALUE);
    shrink(pool, keep);
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemPoolGetAttribute(gs_object handle, int attribute, void *value)
{
    ENTER(cuMemPoolGetAttribute);
    struct pool *pool = pool_of(handle);
    if (pool == NULL)
        return unlock(GS_INVALID_VALUE);
    *(uint64_t *)value = attribute == GS_POOL_RESERVED ? pool->reserved
                         : attribute == GS_POOL_USED   ? pool->used + pool->lagging
                                                       : pool->threshold;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemPoolSetAttribute(gs_object handle, int attribute, void *value)
{
    ENTER(cuMemPoolSetAttribute);
    struct pool *pool = pool_of(handle);
    if (pool == NULL || attribute != GS_POOL_RELEASE_THRESHOLD)
        return unlock(GS_INVALID_VALUE);
    pool->threshold = *(uint64_t *)value;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuDeviceGetMemPool(gs_object *pool, gs_device device)
{
    lock();
    *pool = object(the.current_pool[device]);
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuDeviceGetDefaultMemPool(gs_object *pool, gs_device device)
{
    *pool = object(device);
    return GS_SUCCESS;
}

static gs_result fake_cuDeviceSetMemPool(gs_device device, gs_object pool)
{
    lock();
    the.current_pool[device] = (int)((struct pool *)pool - the.pools);
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemGetDefaultMemPool(gs_object *pool, struct gs_location *location, int type)
{
    (void)type;
    if (pool == NULL || location == NULL || location->type == GS_LOCATION_NONE || (location->type == GS_LOCATION_DEVICE && !is_device(location->id)))
        return GS_INVALID_VALUE;
    *pool = object(location->type == GS_LOCATION_DEVICE ? location->id : DEVICES);
    return GS_SUCCESS;
}

static gs_result fake_cuThreadExchangeStreamCaptureMode(int *mode)
{
    static _Thread_local int now;
    int before = now;
    now = *mode;
    *mode = before;
    return GS_SUCCESS;
}

/* ------------------------------------------------------------ physical memory */

static gs_result fake_cuMemCreate(gs_handle *handle, size_t bytes, const struct gs_allocation_prop *prop,
                                  unsigned long long flags)
{
    (void)flags;
    ENTER(cuMemCreate);
    bool on_device = prop != NULL && prop->location.type == GS_LOCATION_DEVICE;
    if (handle == NULL || prop == NULL || bytes == 0 || (on_device && !is_device(prop->location.id)))
        return unlock(GS_INVALID_VALUE);
    if (bytes > CAPACITY || (on_device && bytes_of(prop->location.id) + bytes > CAPACITY))
        return unlock(GS_OUT_OF_MEMORY);
    struct thing *thing = add(PHYSICAL, bytes, on_device ? prop->location.id : -1);
    if (thing == NULL)
        return unlock(GS_OUT_OF_MEMORY);
    thing->references = 1;
    *handle = thing->handle;
    return unlock(GS_SUCCESS);
}

static struct thing *memory_of(gs_handle handle)
{
    struct thing *thing = find(PHYSICAL, handle);
    return thing != NULL ? thing : find(MULTICAST, handle);
}

static void end_if_unused(struct thing *thing)
{
    if (thing->references > 0 || thing->uses > 0)
        return;
    uint64_t handle = thing->handle;
    bool multicast = thing->what == MULTICAST;
    thing->what = NOTHING;
    for (int i = 0; multicast && i < ANYTHING; i++) { /* what is bound to it is let go of */
        struct thing *bound = &the.things[i];
        if (bound->what == PHYSICAL && bound->of == handle) {
            bound->of = 0;
            bound->uses--;
            end_if_unused(bound);
        }
    }
}

static gs_result fake_cuMemRelease(gs_handle handle)
{
    ENTER(cuMemRelease);
    struct thing *thing = memory_of(handle);
    if (thing == NULL || thing->references == 0)
        return unlock(GS_INVALID_VALUE);
    thing->references--;
    end_if_unused(thing);
    return unlock(GS_SUCCESS);
}

static bool overlaps(uint64_t address, uint64_t bytes)
{
    for (int i = 0; i < ANYTHING; i++) {
        const struct thing *thing = &the.things[i];
        if (thing->what == MAPPING && address < thing->handle + thing->bytes && thing->handle < address + bytes)
            return true;
    }
    return address + bytes < address;
}

static gs_result fake_cuMemMap(gs_deviceptr address, size_t bytes, size_t offset, gs_handle handle,
                               unsigned long long flags)
{
    (void)flags, (void)offset;
    ENTER(cuMemMap);
    struct thing *memory = memory_of(handle);
    if (memory == NULL || address == 0 || bytes == 0 || overlaps(address, bytes))
        return unlock(GS_INVALID_VALUE);
    struct thing *mapping = add(MAPPING, 0, -1); /* where it lies and how far it goes is the caller's to say */
    if (mapping == NULL)
        return unlock(GS_OUT_OF_MEMORY);
    mapping->handle = address;
    mapping->bytes = bytes;
    mapping->of = handle;
    memory->uses++;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemUnmap(gs_deviceptr address, size_t bytes)
{
    ENTER(cuMemUnmap);
    uint64_t end = address + bytes, at = address;
    for (const struct thing *mapping; at < end && (mapping = find(MAPPING, at)) != NULL;)
        at += mapping->bytes;
    if (bytes == 0 || at != end) /* whole mappings, or nothing happens */
        return unlock(GS_INVALID_VALUE);
    while (address < end) {
        struct thing *mapping = find(MAPPING, address);
        struct thing *memory = memory_of(mapping->of);
        address += mapping->bytes;
        mapping->what = NOTHING;
        memory->uses--;
        end_if_unused(memory);
    }
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemRetainAllocationHandle(gs_handle *handle, void *address)
{
    ENTER(cuMemRetainAllocationHandle);
    if (handle == NULL)
        return unlock(GS_INVALID_VALUE);
    for (int i = 0; i < ANYTHING; i++) {
        const struct thing *mapping = &the.things[i];
        if (mapping->what == MAPPING && (uintptr_t)address >= mapping->handle &&
            (uintptr_t)address < mapping->handle + mapping->bytes) {
            memory_of(mapping->of)->references++;
            *handle = mapping->of;
            return unlock(GS_SUCCESS);
        }
    }
    return unlock(GS_INVALID_VALUE);
}

/* Mapped into an array: held until that goes. */
static gs_result fake_cuMemMapArrayAsync(struct gs_array_map *list, unsigned int count, gs_object stream)
{
    (void)stream;
    ENTER(cuMemMapArrayAsync);
    for (unsigned int i = 0; i < count; i++) { /* all, or nothing happens */
        const struct thing *array = list == NULL ? NULL : find(ARRAY, (uintptr_t)list[i].resource);
        if (array == NULL || array->of != 0 || list[i].operation != GS_OPERATION_MAP || memory_of(list[i].handle) == NULL)
            return unlock(GS_INVALID_VALUE);
        for (unsigned int j = 0; j < i; j++) {
            if (list[j].resource == list[i].resource)
                return unlock(GS_INVALID_VALUE);
        }
    }
    for (unsigned int i = 0; i < count; i++) {
        struct thing *memory = memory_of(list[i].handle);
        struct thing *array = find(ARRAY, (uintptr_t)list[i].resource);
        memory->uses++;
        array->of = list[i].handle;
    }
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMulticastCreate(gs_handle *handle, const void *prop)
{
    (void)prop;
    ENTER(cuMulticastCreate);
    struct thing *thing = handle == NULL ? NULL : add(MULTICAST, 0, -1);
    if (thing == NULL)
        return unlock(GS_INVALID_VALUE);
    thing->references = 1;
    *handle = thing->handle;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMulticastBindMem(gs_handle multicast, size_t offset, gs_handle memory, size_t memory_offset,
                                         size_t bytes, unsigned long long flags)
{
    (void)offset, (void)memory_offset, (void)bytes, (void)flags;
    ENTER(cuMulticastBindMem);
    struct thing *thing = find(PHYSICAL, memory);
    if (thing == NULL || thing->of != 0 || find(MULTICAST, multicast) == NULL)
        return unlock(GS_INVALID_VALUE);
    thing->of = multicast;
    thing->uses++;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMulticastBindAddr(gs_handle multicast, size_t offset, gs_deviceptr address, size_t bytes,
                                          unsigned long long flags)
{
    lock();
    const struct thing *mapping = find(MAPPING, address);
    gs_handle memory = mapping == NULL ? 0 : mapping->of;
    unlock(0);
    return fake_cuMulticastBindMem(multicast, offset, memory, 0, bytes, flags);
}

static gs_result fake_cuMulticastUnbind(gs_handle multicast, gs_device device, size_t offset, size_t bytes)
{
    (void)offset, (void)bytes;
    ENTER(cuMulticastUnbind);
    for (int i = 0; i < ANYTHING; i++) {
        struct thing *thing = &the.things[i];
        if (thing->what == PHYSICAL && multicast != 0 && thing->of == multicast && thing->device == device) {
            thing->of = 0;
            thing->uses--;
            end_if_unused(thing);
            return unlock(GS_SUCCESS);
        }
    }
    return unlock(GS_INVALID_VALUE);
}

/* ------------------------------------------------------------ arrays: four bytes per element */

static gs_result new_array(enum driver_function function, gs_object *array, uint64_t width, uint64_t height,
                           uint64_t depth, unsigned int flags, unsigned int levels)
{
    uint64_t bytes = 0, handle = 0;
    bool nothing = flags & (GS_ARRAY_SPARSE | GS_ARRAY_DEFERRED);
    if (array == NULL || (!nothing && (width > 1 << 20 || height > 1 << 20 || depth > 1 << 20)))
        return GS_INVALID_VALUE;
    for (unsigned int level = 0; level < levels; level++) {
        bytes += 4 * (width > 0 ? width : 1) * (height > 0 ? height : 1) * (depth > 0 ? depth : 1);
        width /= 2;
        height /= 2;
        depth /= 2;
        if (width == 0 && height == 0 && depth == 0)
            break;
    }
    gs_result result = take(function, ARRAY, &handle, nothing ? 1 : bytes);
    if (result != GS_SUCCESS)
        return result;
    lock();
    struct thing *thing = find(ARRAY, handle);
    if (thing != NULL) /* else its context has ended meanwhile */
        thing->bytes = nothing ? 0 : bytes;
    *array = (gs_object)(uintptr_t)handle;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuArrayCreate(gs_object *array, const struct gs_array_v1 *d)
{
    return array == NULL || d == NULL ? GS_INVALID_VALUE
                                      : new_array(DRIVER_cuArrayCreate, array, d->width, d->height, 0, 0, 1);
}

static gs_result fake_cuArrayCreate_v2(gs_object *array, const struct gs_array *d)
{
    return array == NULL || d == NULL ? GS_INVALID_VALUE
                                      : new_array(DRIVER_cuArrayCreate_v2, array, d->width, d->height, 0, 0, 1);
}

static gs_result fake_cuArray3DCreate(gs_object *array, const struct gs_array3d_v1 *d)
{
    return d == NULL ? GS_INVALID_VALUE
                     : new_array(DRIVER_cuArray3DCreate, array, d->width, d->height, d->depth, d->flags, 1);
}

static gs_result fake_cuArray3DCreate_v2(gs_object *array, const struct gs_array3d *d)
{
    return d == NULL ? GS_INVALID_VALUE
                     : new_array(DRIVER_cuArray3DCreate_v2, array, d->width, d->height, d->depth, d->flags, 1);
}

static gs_result fake_cuMipmappedArrayCreate(gs_object *array, const struct gs_array3d *d, unsigned int levels)
{
    return d == NULL ? GS_INVALID_VALUE
                     : new_array(DRIVER_cuMipmappedArrayCreate, array, d->width, d->height, d->depth, d->flags, levels);
}

static void end_array(struct thing *array)
{
    struct thing *mapped = array->of == 0 ? NULL : memory_of(array->of);
    array->what = NOTHING;
    if (mapped != NULL) {
        mapped->uses--;
        end_if_unused(mapped);
    }
}

static gs_result fake_cuArrayDestroy(gs_object array)
{
    ENTER(cuArrayDestroy);
    struct thing *thing = find(ARRAY, (uintptr_t)array);
    if (thing == NULL)
        return unlock(INVALID_HANDLE);
    end_array(thing);
    return unlock(GS_SUCCESS);
}

/* ------------------------------------------------------------ graphs */

static struct graph *graph_at(gs_object handle)
{
    uintptr_t offset = (uintptr_t)handle - (uintptr_t)the.graphs;
    struct graph *graph = handle;
    return offset < sizeof the.graphs && offset % sizeof *graph == 0 && graph->live ? graph : NULL;
}

static gs_result fake_cuGraphAddMemAllocNode(gs_object *node, gs_object graph, const gs_object *dependencies,
                                             size_t count, struct gs_alloc_node *params)
{
    (void)dependencies, (void)count;
    struct graph *to = graph_at(graph);
    lock();
    if (node == NULL || to == NULL || params == NULL || to->nodes == 8)
        return unlock(GS_INVALID_VALUE);
    to->bytes[to->nodes] = params->bytes;
    *node = &to->bytes[to->nodes++];
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuGraphAddNode(gs_object *node, gs_object graph, const gs_object *dependencies, size_t count,
                                     struct gs_node_params *params)
{
    (void)node, (void)graph, (void)dependencies, (void)count, (void)params;
    return GS_SUCCESS;
}

static gs_result fake_cuGraphAddNode_v2(gs_object *node, gs_object graph, const gs_object *dependencies,
                                        const void *edges, size_t count, struct gs_node_params *params)
{
    (void)edges;
    return fake_cuGraphAddNode(node, graph, dependencies, count, params);
}

static struct graph *graph_of_node(gs_object node)
{
    return &the.graphs[((char *)node - (char *)the.graphs) / (ptrdiff_t)sizeof *the.graphs];
}

/* A node is the place of its bytes; the last one may be that of the child. */
static gs_result fake_cuGraphGetNodes(gs_object handle, gs_object *nodes, size_t *count)
{
    struct graph *graph = graph_at(handle);
    lock();
    if (graph == NULL)
        return unlock(GS_INVALID_VALUE);
    size_t all = (size_t)graph->nodes + (graph->child != NULL);
    for (size_t i = 0; nodes != NULL && i < *count && i < all; i++)
        nodes[i] = i < (size_t)graph->nodes ? (gs_object)&graph->bytes[i] : (gs_object)&graph->child;
    *count = nodes != NULL && *count < all ? *count : all;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuGraphNodeGetType(gs_object node, int *type)
{
    *type = node == &graph_of_node(node)->child ? GS_NODE_GRAPH : GS_NODE_MEM_ALLOC;
    return GS_SUCCESS;
}

static gs_result fake_cuGraphChildGraphNodeGetGraph(gs_object node, gs_object *graph)
{
    *graph = graph_of_node(node)->child;
    return GS_SUCCESS;
}

static gs_result fake_cuGraphMemAllocNodeGetParams(gs_object node, struct gs_alloc_node *params)
{
    *params = (struct gs_alloc_node){.bytes = *(uint64_t *)node, .props.location = {GS_LOCATION_DEVICE, 0}};
    return GS_SUCCESS;
}

static uint64_t needs(const struct graph *graph)
{
    uint64_t sum = graph->child == NULL ? 0 : needs(graph->child);
    for (int i = 0; i < graph->nodes; i++)
        sum += graph->bytes[i];
    return sum;
}

/* The executable graph is at the address after its graph's. */
static gs_result instantiate(gs_object *executable, gs_object handle)
{
    struct graph *graph = graph_at(handle);
    if (executable == NULL || graph == NULL)
        return GS_INVALID_VALUE;
    lock();
    graph->instantiated = true;
    graph->needed = needs(graph);
    *executable = (char *)graph + 1;
    return unlock(GS_SUCCESS);
}

static struct graph *executable_at(gs_object executable)
{
    struct graph *graph = graph_at((gs_object)((uintptr_t)executable - 1));
    return graph != NULL && graph->instantiated ? graph : NULL;
}

static gs_result fake_cuGraphInstantiate(gs_object *executable, gs_object graph, gs_object *node, char *log, size_t size)
{
    (void)node, (void)log, (void)size;
    return instantiate(executable, graph);
}

static gs_result fake_cuGraphInstantiateWithFlags(gs_object *executable, gs_object graph, unsigned long long flags)
{
    (void)flags;
    return instantiate(executable, graph);
}

static gs_result fake_cuGraphInstantiateWithParams(gs_object *executable, gs_object graph,
                                                   struct gs_instantiate_params *params)
{
    (void)params;
    return instantiate(executable, graph);
}

/* Memory of earlier launches is used again. */
static gs_result fake_cuGraphLaunch(gs_object executable, gs_object stream)
{
    (void)stream;
    ENTER(cuGraphLaunch);
    const struct graph *graph = executable_at(executable);
    if (graph == NULL)
        return unlock(INVALID_HANDLE);
    uint64_t needed = (graph->needed + DRIVER_CHUNK - 1) / DRIVER_CHUNK * DRIVER_CHUNK;
    if (the.graph_reserved[0] < needed)
        the.graph_reserved[0] = needed;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuGraphExecDestroy(gs_object executable)
{
    ENTER(cuGraphExecDestroy);
    struct graph *graph = executable_at(executable);
    if (graph == NULL)
        return unlock(INVALID_HANDLE);
    graph->instantiated = false;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuDeviceGraphMemTrim(gs_device device)
{
    ENTER(cuDeviceGraphMemTrim);
    if (!is_device(device))
        return unlock(GS_INVALID_VALUE);
    the.graph_reserved[device] = 0;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuDeviceGetGraphMemAttribute(gs_device device, int attribute, void *value)
{
    lock();
    *(uint64_t *)value = attribute == GS_GRAPH_RESERVED ? the.graph_reserved[device] : the.graph_used[device];
    return unlock(GS_SUCCESS);
}

/* ------------------------------------------------------------ imports */

static gs_result fake_cuIpcOpenMemHandle(gs_deviceptr *address, struct gs_ipc_handle handle, unsigned int flags)
{
    (void)flags;
    if (address == NULL || handle.bytes[0] != 'I' || handle.bytes[63] != 'C')
        return GS_INVALID_VALUE;
    lock();
    struct thing *thing = add(IMPORTED, MIB, 0);
    *address = thing == NULL ? 0 : thing->handle;
    return unlock(thing == NULL ? GS_OUT_OF_MEMORY : GS_SUCCESS);
}

/* 'I', the address, 'C'. */
static gs_result fake_cuIpcGetMemHandle(struct gs_ipc_handle *handle, gs_deviceptr address)
{
    ENTER(cuIpcGetMemHandle);
    if (handle == NULL || find(MEMORY, address) == NULL)
        return unlock(GS_INVALID_VALUE);
    *handle = (struct gs_ipc_handle){.bytes = {'I'}};
    memcpy(handle->bytes + 8, &address, sizeof address);
    handle->bytes[63] = 'C';
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemPoolExportPointer(void *data, gs_deviceptr address)
{
    ENTER(cuMemPoolExportPointer);
    if (data == NULL || find(FROM_POOL, address) == NULL)
        return unlock(GS_INVALID_VALUE);
    memset(data, 'P', 64);
    memcpy(data, &address, sizeof address);
    return unlock(GS_SUCCESS);
}

static const struct thing *at_address(gs_deviceptr address)
{
    static const enum what addressed[] = {MEMORY, FROM_POOL, IMPORTED};
    const struct thing *thing = NULL;
    for (size_t i = 0; thing == NULL && i < sizeof addressed / sizeof *addressed; i++)
        thing = find(addressed[i], address);
    return thing;
}

static gs_result fake_cuMemGetAddressRange_v2(gs_deviceptr *base, size_t *bytes, gs_deviceptr address)
{
    ENTER(cuMemGetAddressRange_v2);
    const struct thing *thing = at_address(address);
    if (thing == NULL)
        return unlock(GS_INVALID_VALUE);
    *base = thing->handle;
    *bytes = thing->bytes;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuPointerGetAttribute(void *value, int attribute, gs_deviceptr address)
{
    ENTER(cuPointerGetAttribute);
    const struct thing *thing = at_address(address);
    if (thing == NULL || attribute != GS_POINTER_DEVICE_ORDINAL)
        return unlock(GS_INVALID_VALUE);
    *(int *)value = thing->device;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemGetAllocationPropertiesFromHandle(struct gs_allocation_prop *prop, gs_handle handle)
{
    ENTER(cuMemGetAllocationPropertiesFromHandle);
    bool known = find(PHYSICAL, handle) != NULL || find(MULTICAST, handle) != NULL;
    if (known)
        *prop = (struct gs_allocation_prop){.location = {GS_LOCATION_DEVICE, 1}};
    return unlock(known ? GS_SUCCESS : GS_INVALID_VALUE);
}

static gs_result end_import(uint64_t handle)
{
    lock();
    struct thing *thing = find(IMPORTED, handle);
    if (thing != NULL)
        thing->what = NOTHING;
    return unlock(thing == NULL ? GS_INVALID_VALUE : GS_SUCCESS);
}

static gs_result fake_cuIpcCloseMemHandle(gs_deviceptr address)
{
    return end_import(address);
}

static gs_result fake_cuMemExportToShareableHandle(void *shareable, gs_handle handle, int type, unsigned long long flags)
{
    (void)flags;
    ENTER(cuMemExportToShareableHandle);
    if (shareable == NULL || type != GS_HANDLE_POSIX_FD || find(PHYSICAL, handle) == NULL)
        return unlock(GS_INVALID_VALUE);
    /* One for all who leave it open: who fuzzes exports without end. Where it was closed, its number may be another file's. */
    static int exported = -1;
    static struct stat made;
    struct stat now;
    if (fstat(exported, &now) != 0 || now.st_dev != made.st_dev || now.st_ino != made.st_ino) {
        int low = memfd_create("exported", MFD_CLOEXEC);
        exported = fcntl(low, F_DUPFD_CLOEXEC, 700); /* a number that no other thread is given while it is closed */
        close(low);
        fstat(exported, &made);
    }
    *(int *)shareable = exported;
    return unlock(GS_SUCCESS);
}

/* A descriptor of 1000 + n is the handle n of this process. */
static gs_result fake_cuMemImportFromShareableHandle(gs_handle *handle, void *os_handle, int type)
{
    (void)type;
    lock();
    struct thing *own = find(PHYSICAL, (uintptr_t)os_handle);
    if (handle == NULL)
        return unlock(GS_INVALID_VALUE);
    if (own == NULL) {
        own = add(MULTICAST, 0, -1); /* somebody else's memory */
        if (own == NULL)
            return unlock(GS_INVALID_VALUE);
        own->references = 0;
    }
    own->references++;
    *handle = own->handle;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuMemPoolImportFromShareableHandle(gs_object *pool, void *os_handle, int type,
                                                         unsigned long long flags)
{
    (void)os_handle, (void)type, (void)flags;
    struct gs_pool_props props = {.location = {GS_LOCATION_DEVICE, 0}};
    gs_result result = fake_cuMemPoolCreate(pool, &props);
    if (result == GS_SUCCESS)
        ((struct pool *)*pool)->imported = true; /* nothing new can be allocated from it */
    return result;
}

static gs_result fake_cuMemPoolImportPointer(gs_deviceptr *address, gs_object pool, void *data)
{
    lock();
    struct thing *thing = address == NULL || data == NULL || pool_of(pool) == NULL ? NULL : add(MEMORY, 0, 0);
    if (thing == NULL)
        return unlock(GS_INVALID_VALUE);
    *address = thing->handle;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuImportExternalMemory(gs_object *memory, const struct gs_external_memory *descriptor)
{
    lock();
    struct thing *thing = memory == NULL || descriptor == NULL ? NULL : add(IMPORTED, MIB, 0);
    if (thing == NULL)
        return unlock(GS_INVALID_VALUE);
    *memory = (gs_object)(uintptr_t)thing->handle;
    return unlock(GS_SUCCESS);
}

static gs_result fake_cuDestroyExternalMemory(gs_object memory)
{
    return end_import((uintptr_t)memory);
}

/* ------------------------------------------------------------ what it says */

static gs_result fake_cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes)
{
    if (current_context == NULL)
        return NO_CONTEXT;
    if (free_bytes != NULL)
        *free_bytes = CAPACITY - driver_bytes(context_device(current_context));
    if (total_bytes != NULL)
        *total_bytes = CAPACITY;
    return GS_SUCCESS;
}

static gs_result fake_cuMemGetInfo(unsigned int *free_bytes, unsigned int *total_bytes)
{
    if (free_bytes == NULL || total_bytes == NULL)
        return GS_INVALID_VALUE;
    *free_bytes = *total_bytes = UINT32_MAX;
    return GS_SUCCESS;
}

static gs_result fake_cuDeviceTotalMem_v2(size_t *bytes, gs_device device)
{
    if (bytes == NULL || !is_device(device))
        return GS_INVALID_VALUE;
    *bytes = CAPACITY;
    return GS_SUCCESS;
}

static gs_result fake_cuDeviceTotalMem(unsigned int *bytes, gs_device device)
{
    if (bytes == NULL || !is_device(device))
        return GS_INVALID_VALUE;
    *bytes = UINT32_MAX;
    return GS_SUCCESS;
}

gs_object driver_nvml(int device)
{
    return &primary[device];
}

static gs_result fake_nvmlDeviceGetUUID(gs_object device, char *uuid, unsigned int length)
{
    static const char *const texts[] = {"GPU-01010101-0101-0101-0101-010101010101",
                                        "GPU-02020202-0202-0202-0202-020202020202"};
    if (!is_context(device)) /* a device that CUDA does not show */
        return strlen("GPU-ffffffff-ffff-ffff-ffff-ffffffffffff") < length
                   ? (strcpy(uuid, "GPU-ffffffff-ffff-ffff-ffff-ffffffffffff"), GS_SUCCESS)
                   : GS_INVALID_VALUE;
    strcpy(uuid, texts[context_device(device)]);
    return GS_SUCCESS;
}

/* 7 MiB are the driver's own. */
static gs_result fake_nvmlDeviceGetMemoryInfo(gs_object device, struct gs_nvml_memory *memory)
{
    if (memory == NULL)
        return GS_INVALID_VALUE;
    uint64_t used = 7 * MIB + (!is_context(device) ? 0 : driver_bytes(context_device(device)));
    *memory = (struct gs_nvml_memory){.total = CAPACITY, .free = CAPACITY - used, .used = used};
    return GS_SUCCESS;
}

static gs_result fake_nvmlInit_v2(void)
{
    return GS_SUCCESS;
}

static gs_result fake_nvmlDeviceGetHandleByUUID(const char *uuid, gs_object *device)
{
    for (int i = 0; i < DEVICES; i++) {
        char text[64];
        fake_nvmlDeviceGetUUID(&primary[i], text, sizeof text);
        if (strcmp(text, uuid) == 0) {
            *device = &primary[i];
            return GS_SUCCESS;
        }
    }
    return GS_NOT_FOUND;
}

static gs_result fake_nvmlDeviceGetMemoryInfo_v2(gs_object device, struct gs_nvml_memory_v2 *memory)
{
    (void)device;
    if (memory == NULL)
        return GS_INVALID_VALUE;
    memory->total = CAPACITY;
    memory->reserved = MIB;
    memory->free = CAPACITY - 7 * MIB;
    memory->used = 6 * MIB;
    return GS_SUCCESS;
}

/* ------------------------------------------------------------ in place of resolve.c */

#define SAME(name, as) [DRIVER_##name] = (void *)fake_##as
#define OWN(name) SAME(name, name)
static void *const functions[DRIVER_FUNCTIONS] = {
    OWN(cuDeviceGetCount), OWN(cuDeviceGet), OWN(cuDeviceGetUuid_v2), OWN(cuCtxGetDevice), OWN(cuCtxGetCurrent),
    OWN(cuCtxPushCurrent_v2), OWN(cuCtxPopCurrent_v2), OWN(cuStreamGetCtx), OWN(cuCtxCreate),
    SAME(cuCtxCreate_v2, cuCtxCreate), OWN(cuCtxCreate_v3), OWN(cuCtxCreate_v4), SAME(cuGLCtxCreate, cuCtxCreate),
    SAME(cuGLCtxCreate_v2, cuCtxCreate), OWN(cuCtxDestroy), SAME(cuCtxDestroy_v2, cuCtxDestroy), OWN(cuCtxAttach),
    OWN(cuCtxDetach), OWN(cuDevicePrimaryCtxReset), SAME(cuDevicePrimaryCtxReset_v2, cuDevicePrimaryCtxReset),
    OWN(cuDevicePrimaryCtxRetain), OWN(cuDevicePrimaryCtxRelease), SAME(cuDevicePrimaryCtxRelease_v2, cuDevicePrimaryCtxRelease),
    OWN(cuDevicePrimaryCtxGetState), OWN(cuMemAlloc), OWN(cuMemAlloc_v2), OWN(cuMemAllocManaged), OWN(cuMemAllocPitch),
    OWN(cuMemAllocPitch_v2), OWN(cuMemFree), OWN(cuMemFree_v2), OWN(cuMemAllocAsync), OWN(cuMemAllocAsync_ptsz),
    OWN(cuMemAllocFromPoolAsync), OWN(cuMemAllocFromPoolAsync_ptsz), OWN(cuMemFreeAsync), OWN(cuMemFreeAsync_ptsz),
    OWN(cuEventCreate), OWN(cuEventDestroy_v2), OWN(cuEventRecord), SAME(cuEventRecord_ptsz, cuEventRecord),
    OWN(cuEventQuery), OWN(cuEventSynchronize), OWN(cuStreamSynchronize), SAME(cuStreamSynchronize_ptsz, cuStreamSynchronize), OWN(cuStreamIsCapturing),
    SAME(cuStreamIsCapturing_ptsz, cuStreamIsCapturing), OWN(cuMemPoolCreate), OWN(cuMemPoolDestroy),
    OWN(cuMemPoolTrimTo), OWN(cuMemPoolGetAttribute), OWN(cuMemPoolSetAttribute), OWN(cuDeviceGetMemPool),
    OWN(cuDeviceGetDefaultMemPool), OWN(cuDeviceSetMemPool), OWN(cuMemGetDefaultMemPool),
    SAME(cuMemGetMemPool, cuMemGetDefaultMemPool), OWN(cuThreadExchangeStreamCaptureMode), OWN(cuMemCreate),
    OWN(cuMemRelease), OWN(cuMemMap), OWN(cuMemUnmap), OWN(cuMemRetainAllocationHandle), OWN(cuMemExportToShareableHandle), OWN(cuMemMapArrayAsync),
    SAME(cuMemMapArrayAsync_ptsz, cuMemMapArrayAsync), OWN(cuMulticastCreate), OWN(cuMulticastBindMem),
    OWN(cuMulticastBindAddr), OWN(cuMulticastUnbind), OWN(cuArrayCreate), OWN(cuArrayCreate_v2), OWN(cuArray3DCreate),
    OWN(cuArray3DCreate_v2), OWN(cuMipmappedArrayCreate), OWN(cuArrayDestroy),
    SAME(cuMipmappedArrayDestroy, cuArrayDestroy), OWN(cuGraphAddMemAllocNode), OWN(cuGraphAddNode),
    OWN(cuGraphAddNode_v2), OWN(cuGraphGetNodes), OWN(cuGraphNodeGetType), OWN(cuGraphChildGraphNodeGetGraph),
    OWN(cuGraphMemAllocNodeGetParams), OWN(cuGraphInstantiate), SAME(cuGraphInstantiate_v2, cuGraphInstantiate),
    OWN(cuGraphInstantiateWithFlags), OWN(cuGraphInstantiateWithParams),
    SAME(cuGraphInstantiateWithParams_ptsz, cuGraphInstantiateWithParams), OWN(cuGraphLaunch),
    SAME(cuGraphLaunch_ptsz, cuGraphLaunch), SAME(cuGraphUpload, cuGraphLaunch),
    SAME(cuGraphUpload_ptsz, cuGraphLaunch), OWN(cuGraphExecDestroy), OWN(cuDeviceGraphMemTrim),
    OWN(cuDeviceGetGraphMemAttribute), OWN(cuIpcGetMemHandle), OWN(cuMemPoolExportPointer), OWN(cuMemGetAddressRange_v2),
    OWN(cuPointerGetAttribute), OWN(cuMemGetAllocationPropertiesFromHandle), OWN(cuIpcOpenMemHandle), SAME(cuIpcOpenMemHandle_v2, cuIpcOpenMemHandle),
    OWN(cuIpcCloseMemHandle), OWN(cuMemImportFromShareableHandle), OWN(cuMemPoolImportFromShareableHandle),
    OWN(cuMemPoolImportPointer), OWN(cuImportExternalMemory), OWN(cuDestroyExternalMemory), OWN(cuMemGetInfo),
    OWN(cuMemGetInfo_v2), OWN(cuDeviceTotalMem), OWN(cuDeviceTotalMem_v2),
};

void *resolve_driver(enum driver_function function)
{
    return the.lacking[function] ? NULL : functions[function];
}

void resolve_load_nvml(void)
{
}

void *resolve_nvml(const char *name)
{
    static const struct {
        const char *name;
        void *function;
    } known[] = {
        {"nvmlInit_v2", (void *)fake_nvmlInit_v2},
        {"nvmlDeviceGetHandleByUUID", (void *)fake_nvmlDeviceGetHandleByUUID},
        {"nvmlDeviceGetUUID", (void *)fake_nvmlDeviceGetUUID},
        {"nvmlDeviceGetMemoryInfo", (void *)fake_nvmlDeviceGetMemoryInfo},
        {"nvmlDeviceGetMemoryInfo_v2", (void *)fake_nvmlDeviceGetMemoryInfo_v2},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known && !the.no_nvml; i++) {
        if (strcmp(known[i].name, name) == 0)
            return known[i].function;
    }
    return NULL;
}

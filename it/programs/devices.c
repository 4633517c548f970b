/* SPDX-License-Identifier: Apache-2.0 */
/* Works on several devices, as it is told by lines on stdin. First "device=I uuid=GPU-…" for each that it sees and
 * "ready count=N". Blocks have 1 MiB, pieces of physical memory 2 MiB.
 *   fill D    makes D's context current and allocates until refused: "filled device=D held=N refused=C"
 *   create D  physical memory of D until refused, whatever context is current: "created device=D held=N refused=C"
 *   none      leaves no context current: "none code=C"
 *   plain     one block where the current context is: "plain code=C"
 *   show D    "show device=D total=T", with free=F for the device of the current context
 *   free      frees it all: "freed failed=N" */
#define GUEST_OF_DRIVER
#include "guest.h"

#define MOST 8192

static CUdeviceptr blocks[MOST];
static CUmemGenericAllocationHandle pieces[MOST];
static size_t held, created;

static int make_current(CUdevice device)
{
    CUcontext context;
    int code = cuDevicePrimaryCtxRetain(&context, device);
    return code != 0 ? code : (int)cuCtxSetCurrent(context);
}

static void fill(CUdevice device)
{
    size_t before = held;
    int code = make_current(device);
    while (code == 0 && held < MOST && (code = cuMemAlloc(&blocks[held], MIB)) == 0)
        held++;
    say("filled device=%d held=%zu refused=%d", device, held - before, code);
}

static void create(CUdevice device)
{
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}};
    size_t before = created;
    int code = 0;
    while (created < MOST && (code = cuMemCreate(&pieces[created], 2 * MIB, &prop, 0)) == 0)
        created++;
    say("created device=%d held=%zu refused=%d", device, created - before, code);
}

static void plain(void)
{
    int code = cuMemAlloc(&blocks[held], MIB);
    held += code == 0;
    say("plain code=%d", code);
}

static void show(CUdevice device)
{
    size_t total = 0, available = 0, ignored;
    CUdevice current = -1;
    cuDeviceTotalMem(&total, device);
    if (cuCtxGetDevice(&current) == 0 && current == device && cuMemGetInfo(&available, &ignored) == 0)
        say("show device=%d total=%zu free=%zu", device, total, available);
    else
        say("show device=%d total=%zu", device, total);
}

static void free_all(void)
{
    int failed = make_current(0);
    while (held > 0)
        failed += cuMemFree(blocks[--held]) != 0;
    while (created > 0)
        failed += cuMemRelease(pieces[--created]) != 0;
    say("freed failed=%d", failed);
}

static void introduce(int device)
{
    CUuuid uuid;
    char text[64] = "GPU";
    cuDeviceGetUuid(&uuid, device);
    for (size_t i = 0; i < sizeof uuid.bytes; i++)
        snprintf(text + strlen(text), 4, "%s%02x", i == 0 || i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                 (unsigned char)uuid.bytes[i]);
    say("device=%d uuid=%s", device, text);
}

int main(void)
{
    char line[64], verb[16];
    int count = 0, device, code = cuInit(0);
    if (code == 0)
        code = cuDeviceGetCount(&count);
    for (device = 0; device < count; device++)
        introduce(device);
    say("ready count=%d code=%d", count, code);
    while (hear(line, sizeof line)) {
        device = 0;
        if (sscanf(line, "%15s %d", verb, &device) < 1)
            continue;
        if (strcmp(verb, "fill") == 0)
            fill(device);
        else if (strcmp(verb, "create") == 0)
            create(device);
        else if (strcmp(verb, "none") == 0)
            say("none code=%d", cuCtxSetCurrent(NULL));
        else if (strcmp(verb, "plain") == 0)
            plain();
        else if (strcmp(verb, "show") == 0)
            show(device);
        else if (strcmp(verb, "free") == 0)
            free_all();
    }
    return 0;
}

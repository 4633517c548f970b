/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that another process imports: the peer does what it is told, and compares its own books after each step. */
#include "peer.h"
#include "world.h"

#include <unistd.h>

static void export_by_ipc(struct world *world)
{
    CUdeviceptr pointer = bag_any(world, &world->pointers), mine;
    struct errand errand = {.what = PEER_OPEN_IPC};
    CUresult result = did(world, cuIpcGetMemHandle(&errand.ipc, pointer), "cuIpcGetMemHandle(%#llx)", pointer);
    if (result != CUDA_SUCCESS)
        return;
    if (one_in(world, 10)) {
        if (did(world, cuIpcOpenMemHandle_v2(&mine, errand.ipc, 1), "cuIpcOpenMemHandle_v2(of its own)") == CUDA_SUCCESS)
            did(world, cuIpcCloseMemHandle(mine), "cuIpcCloseMemHandle(of its own)");
    } else {
        did(world, peer_do(&errand, -1), "the peer: cuIpcOpenMemHandle_v2");
    }
}

/* -1: it did not come about. */
static int export_physical(struct world *world)
{
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                .requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
                                .location = {CU_MEM_LOCATION_TYPE_DEVICE, some_device(world)}};
    CUmemGenericAllocationHandle handle;
    int descriptor = -1;
    if (world->handles.count >= 20)
        return -1;
    CUresult result = cuMemCreate(&handle, GRANULE, &prop, 0);
    did(world, result, "cuMemCreate(%#zx, exportable) = %#llx", GRANULE, handle);
    expect_reason(world, result, prop.location.id, GRANULE);
    if (result != CUDA_SUCCESS)
        return -1;
    bag_add(world, &world->handles, (void *)(uintptr_t)handle);
    did(world, cuMemExportToShareableHandle(&descriptor, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
        "cuMemExportToShareableHandle(%#llx)", handle);
    return descriptor;
}

static void export_to_peer(struct world *world)
{
    struct errand errand = {.what = one_in(world, 2) ? PEER_IMPORT : PEER_IMPORT_EXTERNAL, .bytes = GRANULE};
    int descriptor = export_physical(world);
    if (descriptor < 0)
        return;
    did(world, peer_do(&errand, descriptor), "the peer: import (%d)", errand.what);
    close(descriptor);
}

/* "There is no guarantee that the contents of handle will be the same CUDA memory handle": another handle of the same
 * memory, which may outlive the first. */
static void export_to_itself(struct world *world)
{
    CUmemGenericAllocationHandle again = 0;
    int descriptor = export_physical(world);
    if (descriptor < 0)
        return;
    CUresult result = cuMemImportFromShareableHandle(&again, (void *)(intptr_t)descriptor,
                                                     CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    if (did(world, result, "cuMemImportFromShareableHandle() = %#llx", again) == CUDA_SUCCESS)
        bag_add(world, &world->handles, (void *)(uintptr_t)again);
    close(descriptor);
}

static void let_peer_close(struct world *world)
{
    struct errand errand = {.what = PEER_CLOSE, .number = pick(world, 64)};
    did(world, peer_do(&errand, -1), "the peer: closes an import");
}

static void let_peer_allocate(struct world *world)
{
    struct errand errand = {.what = PEER_ALLOCATE, .bytes = some_size(world) % MIB + 1, .number = pick(world, 64)};
    did(world, peer_do(&errand, -1), "the peer: allocates or frees");
}

static void end_peer(struct world *world)
{
    did(world, peer_end(one_in(world, 2)), "the peer: ends");
}

const struct operation sharing_operations[] = {
    {"ipc", 6, export_by_ipc, true},
    {"export", 4, export_to_peer, true},
    {"export-self", 2, export_to_itself, true},
    {"peer-close", 6, let_peer_close, true},
    {"peer-alloc", 4, let_peer_allocate, true},
    {"peer-end", 1, end_peer, true},
    {NULL, 0, NULL, false},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays and mipmapped arrays of every format and shape; sparse ones with tiles mapped into them. */
#include <string.h>

#include "world.h"

#undef cuArrayCreate
#undef cuArray3DCreate

static const CUarray_format formats[] = {
    0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x10, 0x20, 0x50, 0x91, 0x93, 0x95, 0x97, 0x99, 0x9b, 0x9d, 0x9f, 0xa1, 0xa2, 0xa3,
    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xcb};

static void destroy_array(struct world *world)
{
    CUarray array = any_of(world, &world->arrays);
    if (one_in(world, 20))
        did(world, cuArrayDestroy((CUarray)any_of(world, &world->mipmaps)), "cuArrayDestroy(a mipmapped one)");
    did(world, cuArrayDestroy(array), "cuArrayDestroy(%p)", (void *)array);
    drop(&world->arrays, array);
}

static void destroy_mipmapped(struct world *world)
{
    CUmipmappedArray array = any_of(world, &world->mipmaps);
    CUarray level;
    if (one_in(world, 8) && cuMipmappedArrayGetLevel(&level, array, 0) == CUDA_SUCCESS)
        did(world, cuArrayDestroy(level), "cuArrayDestroy(a level)");
    did(world, cuMipmappedArrayDestroy(array), "cuMipmappedArrayDestroy(%p)", (void *)array);
    drop(&world->mipmaps, array);
}

static void keep_array(struct world *world, CUresult result, CUarray array)
{
    if (result != CUDA_SUCCESS)
        return;
    while (world->arrays.count >= 24)
        destroy_array(world);
    bag_add(world, &world->arrays, array);
}

static unsigned some_channels(struct world *world)
{
    return one_in(world, 20) ? pick(world, 6) : 1u << pick(world, 3);
}

/* A shape as the driver takes it, mostly. */
static CUDA_ARRAY3D_DESCRIPTOR some_shape(struct world *world)
{
    CUDA_ARRAY3D_DESCRIPTOR desc = {.Width = pick(world, 600), .Height = pick(world, 300), .NumChannels = some_channels(world),
                                    .Format = formats[pick(world, sizeof formats / sizeof *formats)]};
    if (one_in(world, 2))
        desc.Format = formats[pick(world, 8)];
    switch (pick(world, 8)) {
    case 0: desc.Height = 0; break;
    case 1: desc.Depth = pick(world, 20); break;
    case 2: desc.Flags = CUDA_ARRAY3D_LAYERED; desc.Depth = pick(world, 20); break;
    case 3: desc.Flags = CUDA_ARRAY3D_CUBEMAP; desc.Height = desc.Width; desc.Depth = 6; break;
    case 4:
        desc.Flags = CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_LAYERED;
        desc.Height = desc.Width = pick(world, 100);
        desc.Depth = 6 * pick(world, 4);
        break;
    case 5: desc.Height = 0; desc.Flags = CUDA_ARRAY3D_LAYERED; desc.Depth = pick(world, 20); break;
    default: break;
    }
    if (one_in(world, 8))
        desc.Flags |= CUDA_ARRAY3D_SURFACE_LDST;
    if (one_in(world, 10))
        desc.Flags |= CUDA_ARRAY3D_SPARSE;
    if (one_in(world, 10))
        desc.Flags |= CUDA_ARRAY3D_DEFERRED_MAPPING;
    return desc;
}

static void create_2d(struct world *world)
{
    CUDA_ARRAY3D_DESCRIPTOR d = some_shape(world);
    CUDA_ARRAY_DESCRIPTOR now = {d.Width, d.Height, d.Format, d.NumChannels};
    CUDA_ARRAY_DESCRIPTOR_v1 old = {(unsigned)d.Width, (unsigned)d.Height, d.Format, d.NumChannels};
    CUarray array = NULL;
    bool is_old = one_in(world, 3);
    CUresult result = is_old ? cuArrayCreate(&array, &old) : cuArrayCreate_v2(&array, &now);
    keep_array(world, did(world, result, "cuArrayCreate%s(%zu x %zu format %#x channels %u)", is_old ? "" : "_v2", d.Width,
                          d.Height, d.Format, d.NumChannels), array);
}

static void create_3d(struct world *world)
{
    CUDA_ARRAY3D_DESCRIPTOR d = some_shape(world);
    CUDA_ARRAY3D_DESCRIPTOR_v1 old = {(unsigned)d.Width, (unsigned)d.Height, (unsigned)d.Depth,
                                      d.Format,          d.NumChannels,      d.Flags};
    CUarray array = NULL;
    bool is_old = one_in(world, 3);
    CUresult result = is_old ? cuArray3DCreate(&array, &old) : cuArray3DCreate_v2(&array, &d);
    keep_array(world, did(world, result, "cuArray3DCreate%s(%zu x %zu x %zu format %#x channels %u flags %#x)",
                          is_old ? "" : "_v2", d.Width, d.Height, d.Depth, d.Format, d.NumChannels, d.Flags), array);
}

static void create_mipmapped(struct world *world)
{
    CUDA_ARRAY3D_DESCRIPTOR d = some_shape(world);
    unsigned levels = pick(world, 14);
    CUmipmappedArray array = NULL;
    CUresult result = did(world, cuMipmappedArrayCreate(&array, &d, levels),
                          "cuMipmappedArrayCreate(%zu x %zu x %zu format %#x channels %u flags %#x, %u)", d.Width, d.Height,
                          d.Depth, d.Format, d.NumChannels, d.Flags, levels);
    if (result != CUDA_SUCCESS)
        return;
    while (world->mipmaps.count >= 12)
        destroy_mipmapped(world);
    bag_add(world, &world->mipmaps, array);
}

static void create_wrong(struct world *world)
{
    CUDA_ARRAY3D_DESCRIPTOR d = some_shape(world);
    CUarray array;
    switch (pick(world, 4)) {
    case 0: did(world, cuArray3DCreate_v2(NULL, &d), "cuArray3DCreate_v2(NULL)"); break;
    case 1: did(world, cuArray3DCreate_v2(&array, NULL), "cuArray3DCreate_v2(, NULL)"); break;
    case 2: did(world, cuMipmappedArrayCreate(NULL, &d, 1), "cuMipmappedArrayCreate(NULL)"); break;
    case 3: did(world, cuArrayDestroy(NULL), "cuArrayDestroy(NULL)"); break;
    }
}

/* ------------------------------------------------------------ tiles */

/* Its array is gone, by itself. */
static void lose(struct world *world, struct tiles *tiles)
{
    world->tiles_lost[tiles->device] += GRANULE;
    memset(tiles, 0, sizeof *tiles);
}

static void map_tiles(struct world *world)
{
    struct tiles *tiles = &world->tiles[pick(world, TILES)];
    CUDA_ARRAY3D_DESCRIPTOR desc = {256, 256, 0, CU_AD_FORMAT_FLOAT, 1, CUDA_ARRAY3D_SPARSE};
    CUDA_ARRAY_SPARSE_PROPERTIES sparse;
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED, .allocFlags.usage = CU_MEM_CREATE_USAGE_TILE_POOL};
    CUmemGenericAllocationHandle handle;
    int device = current_device();
    if (tiles->array != NULL || device < 0)
        return;
    prop.location = (CUmemLocation){CU_MEM_LOCATION_TYPE_DEVICE, device};
    CUarray array;
    if (did(world, cuArray3DCreate_v2(&array, &desc), "cuArray3DCreate_v2(sparse, for tiles)") != CUDA_SUCCESS)
        return;
    for (struct tiles *former = world->tiles; former < world->tiles + TILES; former++)
        if (former->array == array) /* the number again */
            lose(world, former);
    CUresult result = did(world, cuMemCreate(&handle, GRANULE, &prop, 0), "cuMemCreate(%#zx, tiles)", GRANULE);
    expect_reason(world, result, device, GRANULE);
    if (result != CUDA_SUCCESS || cuArrayGetSparseProperties(&sparse, array) != CUDA_SUCCESS) {
        cuArrayDestroy(array);
        return;
    }
    CUarrayMapInfo info = {.resourceType = CU_RESOURCE_TYPE_ARRAY, .resource.array = array,
                           .memOperationType = CU_MEM_OPERATION_TYPE_MAP, .memHandle.memHandle = handle,
                           .deviceBitMask = 1u << device};
    info.subresource.sparseLevel.extentWidth = sparse.tileExtent.width;
    info.subresource.sparseLevel.extentHeight = sparse.tileExtent.height;
    info.subresource.sparseLevel.extentDepth = 1;
    CUstream stream = NULL;
    bool mapped = did(world, cuMemMapArrayAsync(&info, 1, stream), "cuMemMapArrayAsync(map %#llx into %p)", handle,
                      (void *)array) == CUDA_SUCCESS;
    did(world, cuMemRelease(handle), "cuMemRelease(%#llx)", handle);
    if (mapped)
        *tiles = (struct tiles){array, device, true, info};
    else
        cuArrayDestroy(array);
}

static void unmap_tiles(struct world *world)
{
    struct tiles *tiles = &world->tiles[pick(world, TILES)];
    if (tiles->array == NULL || !tiles->mapped)
        return;
    CUarrayMapInfo info = tiles->info;
    info.memOperationType = CU_MEM_OPERATION_TYPE_UNMAP;
    info.memHandle.memHandle = 0;
    if (did(world, cuMemMapArrayAsync(&info, 1, NULL), "cuMemMapArrayAsync(unmap %p)", (void *)tiles->array) == CUDA_SUCCESS)
        tiles->mapped = false;
}

static void destroy_tiled(struct world *world)
{
    struct tiles *tiles = &world->tiles[pick(world, TILES)];
    if (tiles->array != NULL && did(world, cuArrayDestroy(tiles->array), "cuArrayDestroy(sparse %p)", (void *)tiles->array)
                                    == CUDA_SUCCESS)
        memset(tiles, 0, sizeof *tiles);
}

void forget_dead_tiles(struct world *world)
{
    CUDA_ARRAY_SPARSE_PROPERTIES sparse;
    for (struct tiles *tiles = world->tiles; tiles < world->tiles + TILES; tiles++)
        if (tiles->array != NULL && cuArrayGetSparseProperties(&sparse, tiles->array) != CUDA_SUCCESS)
            lose(world, tiles);
}

void destroy_tiles(struct world *world)
{
    for (struct tiles *tiles = world->tiles; tiles < world->tiles + TILES; tiles++)
        if (tiles->array != NULL && cuArrayDestroy(tiles->array) == CUDA_SUCCESS)
            memset(tiles, 0, sizeof *tiles);
}

const struct operation array_operations[] = {
    {"array", 20, create_2d, false},
    {"array-3d", 24, create_3d, false},
    {"mipmapped", 16, create_mipmapped, false},
    {"array-destroy", 30, destroy_array, false},
    {"mipmapped-destroy", 14, destroy_mipmapped, false},
    {"array-wrong", 3, create_wrong, false},
    {"tiles-map", 3, map_tiles, false},
    {"tiles-unmap", 2, unmap_tiles, true}, /* of several threads nobody knows all arrays */
    {"tiles-destroy", 3, destroy_tiled, false},
    {NULL, 0, NULL, false},
};

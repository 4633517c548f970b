/* SPDX-License-Identifier: Apache-2.0 */
/* How large arrays are (CUDA driver API, cuArray3DCreate). The hardware's own padding is not simulated: an array takes
 * the elements its descriptor speaks of. */
#include "array.h"

struct format {
    unsigned bits;     /* of one element of one channel; block formats: of a block of 4 x 4 elements */
    unsigned channels; /* what NumChannels must be; 0 = 1, 2 or 4 */
    unsigned block;    /* elements along each side of a block */
};

/* Of a planar format the mean over its planes: NV12 has 8 bits for each element and 16 for each 2 x 2. */
static struct format format_of(CUarray_format format)
{
    switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return (struct format){8, 0, 1};
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return (struct format){16, 0, 1};
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return (struct format){32, 0, 1};
    case CU_AD_FORMAT_UNORM_INT8X1:
    case CU_AD_FORMAT_SNORM_INT8X1: return (struct format){8, 1, 1};
    case CU_AD_FORMAT_UNORM_INT8X2:
    case CU_AD_FORMAT_SNORM_INT8X2: return (struct format){8, 2, 1};
    case CU_AD_FORMAT_UNORM_INT8X4:
    case CU_AD_FORMAT_SNORM_INT8X4: return (struct format){8, 4, 1};
    case CU_AD_FORMAT_UNORM_INT16X1:
    case CU_AD_FORMAT_SNORM_INT16X1: return (struct format){16, 1, 1};
    case CU_AD_FORMAT_UNORM_INT16X2:
    case CU_AD_FORMAT_SNORM_INT16X2: return (struct format){16, 2, 1};
    case CU_AD_FORMAT_UNORM_INT16X4:
    case CU_AD_FORMAT_SNORM_INT16X4: return (struct format){16, 4, 1};
    case CU_AD_FORMAT_UNORM_INT_101010_2: return (struct format){8, 4, 1}; /* 32 bits for its 4 channels */
    case CU_AD_FORMAT_BC1_UNORM:
    case CU_AD_FORMAT_BC1_UNORM_SRGB: return (struct format){16, 4, 4}; /* 64 bits for a block of 4 channels */
    case CU_AD_FORMAT_BC4_UNORM:
    case CU_AD_FORMAT_BC4_SNORM: return (struct format){64, 1, 4};
    case CU_AD_FORMAT_BC2_UNORM:
    case CU_AD_FORMAT_BC2_UNORM_SRGB:
    case CU_AD_FORMAT_BC3_UNORM:
    case CU_AD_FORMAT_BC3_UNORM_SRGB:
    case CU_AD_FORMAT_BC7_UNORM:
    case CU_AD_FORMAT_BC7_UNORM_SRGB: return (struct format){32, 4, 4}; /* 128 bits */
    case CU_AD_FORMAT_BC5_UNORM:
    case CU_AD_FORMAT_BC5_SNORM: return (struct format){64, 2, 4};
    case CU_AD_FORMAT_BC6H_UF16:
    case CU_AD_FORMAT_BC6H_SF16: return (struct format){0, 3, 4}; /* 128 bits for 3 channels: see bits_of */
    case CU_AD_FORMAT_NV12: return (struct format){4, 3, 1};
    case CU_AD_FORMAT_P010:
    case CU_AD_FORMAT_P016: return (struct format){8, 3, 1};
    default: return (struct format){0, 0, 0};
    }
}

/* Of all channels of one element, or of one block. */
static uint64_t bits_of(const CUDA_ARRAY3D_DESCRIPTOR *desc, const struct format *format)
{
    return format->bits != 0 ? (uint64_t)format->bits * desc->NumChannels : 128;
}

static size_t at_level(size_t extent, unsigned level)
{
    size_t smaller = extent >> level;
    return extent == 0 ? 0 : smaller == 0 ? 1 : smaller;
}

uint64_t array_bytes(const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned level)
{
    struct format format = format_of(desc->Format);
    uint64_t width = at_level(desc->Width, level), height = at_level(desc->Height, level);
    /* "If [CUDA_ARRAY3D_LAYERED] is set, Depth specifies the number of layers", and a cubemap's faces are layers. */
    bool layers = (desc->Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) != 0;
    uint64_t depth = layers ? desc->Depth : at_level(desc->Depth, level);
    width = (width + format.block - 1) / format.block;
    height = height == 0 ? 1 : (height + format.block - 1) / format.block;
    uint64_t bits;
    if (__builtin_mul_overflow(width, height, &bits) || __builtin_mul_overflow(bits, depth == 0 ? 1 : depth, &bits)
        || __builtin_mul_overflow(bits, bits_of(desc, &format), &bits))
        return UINT64_MAX;
    return (bits + 7) / 8;
}

/* The sides that the documentation's table allows, as a recent device has them. */
#define WIDTH_1D 131072u
#define SIDE_2D 131072u
#define SIDE_3D 16384u
#define SIDE_LAYERED 32768u
#define LAYERS 2048u

CUresult array_check(const CUDA_ARRAY3D_DESCRIPTOR *desc, bool mipmapped)
{
    struct format format = format_of(desc->Format);
    bool layered = (desc->Flags & CUDA_ARRAY3D_LAYERED) != 0, cube = (desc->Flags & CUDA_ARRAY3D_CUBEMAP) != 0;
    bool channels = format.channels != 0 ? desc->NumChannels == format.channels
                                         : desc->NumChannels == 1 || desc->NumChannels == 2 || desc->NumChannels == 4;
    if (format.block == 0 || !channels || desc->Width == 0 || (desc->Flags & ~0x1ffu) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if ((layered || cube) && desc->Depth == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (!layered && !cube && desc->Height == 0 && desc->Depth != 0)
        return CUDA_ERROR_INVALID_VALUE;
    /* "Width must be equal to Height, and Depth must be six"; layered: "a multiple of six" */
    if (cube && (desc->Width != desc->Height || (layered ? desc->Depth % 6 != 0 : desc->Depth != 6)))
        return CUDA_ERROR_INVALID_VALUE;
    if ((desc->Flags & CUDA_ARRAY3D_TEXTURE_GATHER) != 0 && (desc->Height == 0 || desc->Depth != 0))
        return CUDA_ERROR_INVALID_VALUE;
    /* "The CUDA array must be either a 2D, 2D layered or 3D CUDA array" (cuMemMapArrayAsync, of both flags) */
    if (array_is_mapped_later(desc) && desc->Height == 0)
        return CUDA_ERROR_INVALID_VALUE;
    size_t side = layered || cube ? SIDE_LAYERED : desc->Depth != 0 ? SIDE_3D : desc->Height != 0 ? SIDE_2D : WIDTH_1D;
    bool too_deep = desc->Depth > (layered || cube ? LAYERS : SIDE_3D);
    if (mipmapped && side > SIDE_LAYERED)
        side = SIDE_LAYERED;
    return desc->Width > side || desc->Height > side || too_deep ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

bool array_is_mapped_later(const CUDA_ARRAY3D_DESCRIPTOR *desc)
{
    return (desc->Flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING)) != 0;
}

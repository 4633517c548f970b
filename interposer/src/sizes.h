/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic on sizes that a program can choose freely.
 */
#ifndef GPUSLICE_SIZES_H
#define GPUSLICE_SIZES_H

#include <stdbool.h>
#include <stdint.h>

#include "cuda_types.h"

/*
 * What is reserved for a pitched allocation before the driver has chosen the pitch: rows padded to 512 bytes. The
 * documentation promises only that the pitch meets the texture alignment (CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT and
 * _TEXTURE_PITCH_ALIGNMENT), and 512 is the largest of either on any device so far; a pitch beyond it is topped up, one
 * below it gives the rest back.
 */
#define SIZES_PITCH_ALIGNMENT 512u

/* width rounded up × height. False: it does not fit into 64 bits. */
bool sizes_pitch_bound(uint64_t width, uint64_t height, uint64_t *bytes);

/*
 * What an array takes: the elements of all its levels (1: no mipmaps). Layers and cube faces are in `depth`, and the
 * same in every level. Driver and device may pad it; nobody tells by how much. 0 for sparse and deferred ones: they have
 * no memory of their own. False: it does not fit into 64 bits.
 */
bool sizes_array(const struct gs_array3d *array, uint32_t levels, uint64_t *bytes);

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The hooks' own prototypes. Everything not marked is hidden.
 */
#ifndef GPUSLICE_EXPORT_H
#define GPUSLICE_EXPORT_H

#include "cuda_types.h"

#define GPUSLICE_EXPORT __attribute__((visibility("default")))

#define DRIVER_HOOK(name, base, since, family, parameters) GPUSLICE_EXPORT gs_result name parameters;
#define RUNTIME_HOOK(name, family, parameters) GPUSLICE_EXPORT gs_result name parameters;
#define DRIVER_CALL(name, parameters)
#define RUNTIME_CALL(name, parameters)
#include "hooks.def"

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The hooks' own prototypes. Everything not marked is hidden.
 */
#ifndef GPUSLICE_EXPORT_H
#define GPUSLICE_EXPORT_H

#include "cuda_types.h"

#define GPUSLICE_EXPORT __attribute__((visibility("default")))

#define DRIVER_HOOK(name, base, since, family, test, parameters) GPUSLICE_EXPORT gs_result name parameters;
#define RUNTIME_HOOK(name, family, test, parameters) GPUSLICE_EXPORT gs_result name parameters;
#define NVML_HOOK(name, family, test, parameters) GPUSLICE_EXPORT gs_result name parameters;
#include "hooks.def"

#endif

// SPDX-License-Identifier: Apache-2.0
/** The devices of this machine, as NVML lists them. */
@NullMarked
package io.gpuslice.actors.device;

import org.jspecify.annotations.NullMarked;

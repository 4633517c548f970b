// SPDX-License-Identifier: Apache-2.0
/** Processes as the kernel knows them: who is behind a socket, and when one dies. */
@NullMarked
package io.gpuslice.actors.process;

import org.jspecify.annotations.NullMarked;

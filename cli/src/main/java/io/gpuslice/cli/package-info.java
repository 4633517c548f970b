// SPDX-License-Identifier: Apache-2.0
/**
 * {@code gpuslice}: the command line. Speaks to the daemon by the wire alone, and becomes the program
 * that it runs.
 */
@NullMarked
package io.gpuslice.cli;

import org.jspecify.annotations.NullMarked;

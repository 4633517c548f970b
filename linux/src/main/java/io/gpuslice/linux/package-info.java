// SPDX-License-Identifier: Apache-2.0
/**
 * What the kernel offers and the JDK does not, bound by {@code java.lang.foreign}: pidfds, sealed
 * memfds, {@code execve}, {@code /proc}. The only door to the kernel beside the JDK's own.
 */
@NullMarked
package io.gpuslice.linux;

import org.jspecify.annotations.NullMarked;

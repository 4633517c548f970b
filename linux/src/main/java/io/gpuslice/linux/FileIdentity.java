// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

/**
 * Which memfd it is: enough to recognise it in another process.
 *
 * @param dev device: major &lt;&lt; 32 | minor
 * @param ino inode number
 * @param size bytes
 * @param seals {@code F_SEAL_*} bits
 */
public record FileIdentity(long dev, long ino, long size, int seals) {}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.nio.file.Path;

/**
 * A place in a file that cannot be read.
 *
 * @param offset of its first byte
 * @param more for people; may be empty
 */
record Damage(Path file, long offset, String more) {

    @Override
    public String toString() {
        return file + " is damaged at byte " + offset + (more.isEmpty() ? "" : ", " + more);
    }
}

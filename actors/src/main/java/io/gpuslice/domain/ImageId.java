// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

/**
 * One program image of a process: drawn at random when the image starts, so that an exec shows.
 *
 * @param hex 32 characters of {@code [0-9a-f]}
 */
public record ImageId(String hex) {
    @Override
    public String toString() {
        return hex;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

/** One frame as it came. */
public record Decoded(Header header, Frame frame) {
    /** The frame's sequence number, for the reply. */
    public int seq() {
        return header.seq();
    }
}

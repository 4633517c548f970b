// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

/**
 * What stands before a payload, checked.
 *
 * @param length bytes of the whole frame, the 16 of the header included
 * @param version of the sender: same major as ours, any minor
 * @param seq chosen by the asker and echoed by the reply; all 32 bits are used, so it may look negative
 */
public record Header(int length, FrameType type, int version, int seq) {
    /** Bytes that follow the header. */
    public int payloadLength() {
        return length - Abi.Frame.SIZEOF;
    }
}

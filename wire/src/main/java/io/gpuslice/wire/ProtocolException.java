// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.io.IOException;

/** A frame that may not be believed. Its message is fit to be sent back in an ERROR frame. */
public final class ProtocolException extends IOException {
    private static final long serialVersionUID = 1L;

    private final ErrorCode code;
    private final int seq;

    /**
     * A refusal that knows which frame it is about.
     *
     * @param seq of the offending frame, for the ERROR that answers it; 0 when not even that could be read
     */
    public ProtocolException(ErrorCode code, int seq, String text) {
        super(text);
        this.code = code;
        this.seq = seq;
    }

    public ErrorCode code() {
        return code;
    }

    public int seq() {
        return seq;
    }
}

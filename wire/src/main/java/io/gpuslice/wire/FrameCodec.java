// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Frames to bytes and back. Strict on what it reads (length, type, major version, counts, UTF-8, padding of texts);
 * reserved fields are written as 0 and not looked at, so that a later minor version may use them. The byte order of the
 * buffers handed in does not matter and is left alone.
 */
public final class FrameCodec {
    private FrameCodec() {}

    /** The whole frame in an array of its own. */
    public static byte[] encode(Frame frame, int seq) {
        byte[] json = FrameWriter.json(frame);
        ByteBuffer out = ByteBuffer.allocate(FrameWriter.size(frame, json));
        FrameWriter.write(frame, json, seq, out);
        return out.array();
    }

    /**
     * Writes the whole frame at {@code out}'s position and moves it behind the frame.
     *
     * @throws BufferOverflowException when the frame is longer than what remains; nothing was written then
     */
    public static void encode(Frame frame, int seq, ByteBuffer out) {
        byte[] json = FrameWriter.json(frame);
        int size = FrameWriter.size(frame, json);
        if (out.remaining() < size) {
            throw new BufferOverflowException();
        }
        FrameWriter.write(frame, json, seq, out.slice(out.position(), size));
        out.position(out.position() + size);
    }

    /**
     * The length field alone, so that a stream can be cut into frames before anything else is believed. The position
     * does not move; 4 bytes must remain.
     *
     * @return 16 … {@link Abi#MAX_FRAME_SIZE}
     */
    public static int length(ByteBuffer in) throws ProtocolException {
        return FrameReader.length(in.slice().order(ByteOrder.LITTLE_ENDIAN), 0);
    }

    /** The header at {@code in}'s position, which does not move; 16 bytes must remain. */
    public static Header header(ByteBuffer in) throws ProtocolException {
        return FrameReader.header(in.slice().order(ByteOrder.LITTLE_ENDIAN));
    }

    /**
     * Reads the one frame at {@code in}'s position and moves it behind the frame. Bytes behind it are left alone; on an
     * exception the position has not moved.
     */
    public static Decoded decode(ByteBuffer in) throws ProtocolException {
        if (in.remaining() < Abi.Frame.SIZEOF) {
            throw new ProtocolException(
                    ErrorCode.BAD_REQUEST,
                    0,
                    "a frame's header has " + Abi.Frame.SIZEOF + " bytes; only " + in.remaining() + " came");
        }
        ByteBuffer frame = in.slice().order(ByteOrder.LITTLE_ENDIAN);
        Header header = FrameReader.header(frame);
        if (frame.remaining() < header.length()) {
            throw new ProtocolException(
                    ErrorCode.BAD_REQUEST,
                    header.seq(),
                    header.type() + " says it has " + header.length() + " bytes; only " + frame.remaining() + " came");
        }
        try {
            Frame payload = FrameReader.frame(header, frame);
            in.position(in.position() + header.length());
            return new Decoded(header, payload);
        } catch (IllegalArgumentException e) {
            throw new ProtocolException(ErrorCode.BAD_REQUEST, header.seq(), header.type() + ": " + e.getMessage());
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;

/** Reads the one frame at offset 0 of a little-endian buffer. Frames check themselves; IllegalArgumentException says what. */
final class FrameReader {
    private FrameReader() {}

    static int length(ByteBuffer frame, int seq) throws ProtocolException {
        int length = frame.getInt(Abi.Frame.LENGTH);
        if (length < Abi.Frame.SIZEOF || length > Abi.MAX_FRAME_SIZE) {
            throw new ProtocolException(
                    ErrorCode.BAD_REQUEST,
                    seq,
                    "a frame of " + Integer.toUnsignedString(length) + " bytes; " + Abi.Frame.SIZEOF + " to "
                            + Abi.MAX_FRAME_SIZE + " are possible");
        }
        return length;
    }

    static Header header(ByteBuffer frame) throws ProtocolException {
        int seq = frame.getInt(Abi.Frame.SEQ);
        // The version first: another major may mean anything by the rest.
        int version = Short.toUnsignedInt(frame.getShort(Abi.Frame.VERSION));
        if (version >>> 8 != Abi.ABI_MAJOR) {
            throw new ProtocolException(
                    ErrorCode.UNSUPPORTED_VERSION,
                    seq,
                    "the peer speaks protocol " + (version >>> 8) + "." + (version & 0xff) + ", this side "
                            + Abi.ABI_MAJOR + "." + Abi.ABI_MINOR
                            + ": use one release of gpuslice, gpusliced and libgpuslice.so");
        }
        int length = length(frame, seq);
        int number = Short.toUnsignedInt(frame.getShort(Abi.Frame.TYPE));
        FrameType type = FrameType.of(number);
        if (type == null) {
            throw new ProtocolException(ErrorCode.BAD_REQUEST, seq, "frame type " + number + " is unknown");
        }
        if (!type.isJson() && length != Abi.Frame.SIZEOF + type.payloadSize()) {
            throw new ProtocolException(
                    ErrorCode.BAD_REQUEST,
                    seq,
                    type + " has " + (Abi.Frame.SIZEOF + type.payloadSize()) + " bytes; " + length + " were announced");
        }
        return new Header(length, type, version, seq);
    }

    static Frame frame(Header header, ByteBuffer in) {
        int at = Abi.Frame.SIZEOF;
        return switch (header.type()) {
            case OPEN ->
                new Frame.Open(
                        Text.get(in, at + Abi.Open.TOKEN, "token", Abi.TOKEN_SIZE),
                        Text.get(in, at + Abi.Open.LIMIT, "limit", Abi.LIMIT_SPEC_SIZE),
                        Text.get(in, at + Abi.Open.NAME, "name", Abi.NAME_SIZE),
                        in.getLong(at + Abi.Open.TTL_SECONDS),
                        in.getInt(at + Abi.Open.FLAGS));
            case OPENED -> new Frame.Opened(sessionId(in), token(in), warning(in));
            case JOIN ->
                new Frame.Join(
                        Text.get(in, at + Abi.Join.TOKEN, "token", Abi.TOKEN_SIZE),
                        Text.get(in, at + Abi.Join.SESSION, "session", Abi.NAME_SIZE));
            case JOINED -> new Frame.Joined(sessionId(in), token(in), warning(in));
            case HELLO -> hello(in);
            case WELCOME -> welcome(in);
            case CHARGE ->
                new Frame.Charge(
                        in.getLong(at + Abi.Charge.BYTES),
                        in.getInt(at + Abi.Charge.DEVICE),
                        (in.getInt(at + Abi.Charge.FLAGS) & Abi.CHARGE_HELD) != 0);
            case GRANTED -> new Frame.Granted(in.getLong(at + Abi.Granted.CHARGE), in.getInt(at + Abi.Granted.DEVICE));
            case DENIED ->
                new Frame.Denied(
                        ErrorCode.of(in.getInt(at + Abi.Denied.CODE)),
                        in.getInt(at + Abi.Denied.DEVICE),
                        in.getLong(at + Abi.Denied.ASKED),
                        in.getLong(at + Abi.Denied.USED),
                        in.getLong(at + Abi.Denied.LIMIT));
            case FREED ->
                new Frame.Freed(
                        in.getLong(at + Abi.Freed.BYTES),
                        in.getLong(at + Abi.Freed.HANDLE),
                        in.getInt(at + Abi.Freed.DEVICE));
            case SHARE ->
                new Frame.Share(
                        Frame.Share.What.of(in.getInt(at + Abi.Share.WHAT)),
                        in.getInt(at + Abi.Share.DEVICE),
                        in.getLong(at + Abi.Share.BYTES),
                        hex(in, at + Abi.Share.KEY, Abi.KEY_SIZE));
            case HEARD -> new Frame.Heard();
            case QUERY -> new Frame.Query();
            case STATUS -> status(in);
            case CALL -> new Frame.Call(json(header, in));
            case REPLY -> new Frame.Reply(json(header, in));
            case WATCH -> new Frame.Watch(json(header, in));
            case EVENT -> new Frame.Event(json(header, in));
            case ERROR ->
                new Frame.ErrorFrame(
                        ErrorCode.of(in.getInt(at + Abi.ErrorFrame.CODE)),
                        Text.get(in, at + Abi.ErrorFrame.TEXT, "text", Abi.TEXT_SIZE));
        };
    }

    private static String hex(ByteBuffer in, int at, int size) {
        byte[] bytes = new byte[size];
        in.get(at, bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private static String sessionId(ByteBuffer in) {
        return Text.get(in, Abi.Frame.SIZEOF + Abi.Opened.SESSION_ID, "session_id", Abi.SESSION_ID_SIZE);
    }

    private static String token(ByteBuffer in) {
        return Text.get(in, Abi.Frame.SIZEOF + Abi.Opened.TOKEN, "token", Abi.TOKEN_SIZE);
    }

    private static String warning(ByteBuffer in) {
        return Text.get(in, Abi.Frame.SIZEOF + Abi.Opened.WARNING, "warning", Abi.TEXT_SIZE);
    }

    private static Frame.Hello hello(ByteBuffer in) {
        int at = Abi.Frame.SIZEOF;
        int count = deviceCount(in, at + Abi.Hello.DEVICE_COUNT);
        List<UUID> devices = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int field = at + Abi.Hello.DEVICE_UUIDS + i * Abi.UUID_SIZE;
            devices.add(
                    new UUID(Long.reverseBytes(in.getLong(field)), Long.reverseBytes(in.getLong(field + Long.BYTES))));
        }
        return new Frame.Hello(
                Text.get(in, at + Abi.Hello.SESSION_ID, "session_id", Abi.SESSION_ID_SIZE),
                Text.get(in, at + Abi.Hello.TOKEN, "token", Abi.TOKEN_SIZE),
                hex(in, at + Abi.Hello.IMAGE_ID, 16),
                devices);
    }

    private static Frame.Welcome welcome(ByteBuffer in) {
        int at = Abi.Frame.SIZEOF;
        int count = deviceCount(in, at + Abi.Welcome.DEVICE_COUNT);
        List<Long> limits = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            limits.add(in.getLong(at + Abi.Welcome.LIMIT + i * Long.BYTES));
        }
        return new Frame.Welcome(in.getInt(at + Abi.Welcome.FLAGS), in.getLong(at + Abi.Welcome.PAGE_SIZE), limits);
    }

    private static Frame.Status status(ByteBuffer in) {
        int at = Abi.Frame.SIZEOF;
        int count = deviceCount(in, at + Abi.Status.DEVICE_COUNT);
        List<Frame.Status.Device> devices = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int field = at + Abi.Status.DEVICES + i * Abi.StatusDevice.SIZEOF;
            devices.add(new Frame.Status.Device(
                    in.getLong(field + Abi.StatusDevice.LIMIT),
                    in.getLong(field + Abi.StatusDevice.USED),
                    in.getLong(field + Abi.StatusDevice.CHARGE)));
        }
        return new Frame.Status(
                Frame.Status.State.of(in.getInt(at + Abi.Status.STATE)),
                in.getInt(at + Abi.Status.FLAGS),
                in.getLong(at + Abi.Status.TTL_LEFT_MS),
                devices);
    }

    /** Checked before it sizes a list or bounds a loop. */
    private static int deviceCount(ByteBuffer in, int at) {
        return Require.deviceCount(in.getInt(at));
    }

    private static String json(Header header, ByteBuffer in) {
        return Text.utf8(in.slice(Abi.Frame.SIZEOF, header.payloadLength()), "the JSON");
    }
}

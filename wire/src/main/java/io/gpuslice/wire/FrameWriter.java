// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import java.util.UUID;

/** Writes one frame at offset 0 of a buffer, every byte of it. */
final class FrameWriter {
    private FrameWriter() {}

    private static final byte[] NO_JSON = {};
    private static final UUID NO_DEVICE = new UUID(0, 0);
    private static final Frame.Status.Device NOTHING = new Frame.Status.Device(0, 0, 0);

    /** The payload of a JSON frame; empty for the others. */
    static byte[] json(Frame frame) {
        return frame instanceof Frame.Json json ? Text.utf8(json.json()) : NO_JSON;
    }

    static int size(Frame frame, byte[] json) {
        return Abi.Frame.SIZEOF
                + (frame.type().isJson() ? json.length : frame.type().payloadSize());
    }

    static void write(Frame frame, byte[] json, int seq, ByteBuffer out) {
        out.order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(Abi.Frame.LENGTH, size(frame, json));
        out.putShort(Abi.Frame.TYPE, (short) frame.type().number());
        out.putShort(Abi.Frame.VERSION, (short) Abi.ABI_VERSION);
        out.putInt(Abi.Frame.SEQ, seq);
        out.putInt(Abi.Frame.RESERVED, 0);
        int at = Abi.Frame.SIZEOF;
        switch (frame) {
            case Frame.Open open -> {
                Text.put(out, at + Abi.Open.TOKEN, open.token(), Abi.TOKEN_SIZE);
                Text.put(out, at + Abi.Open.LIMIT, open.limit(), Abi.LIMIT_SPEC_SIZE);
                Text.put(out, at + Abi.Open.NAME, open.name(), Abi.NAME_SIZE);
                out.putLong(at + Abi.Open.TTL_SECONDS, open.ttlSeconds());
                out.putInt(at + Abi.Open.FLAGS, open.flags());
                out.putInt(at + Abi.Open.RESERVED, 0);
            }
            case Frame.Opened opened -> opened(out, opened.sessionId(), opened.token(), opened.warning());
            case Frame.Join join -> {
                Text.put(out, at + Abi.Join.TOKEN, join.token(), Abi.TOKEN_SIZE);
                Text.put(out, at + Abi.Join.SESSION, join.session(), Abi.NAME_SIZE);
            }
            case Frame.Joined joined -> opened(out, joined.sessionId(), joined.token(), joined.warning());
            case Frame.Hello hello -> hello(out, hello);
            case Frame.Welcome welcome -> {
                out.putInt(at + Abi.Welcome.FLAGS, welcome.flags());
                out.putInt(at + Abi.Welcome.DEVICE_COUNT, welcome.limits().size());
                out.putLong(at + Abi.Welcome.PAGE_SIZE, welcome.pageSize());
                for (int i = 0; i < Abi.MAX_DEVICES; i++) {
                    long limit = i < welcome.limits().size() ? welcome.limits().get(i) : 0;
                    out.putLong(at + Abi.Welcome.LIMIT + i * Long.BYTES, limit);
                }
            }
            case Frame.Charge charge -> {
                out.putLong(at + Abi.Charge.BYTES, charge.bytes());
                out.putInt(at + Abi.Charge.DEVICE, charge.device());
                out.putInt(at + Abi.Charge.FLAGS, charge.held() ? Abi.CHARGE_HELD : 0);
            }
            case Frame.Granted granted -> {
                out.putLong(at + Abi.Granted.CHARGE, granted.charge());
                out.putInt(at + Abi.Granted.DEVICE, granted.device());
                out.putInt(at + Abi.Granted.RESERVED, 0);
            }
            case Frame.Denied denied -> {
                out.putInt(at + Abi.Denied.CODE, denied.code().number());
                out.putInt(at + Abi.Denied.DEVICE, denied.device());
                out.putLong(at + Abi.Denied.ASKED, denied.asked());
                out.putLong(at + Abi.Denied.USED, denied.used());
                out.putLong(at + Abi.Denied.LIMIT, denied.limit());
            }
            case Frame.Freed freed -> {
                out.putLong(at + Abi.Freed.BYTES, freed.bytes());
                out.putLong(at + Abi.Freed.HANDLE, freed.handle());
                out.putInt(at + Abi.Freed.DEVICE, freed.device());
                out.putInt(at + Abi.Freed.RESERVED, 0);
            }
            case Frame.Share share -> {
                out.putInt(at + Abi.Share.WHAT, share.what().number());
                out.putInt(at + Abi.Share.DEVICE, share.device());
                out.putLong(at + Abi.Share.BYTES, share.bytes());
                out.put(at + Abi.Share.KEY, HexFormat.of().parseHex(share.key()));
            }
            case Frame.Query _, Frame.Heard _ -> {}
            case Frame.Status status -> status(out, status);
            case Frame.Json _ -> out.put(at, json);
            case Frame.ErrorFrame error -> {
                out.putInt(at + Abi.ErrorFrame.CODE, error.code().number());
                out.putInt(at + Abi.ErrorFrame.RESERVED, 0);
                Text.put(out, at + Abi.ErrorFrame.TEXT, error.text(), Abi.TEXT_SIZE);
            }
        }
    }

    private static void opened(ByteBuffer out, String sessionId, String token, String warning) {
        int at = Abi.Frame.SIZEOF;
        Text.put(out, at + Abi.Opened.SESSION_ID, sessionId, Abi.SESSION_ID_SIZE);
        Text.put(out, at + Abi.Opened.TOKEN, token, Abi.TOKEN_SIZE);
        Text.put(out, at + Abi.Opened.WARNING, warning, Abi.TEXT_SIZE);
    }

    private static void hello(ByteBuffer out, Frame.Hello hello) {
        int at = Abi.Frame.SIZEOF;
        Text.put(out, at + Abi.Hello.SESSION_ID, hello.sessionId(), Abi.SESSION_ID_SIZE);
        Text.put(out, at + Abi.Hello.TOKEN, hello.token(), Abi.TOKEN_SIZE);
        out.put(at + Abi.Hello.IMAGE_ID, HexFormat.of().parseHex(hello.imageId()));
        out.putInt(at + Abi.Hello.DEVICE_COUNT, hello.devices().size());
        out.putInt(at + Abi.Hello.RESERVED, 0);
        for (int i = 0; i < Abi.MAX_DEVICES; i++) {
            UUID uuid = i < hello.devices().size() ? hello.devices().get(i) : NO_DEVICE;
            int field = at + Abi.Hello.DEVICE_UUIDS + i * Abi.UUID_SIZE;
            // The bytes of a UUID stand in the order of its text: big-endian.
            out.putLong(field, Long.reverseBytes(uuid.getMostSignificantBits()));
            out.putLong(field + Long.BYTES, Long.reverseBytes(uuid.getLeastSignificantBits()));
        }
    }

    private static void status(ByteBuffer out, Frame.Status status) {
        int at = Abi.Frame.SIZEOF;
        out.putInt(at + Abi.Status.STATE, status.state().number());
        out.putInt(at + Abi.Status.FLAGS, status.flags());
        out.putLong(at + Abi.Status.TTL_LEFT_MS, status.ttlLeftMillis());
        out.putInt(at + Abi.Status.DEVICE_COUNT, status.devices().size());
        out.putInt(at + Abi.Status.RESERVED, 0);
        for (int i = 0; i < Abi.MAX_DEVICES; i++) {
            Frame.Status.Device device =
                    i < status.devices().size() ? status.devices().get(i) : NOTHING;
            int field = at + Abi.Status.DEVICES + i * Abi.StatusDevice.SIZEOF;
            out.putLong(field + Abi.StatusDevice.LIMIT, device.limit());
            out.putLong(field + Abi.StatusDevice.USED, device.used());
            out.putLong(field + Abi.StatusDevice.CHARGE, device.charge());
        }
    }
}

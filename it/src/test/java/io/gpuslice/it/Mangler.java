// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/** What comes to a seed's mind to send to a daemon: frames in order, out of order, changed, cut short, glued together, noise. */
final class Mangler {

    private static final int LONGEST_NOISE = 5000;

    private final Random random;
    private final Frame.Hello hello;

    /** @param hello that would be let in: a guest's beginning */
    Mangler(Random random, Frame.Hello hello) {
        this.random = random;
        this.hello = hello;
    }

    /** A guest's first word, mostly as it should be. */
    byte[] greeting() {
        Frame.Hello mine = new Frame.Hello(hello.sessionId(), hello.token(), hex(16), hello.devices());
        byte[] frame = FrameCodec.encode(mine, random.nextInt());
        return random.nextInt(8) == 0 ? changed(frame) : frame;
    }

    /** Bytes for a connection, wherever in a frame the ones before have ended. */
    byte[] next() {
        return switch (random.nextInt(8)) {
            case 0 -> noise(random.nextInt(LONGEST_NOISE));
            case 1, 2 -> changed(whole());
            case 3 -> Arrays.copyOf(whole(), random.nextInt(whole().length));
            case 4 -> glued();
            default -> whole();
        };
    }

    private byte[] whole() {
        return FrameCodec.encode(frame(), random.nextInt());
    }

    private Frame frame() {
        return switch (random.nextInt(14)) {
            case 0 -> new Frame.Open(word(60), word(60), word(60), random.nextInt(1 << 20), random.nextInt());
            case 1 -> new Frame.Join(word(60), random.nextBoolean() ? hello.sessionId() : word(60));
            case 2 -> new Frame.Hello(word(30), word(60), hex(16), hello.devices());
            case 3 -> new Frame.Hello(hello.sessionId(), word(60), hex(16), hello.devices());
            case 4, 5, 6 -> new Frame.Charge(bytes(), random.nextInt(3), random.nextBoolean());
            case 7 -> new Frame.Freed(bytes(), random.nextLong(), random.nextInt(3));
            case 8 -> new Frame.Query();
            case 9 ->
                new Frame.Share(
                        List.of(Frame.Share.What.values()).get(random.nextInt(Frame.Share.What.values().length)),
                        random.nextInt(3),
                        bytes(),
                        hex(Abi.KEY_SIZE));
            case 10, 11 -> new Frame.Call(call());
            case 12 -> new Frame.Watch(call());
            default ->
                random.nextBoolean()
                        ? new Frame.Granted(bytes(), 0)
                        : new Frame.ErrorFrame(ErrorCode.INTERNAL, word(100));
        };
    }

    private String call() {
        String method =
                List.of("GET", "POST", "PATCH", "DELETE", "get", word(20)).get(random.nextInt(6));
        String path = List.of(
                        "/sessions",
                        "/sessions/" + hello.sessionId() + "/allocations",
                        "/sessions/" + word(20),
                        "/devices",
                        "/info",
                        "/sessions?after=" + word(20),
                        "/" + word(300))
                .get(random.nextInt(7));
        String body = List.of(
                        "{\"limit\":\"" + word(40) + "\"}",
                        "{\"limit\":" + random.nextLong() + ",\"ttl\":\"" + word(9) + "\"}",
                        "[".repeat(random.nextInt(5000)),
                        word(200),
                        "null")
                .get(random.nextInt(5));
        return "{\"method\":\"" + method + "\",\"path\":\"" + path + "\",\"body\":" + body + "}";
    }

    /** Letters of any alphabet, and what JSON, paths and terminals take for more than that. */
    private String word(int most) {
        StringBuilder word = new StringBuilder();
        for (int left = random.nextInt(most / 4); left > 0; left--) {
            word.appendCodePoint(
                    switch (random.nextInt(6)) {
                        case 0 -> "\"\\/%{}[]:,?#&+. \n".charAt(random.nextInt(17));
                        case 1 -> 0x1f600 + random.nextInt(50);
                        case 2 -> 1 + random.nextInt(0x7ff);
                        default -> "0123456789abcdefGMK".charAt(random.nextInt(19));
                    });
        }
        return word.toString();
    }

    private String hex(int bytes) {
        return HexFormat.of().formatHex(noise(bytes));
    }

    private long bytes() {
        return 1 + (random.nextLong() >>> (16 + random.nextInt(48)));
    }

    private byte[] noise(int length) {
        byte[] noise = new byte[length];
        random.nextBytes(noise);
        return noise;
    }

    private byte[] changed(byte[] frame) {
        for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
            // Half of them where length, type and version are.
            int at = random.nextInt(random.nextBoolean() ? Math.min(16, frame.length) : frame.length);
            frame[at] = (byte) (random.nextBoolean() ? random.nextInt() : frame[at] ^ 1 << random.nextInt(8));
        }
        return frame;
    }

    private byte[] glued() {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int frames = 2 + random.nextInt(30); frames > 0; frames--) {
            all.writeBytes(whole());
        }
        return all.toByteArray();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Frames of all types, corner cases often among their values. */
final class RandomFrames {
    private final Random random;

    RandomFrames(Random random) {
        this.random = random;
    }

    /** Some frame of that type, always the same. */
    static Frame of(FrameType type) {
        return new RandomFrames(new Random(type.number())).frame(type);
    }

    Frame frame() {
        return frame(oneOf(FrameType.values()));
    }

    int anyInt() {
        return random.nextInt();
    }

    private Frame frame(FrameType type) {
        return switch (type) {
            case OPEN ->
                new Frame.Open(text(Abi.TOKEN_SIZE), text(Abi.LIMIT_SPEC_SIZE), text(Abi.NAME_SIZE), count(), anyInt());
            case OPENED -> new Frame.Opened(text(Abi.SESSION_ID_SIZE), text(Abi.TOKEN_SIZE), text(Abi.TEXT_SIZE));
            case JOIN -> new Frame.Join(text(Abi.TOKEN_SIZE), text(Abi.NAME_SIZE));
            case JOINED -> new Frame.Joined(text(Abi.SESSION_ID_SIZE), text(Abi.TOKEN_SIZE), text(Abi.TEXT_SIZE));
            case HELLO -> new Frame.Hello(text(Abi.SESSION_ID_SIZE), text(Abi.TOKEN_SIZE), hex(16), uuids());
            case WELCOME -> new Frame.Welcome(anyInt(), count(), list(this::count));
            case CHARGE -> new Frame.Charge(bytes(), device(), random.nextBoolean());
            case GRANTED -> new Frame.Granted(count(), device());
            case DENIED -> new Frame.Denied(code(), device(), count(), count(), count());
            case FREED -> new Frame.Freed(bytes(), random.nextLong(), device());
            case SHARE -> new Frame.Share(oneOf(Frame.Share.What.values()), device(), count(), hex(Abi.KEY_SIZE));
            case HEARD -> new Frame.Heard();
            case QUERY -> new Frame.Query();
            case STATUS ->
                new Frame.Status(
                        oneOf(Frame.Status.State.values()),
                        anyInt(),
                        random.nextBoolean() ? Frame.Status.NO_TTL : count(),
                        list(() -> new Frame.Status.Device(count(), count(), count())));
            case CALL -> new Frame.Call(text(5_000));
            case REPLY -> new Frame.Reply(text(5_000));
            case WATCH -> new Frame.Watch(text(100));
            case EVENT -> new Frame.Event(text(100));
            case ERROR -> new Frame.ErrorFrame(code(), text(Abi.TEXT_SIZE));
        };
    }

    private String text(int fieldSize) {
        int room = random.nextInt(4) == 0 ? fieldSize - 1 : random.nextInt(fieldSize);
        StringBuilder text = new StringBuilder();
        while (true) {
            String next = random.nextInt(8) == 0
                    ? Character.toString(0x1f600 + random.nextInt(50))
                    : Character.toString(1 + random.nextInt(0x7ff));
            room -= next.getBytes(StandardCharsets.UTF_8).length;
            if (room < 0) {
                return text.toString();
            }
            text.append(next);
        }
    }

    private long count() {
        return switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> Long.MAX_VALUE;
            default -> random.nextLong() & Long.MAX_VALUE;
        };
    }

    private long bytes() {
        return switch (random.nextInt(4)) {
            case 0 -> 1;
            case 1 -> Abi.MAX_BYTES;
            default -> 1 + random.nextLong(Abi.MAX_BYTES);
        };
    }

    private int device() {
        return random.nextInt(Abi.MAX_DEVICES);
    }

    private ErrorCode code() {
        return oneOf(ErrorCode.values());
    }

    private String hex(int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private List<UUID> uuids() {
        Set<UUID> uuids = new HashSet<>(list(() -> new UUID(random.nextLong(), random.nextLong())));
        return List.copyOf(uuids);
    }

    private <T> T oneOf(T[] values) {
        return values[random.nextInt(values.length)];
    }

    private <T> List<T> list(Supplier<T> element) {
        int size = random.nextInt(3) == 0 ? Abi.MAX_DEVICES : 1 + random.nextInt(Abi.MAX_DEVICES);
        return Stream.generate(element).limit(size).toList();
    }
}

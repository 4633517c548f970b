// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import org.jspecify.annotations.Nullable;

/** What a frame is. Numbers are for ever; new ones may be added within a major version. */
public enum FrameType {
    OPEN(1, Abi.Open.SIZEOF),
    OPENED(2, Abi.Opened.SIZEOF),
    JOIN(3, Abi.Join.SIZEOF),
    JOINED(4, Abi.Opened.SIZEOF),
    HELLO(5, Abi.Hello.SIZEOF),
    WELCOME(6, Abi.Welcome.SIZEOF),
    CHARGE(7, Abi.Charge.SIZEOF),
    GRANTED(8, Abi.Granted.SIZEOF),
    DENIED(9, Abi.Denied.SIZEOF),
    FREED(10, Abi.Freed.SIZEOF),
    QUERY(11, 0),
    STATUS(12, Abi.Status.SIZEOF),
    CALL(13, FrameType.JSON),
    REPLY(14, FrameType.JSON),
    WATCH(15, FrameType.JSON),
    EVENT(16, FrameType.JSON),
    ERROR(17, Abi.ErrorFrame.SIZEOF),
    SHARE(18, Abi.Share.SIZEOF),
    HEARD(19, 0);

    private static final int JSON = -1;
    private static final FrameType[] BY_NUMBER = values();

    private final int number;
    private final int payloadSize;

    FrameType(int number, int payloadSize) {
        this.number = number;
        this.payloadSize = payloadSize;
    }

    /** As it stands in the header. */
    public int number() {
        return number;
    }

    /** Whether the payload is JSON of any length instead of a struct. */
    public boolean isJson() {
        return payloadSize == JSON;
    }

    /** Bytes after the header; only for types that are not JSON. */
    int payloadSize() {
        return payloadSize;
    }

    /** The type with that number, or null when this version knows none. */
    public static @Nullable FrameType of(int number) {
        return number >= 1 && number <= BY_NUMBER.length ? BY_NUMBER[number - 1] : null;
    }
}

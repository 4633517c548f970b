// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.util.List;
import java.util.Objects;
import java.util.UUID;

/**
 * One message of the Unix stream socket, without its header. Every record checks its own components and throws
 * IllegalArgumentException, naming the field and the numbers, for what cannot be on the wire: a frame that exists can
 * be sent. Byte counts are 0 … 2<sup>63</sup>−1, device indexes 0 … {@link Abi#MAX_DEVICES}−1.
 */
public sealed interface Frame {

    FrameType type();

    /** cli → daemon: open a session whose leader is the caller. {@code ttlSeconds} 0: no TTL; flags: {@code Abi.FLAG_*}. */
    record Open(String token, String limit, String name, long ttlSeconds, int flags) implements Frame {
        public Open {
            Text.requireFits("token", token, Abi.TOKEN_SIZE);
            Text.requireFits("limit", limit, Abi.LIMIT_SPEC_SIZE);
            Text.requireFits("name", name, Abi.NAME_SIZE);
            Require.count("ttl_seconds", ttlSeconds);
        }

        /** Without the token: frames are logged. */
        @Override
        public String toString() {
            return "Open[limit=" + limit + ", name=" + name + ", ttlSeconds=" + ttlSeconds + ", flags=" + flags + "]";
        }

        @Override
        public FrameType type() {
            return FrameType.OPEN;
        }
    }

    /** daemon → cli: the session is open. {@code token} is the session's own; {@code warning} is empty when there is none. */
    record Opened(String sessionId, String token, String warning) implements Frame {
        public Opened {
            Require.opened(sessionId, token, warning);
        }

        /** Without the token: frames are logged. */
        @Override
        public String toString() {
            return "Opened[sessionId=" + sessionId + ", warning=" + warning + "]";
        }

        @Override
        public FrameType type() {
            return FrameType.OPENED;
        }
    }

    /** cli → daemon: a fresh token of an existing session, named by id, unique id prefix or name. */
    record Join(String token, String session) implements Frame {
        public Join {
            Text.requireFits("token", token, Abi.TOKEN_SIZE);
            Text.requireFits("session", session, Abi.NAME_SIZE);
        }

        /** Without the token: frames are logged. */
        @Override
        public String toString() {
            return "Join[session=" + session + "]";
        }

        @Override
        public FrameType type() {
            return FrameType.JOIN;
        }
    }

    /** daemon → cli: as {@link Opened}, for a session that exists already. */
    record Joined(String sessionId, String token, String warning) implements Frame {
        public Joined {
            Require.opened(sessionId, token, warning);
        }

        /** Without the token: frames are logged. */
        @Override
        public String toString() {
            return "Joined[sessionId=" + sessionId + ", warning=" + warning + "]";
        }

        @Override
        public FrameType type() {
            return FrameType.JOINED;
        }
    }

    /**
     * shim → daemon: this process becomes a member.
     *
     * @param imageId 32 lower-case hex digits, drawn once per process image
     * @param devices 1 … {@link Abi#MAX_DEVICES}, none twice; position i is device i of every later frame and of the page
     */
    record Hello(String sessionId, String token, String imageId, List<UUID> devices) implements Frame {
        public Hello {
            Text.requireFits("session_id", sessionId, Abi.SESSION_ID_SIZE);
            Text.requireFits("token", token, Abi.TOKEN_SIZE);
            Require.hex("image_id", imageId, 16);
            devices = List.copyOf(devices);
            Require.deviceCount(devices.size());
            Require.distinct(devices);
        }

        /** Without the token: frames are logged. */
        @Override
        public String toString() {
            return "Hello[sessionId=" + sessionId + ", imageId=" + imageId + ", devices=" + devices + "]";
        }

        @Override
        public FrameType type() {
            return FrameType.HELLO;
        }
    }

    /**
     * daemon → shim: you are a member; the page's descriptor follows with one byte.
     *
     * @param pageSize bytes to map
     * @param limits bytes that the session may hold, one for each of HELLO's devices
     */
    record Welcome(int flags, long pageSize, List<Long> limits) implements Frame {
        public Welcome {
            Require.count("page_size", pageSize);
            limits = List.copyOf(limits);
            Require.deviceCount(limits.size());
            limits.forEach(limit -> Require.count("limit", limit));
        }

        @Override
        public FrameType type() {
            return FrameType.WELCOME;
        }
    }

    /**
     * shim → daemon: raise my charge so that {@code bytes} (1 … {@link Abi#MAX_BYTES}) fit beside the page's used.
     *
     * @param held the memory is held already: the charge is raised whatever the session's state and even above its
     *     limit, and this is never answered by {@link Denied}
     */
    record Charge(long bytes, int device, boolean held) implements Frame {
        public Charge {
            Require.allocation(bytes);
            Require.device(device);
        }

        /** Memory that is yet to be taken. */
        public Charge(long bytes, int device) {
            this(bytes, device, false);
        }

        @Override
        public FrameType type() {
            return FrameType.CHARGE;
        }
    }

    /** daemon → shim: the page's charge is now {@code charge} bytes, the gate bit not included. */
    record Granted(long charge, int device) implements Frame {
        public Granted {
            Require.count("charge", charge);
            Require.device(device);
        }

        @Override
        public FrameType type() {
            return FrameType.GRANTED;
        }
    }

    /** daemon → shim: refused; the bytes are the session's on that device at the decision. */
    record Denied(ErrorCode code, int device, long asked, long used, long limit) implements Frame {
        public Denied {
            Objects.requireNonNull(code);
            Require.device(device);
            Require.count("asked", asked);
            Require.count("used", used);
            Require.count("limit", limit);
        }

        @Override
        public FrameType type() {
            return FrameType.DENIED;
        }
    }

    /** shim → daemon, never answered: an allocation of a strict session was returned. */
    record Freed(long bytes, long handle, int device) implements Frame {
        public Freed {
            Require.allocation(bytes);
            Require.device(device);
        }

        @Override
        public FrameType type() {
            return FrameType.FREED;
        }
    }

    /**
     * shim → daemon: a process has, or has no longer, to do with memory that processes share. One with a number is
     * answered by {@link Heard}, one with the number 0 never.
     *
     * @param bytes of the block; 0 where that is not known, or does not matter any more
     * @param key names the memory: {@link Abi#KEY_SIZE} bytes as lower-case hex digits; all 0: it has no name
     */
    record Share(What what, int device, long bytes, String key) implements Frame {
        /** As {@code enum gpuslice_share_what} numbers them. */
        public enum What {
            EXPORTED(Abi.SHARE_EXPORTED),
            RELEASED(Abi.SHARE_RELEASED),
            IMPORTED(Abi.SHARE_IMPORTED),
            CLOSED(Abi.SHARE_CLOSED);

            private static final What[] BY_NUMBER = values();

            private final int number;

            What(int number) {
                this.number = number;
            }

            public int number() {
                return number;
            }

            static What of(int number) {
                if (number < 1 || number > BY_NUMBER.length) {
                    throw new IllegalArgumentException("what is " + Integer.toUnsignedString(number) + "; 1 to "
                            + BY_NUMBER.length + " are known");
                }
                return BY_NUMBER[number - 1];
            }
        }

        public Share {
            Objects.requireNonNull(what);
            Require.device(device);
            Require.count("bytes", bytes);
            Require.hex("key", key, Abi.KEY_SIZE);
        }

        @Override
        public FrameType type() {
            return FrameType.SHARE;
        }
    }

    /** daemon → shim: a SHARE, and all before it, are in the journal, and what they released has been taken over. */
    record Heard() implements Frame {
        @Override
        public FrameType type() {
            return FrameType.HEARD;
        }
    }

    /** shim → daemon: how does the session stand? */
    record Query() implements Frame {
        @Override
        public FrameType type() {
            return FrameType.QUERY;
        }
    }

    /** daemon → shim: the session, seen by one of its members. {@code ttlLeftMillis} may be {@link #NO_TTL}. */
    record Status(State state, int flags, long ttlLeftMillis, List<Device> devices) implements Frame {
        /** UINT64_MAX on the wire. */
        public static final long NO_TTL = -1;

        /** As {@code enum gpuslice_session_state} numbers them. */
        public enum State {
            ACTIVE(1),
            EXPIRED(2),
            CLOSED(3);

            private static final State[] BY_NUMBER = values();

            private final int number;

            State(int number) {
                this.number = number;
            }

            public int number() {
                return number;
            }

            static State of(int number) {
                if (number < 1 || number > BY_NUMBER.length) {
                    throw new IllegalArgumentException("state is " + Integer.toUnsignedString(number) + "; 1 to "
                            + BY_NUMBER.length + " are known");
                }
                return BY_NUMBER[number - 1];
            }
        }

        /** Bytes on one device, of all processes of the session. */
        public record Device(long limit, long used, long charge) {
            public Device {
                Require.count("limit", limit);
                Require.count("used", used);
                Require.count("charge", charge);
            }
        }

        public Status {
            Objects.requireNonNull(state);
            if (ttlLeftMillis != NO_TTL) {
                Require.count("ttl_left_ms", ttlLeftMillis);
            }
            devices = List.copyOf(devices);
            Require.deviceCount(devices.size());
        }

        @Override
        public FrameType type() {
            return FrameType.STATUS;
        }
    }

    /** The frames whose payload is JSON text of any length that a frame can have. */
    sealed interface Json extends Frame permits Call, Reply, Watch, Event {
        String json();
    }

    /** cli → daemon: one JSON request. */
    record Call(String json) implements Json {
        public Call {
            Require.json(json);
        }

        @Override
        public FrameType type() {
            return FrameType.CALL;
        }
    }

    /** daemon → cli: the JSON answer to a {@link Call}. */
    record Reply(String json) implements Json {
        public Reply {
            Require.json(json);
        }

        @Override
        public FrameType type() {
            return FrameType.REPLY;
        }
    }

    /** cli → daemon: a JSON request for a stream of {@link Event}s. */
    record Watch(String json) implements Json {
        public Watch {
            Require.json(json);
        }

        @Override
        public FrameType type() {
            return FrameType.WATCH;
        }
    }

    /** daemon → cli: one JSON event of a stream. */
    record Event(String json) implements Json {
        public Event {
            Require.json(json);
        }

        @Override
        public FrameType type() {
            return FrameType.EVENT;
        }
    }

    /** daemon → anyone, instead of the reply: what happened, the numbers, what next. */
    record ErrorFrame(ErrorCode code, String text) implements Frame {
        public ErrorFrame {
            Objects.requireNonNull(code);
            Text.requireFits("text", text, Abi.TEXT_SIZE);
        }

        /** As the constructor, but a text that is too long is cut ({@link Text#fit}). */
        public static ErrorFrame of(ErrorCode code, String text) {
            return new ErrorFrame(code, Text.fit(text, Abi.TEXT_SIZE));
        }

        @Override
        public FrameType type() {
            return FrameType.ERROR;
        }
    }
}

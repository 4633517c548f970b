// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.time.Duration;

/** getsockopt and setsockopt at level SOL_SOCKET. */
final class SocketOptions {
    private SocketOptions() {}

    private static final int SOL_SOCKET = 1;

    private static final NativeFunction GETSOCKOPT = NativeFunction.returningInt("getsockopt");
    private static final NativeFunction SETSOCKOPT = NativeFunction.returningInt("setsockopt");

    static int getInt(int socket, int option) throws LinuxException {
        return get(socket, option, Integer.BYTES)[0];
    }

    /** The option's value of {@code size} bytes, as ints. */
    static int[] get(int socket, int option, int size) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer value = NativeFunction.struct(arena, size);
            ByteBuffer length = NativeFunction.struct(arena, Integer.BYTES).putInt(0, size);
            GETSOCKOPT.call(
                    option, socket, SOL_SOCKET, option, NativeFunction.address(value), NativeFunction.address(length));
            int[] values = new int[size / Integer.BYTES];
            value.asIntBuffer().get(values);
            return values;
        }
    }

    /** The ints of an option that has as many as it has: {@code size} bytes are tried first. */
    static int[] getAll(int socket, int option, int size) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer value = NativeFunction.struct(arena, size);
            ByteBuffer length = NativeFunction.struct(arena, Integer.BYTES).putInt(0, size);
            try {
                GETSOCKOPT.call(
                        option,
                        socket,
                        SOL_SOCKET,
                        option,
                        NativeFunction.address(value),
                        NativeFunction.address(length));
            } catch (LinuxException e) {
                // The kernel has said how many bytes there are.
                if (e.errno() == Errno.ERANGE && length.getInt(0) > size) {
                    return getAll(socket, option, length.getInt(0));
                }
                throw e;
            }
            int[] values = new int[length.getInt(0) / Integer.BYTES];
            value.asIntBuffer().get(values);
            return values;
        }
    }

    /** Sets an option that is a struct timeval. */
    static void set(int socket, int option, Duration time) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer value = NativeFunction.struct(arena, 2 * Long.BYTES)
                    .putLong(0, time.toSeconds())
                    .putLong(Long.BYTES, time.toNanosPart() / 1000);
            SETSOCKOPT.call(option, socket, SOL_SOCKET, option, NativeFunction.address(value), value.capacity());
        }
    }
}

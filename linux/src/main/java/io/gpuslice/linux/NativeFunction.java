// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One function of the C library that takes at most six integers or pointers.
 *
 * <p>All of them are called through one linked handle of six longs. On x86-64 and aarch64 integers and pointers travel in
 * the same registers, variable arguments too, and a callee does not look at registers or upper halves it has no use for.
 * Linking one signature for all instead of one for each saves the command line, which lives for 0.1 s, half of that.
 */
final class NativeFunction {
    private static final int MOST_ARGUMENTS = 6;
    private static final Linker LINKER = Linker.nativeLinker();
    private static final long ERRNO = Linker.Option.captureStateLayout().byteOffset(PathElement.groupElement("errno"));
    private static final MethodHandle CALL = LINKER.downcallHandle(
            FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
            Linker.Option.captureCallState("errno"));

    private final String name;
    private final MemorySegment address;
    private final boolean returnsInt;

    private NativeFunction(String name, boolean returnsInt) {
        this.name = name;
        this.address = LINKER.defaultLookup().findOrThrow(name);
        this.returnsInt = returnsInt;
    }

    /** A function whose result is an int, or smaller. */
    static NativeFunction returningInt(String name) {
        return new NativeFunction(name, true);
    }

    /** A function whose result is a long, a size or a pointer. */
    static NativeFunction returningLong(String name) {
        return new NativeFunction(name, false);
    }

    /**
     * Calls a function that returns −1 and sets errno when it fails.
     *
     * @param about what the call is about, for the message of a failure
     * @param arguments integers, and addresses of memory that the caller keeps alive
     */
    long call(Object about, long... arguments) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment captured = arena.allocate(Linker.Option.captureStateLayout());
            long result = invoke(captured, arguments);
            if (result == -1) {
                throw new LinuxException(name + " " + about, captured.get(JAVA_INT, ERRNO));
            }
            return result;
        }
    }

    /** As {@link #call}, again and again while a signal interrupts it: for calls that may simply be repeated. */
    long restart(Object about, long... arguments) throws LinuxException {
        while (true) {
            try {
                return call(about, arguments);
            } catch (LinuxException e) {
                if (e.errno() != Errno.EINTR) {
                    throw e;
                }
            }
        }
    }

    /** Calls a function that does not use errno. */
    long result(long... arguments) {
        try (Arena arena = Arena.ofConfined()) {
            return invoke(arena.allocate(Linker.Option.captureStateLayout()), arguments);
        }
    }

    private long invoke(MemorySegment captured, long... a) {
        long[] padded = java.util.Arrays.copyOf(a, MOST_ARGUMENTS);
        try {
            long result = (long) CALL.invokeExact(
                    address, captured, padded[0], padded[1], padded[2], padded[3], padded[4], padded[5]);
            return returnsInt ? (int) result : result;
        } catch (Throwable e) {
            // invokeExact declares Throwable; a downcall throws nothing.
            throw new AssertionError(name, e);
        }
    }

    /** Zeroed memory for a struct, in this machine's byte order. */
    static ByteBuffer struct(Arena arena, int size) {
        return arena.allocate(size, Long.BYTES).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    /** Where a struct made by {@link #struct} lies. */
    static long address(ByteBuffer struct) {
        return MemorySegment.ofBuffer(struct).address();
    }

    /** The address of a copy of {@code bytes} with a closing NUL. */
    static long cString(Arena arena, byte[] bytes) {
        MemorySegment string = arena.allocate(bytes.length + 1L);
        MemorySegment.copy(bytes, 0, string, JAVA_BYTE, 0, bytes.length);
        return string.address();
    }
}

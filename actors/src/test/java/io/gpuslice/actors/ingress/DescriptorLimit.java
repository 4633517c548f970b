// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** How many descriptors this process may have, lowered until it is closed. By a call: a program could not be started then. */
final class DescriptorLimit implements AutoCloseable {

    private static final int RLIMIT_NOFILE = 7;
    private static final MethodHandle GETRLIMIT = function("getrlimit");
    private static final MethodHandle SETRLIMIT = function("setrlimit");

    private final long before;

    DescriptorLimit(long lower) {
        before = set(lower);
    }

    @Override
    public void close() {
        set(before);
    }

    /** Sets the soft limit and returns the one before. */
    private static long set(long soft) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment limit = arena.allocate(JAVA_LONG, 2);
            if ((int) GETRLIMIT.invokeExact(RLIMIT_NOFILE, limit) != 0) {
                throw new IllegalStateException("getrlimit failed");
            }
            long former = limit.getAtIndex(JAVA_LONG, 0);
            limit.setAtIndex(JAVA_LONG, 0, soft);
            if ((int) SETRLIMIT.invokeExact(RLIMIT_NOFILE, limit) != 0) {
                throw new IllegalStateException("setrlimit failed");
            }
            return former;
        } catch (Throwable e) {
            throw new AssertionError("the limit of descriptors cannot be changed", e);
        }
    }

    @SuppressWarnings("restricted")
    private static MethodHandle function(String name) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().find(name).orElseThrow(), FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
    }
}

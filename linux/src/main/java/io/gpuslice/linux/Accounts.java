// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;

/**
 * What the names of users and groups stand for, wherever this machine keeps them (files, LDAP, …). Not thread-safe: the C
 * library answers in memory of its own.
 */
public final class Accounts {
    private Accounts() {}

    /** In struct passwd as in struct group, behind the pointers to the name and the password. */
    private static final int NUMBER = 16;

    private static final NativeFunction GETPWNAM = NativeFunction.returningLong("getpwnam");
    private static final NativeFunction GETGRNAM = NativeFunction.returningLong("getgrnam");

    /** The user's uid; empty: nobody is called so. */
    public static OptionalInt uid(String user) {
        return number(GETPWNAM, user);
    }

    /** The group's gid; empty: none is called so. */
    public static OptionalInt gid(String group) {
        return number(GETGRNAM, group);
    }

    private static OptionalInt number(NativeFunction function, String name) {
        try (Arena arena = Arena.ofConfined()) {
            long found = function.result(NativeFunction.cString(arena, name.getBytes(StandardCharsets.UTF_8)));
            return found == 0
                    ? OptionalInt.empty()
                    : OptionalInt.of(MemorySegment.ofAddress(found)
                            .reinterpret(NUMBER + Integer.BYTES)
                            .get(ValueLayout.JAVA_INT, NUMBER));
        }
    }
}

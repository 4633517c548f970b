// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An environment, byte for byte and in order: what no text could hold (names that no shell accepts, values that are no
 * UTF-8, a name given twice) reaches the program unchanged.
 *
 * @param entries {@code NAME=value}, without the closing NUL
 */
record Environ(List<byte[]> entries) {
    /**
     * What the launcher puts in front of names that are meant for the program and would harm the JVM before it
     * (LD_PRELOAD, JAVA_TOOL_OPTIONS, …). Must be the launcher's.
     */
    private static final byte[] SHIELD = ascii("GPUSLICE_KEPT_");

    Environ {
        entries = List.copyOf(entries);
    }

    /**
     * This process's own, as whoever started {@code gpuslice} made it.
     *
     * @param shielded whether the launcher started this JVM: then its last entry is the launcher's, and the shield
     *     comes off
     */
    static Environ ofThisProcess(boolean shielded) throws IOException {
        Environ own = new Environ(Procfs.environ((int) ProcessHandle.current().pid()));
        return shielded ? own.unshielded() : own;
    }

    Environ unshielded() {
        List<byte[]> bare = new ArrayList<>();
        for (byte[] entry : entries.subList(0, entries.size() - 1)) {
            bare.add(startsWith(entry, SHIELD) ? Arrays.copyOfRange(entry, SHIELD.length, entry.length) : entry);
        }
        return new Environ(bare);
    }

    /** The value that {@code getenv} would find: the first. */
    Optional<byte[]> get(String name) {
        byte[] prefix = ascii(name + "=");
        return entries.stream()
                .filter(entry -> startsWith(entry, prefix))
                .findFirst()
                .map(entry -> Arrays.copyOfRange(entry, prefix.length, entry.length));
    }

    Environ without(String name) {
        byte[] prefix = ascii(name + "=");
        return new Environ(
                entries.stream().filter(entry -> !startsWith(entry, prefix)).toList());
    }

    /** With that value at the end, and no other of that name. */
    Environ with(String name, byte[] value) {
        byte[] prefix = ascii(name + "=");
        byte[] entry = Arrays.copyOf(prefix, prefix.length + value.length);
        System.arraycopy(value, 0, entry, prefix.length, value.length);
        List<byte[]> more = new ArrayList<>(without(name).entries);
        more.add(entry);
        return new Environ(more);
    }

    Environ with(String name, String value) {
        return with(name, value.getBytes(StandardCharsets.UTF_8));
    }

    /** For what this program itself reads; bytes that are no UTF-8 become U+FFFD. */
    Map<String, String> asText() {
        Map<String, String> text = new HashMap<>();
        for (byte[] entry : entries) {
            String decoded = new String(entry, StandardCharsets.UTF_8);
            int equals = decoded.indexOf('=');
            if (equals > 0) {
                text.putIfAbsent(decoded.substring(0, equals), decoded.substring(equals + 1));
            }
        }
        return text;
    }

    private static boolean startsWith(byte[] entry, byte[] prefix) {
        return entry.length >= prefix.length && Arrays.equals(entry, 0, prefix.length, prefix, 0, prefix.length);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

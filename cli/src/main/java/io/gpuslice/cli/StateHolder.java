// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A daemon of the user's own that listens where this process would not look: one was started with XDG_RUNTIME_DIR, as a
 * login sets it, and the other without, as cron and `su` leave it. Its state is the same, and can be used by one alone.
 *
 * @param socket as it was made; the file may be gone, as all of a login's runtime directory is when the user logs out
 */
record StateHolder(int pid, Path socket) {
    private static final String DAEMON_CLASS = "io.gpuslice.daemon.Main";
    private static final Path SOCKETS = Path.of("/proc/net/unix");

    /** Columns of a line there. */
    private static final int FLAGS = 3;

    private static final int INODE = 6;
    private static final int PATH = 7;
    private static final long LISTENS = 0x10000;

    /**
     * The daemon that has such a lock. That is looked up: to try the lock would keep it for an instant from a daemon that
     * is just starting.
     *
     * @param lock in which a daemon writes its pid
     * @return empty: it has ended, does not listen yet, or cannot be seen from here
     */
    static Optional<StateHolder> of(Path lock) {
        try {
            int pid = Integer.parseInt(Files.readString(lock).strip());
            if (Procfs.cmdline(pid).stream()
                    .map(word -> new String(word, StandardCharsets.UTF_8))
                    .noneMatch(DAEMON_CLASS::equals)) {
                return Optional.empty();
            }
            Set<String> open = openBy(pid);
            if (!open.contains(lock.toRealPath().toString())) {
                return Optional.empty();
            }
            try (Stream<String> lines = Files.lines(SOCKETS, StandardCharsets.ISO_8859_1)) {
                return lines.skip(1)
                        .map(line -> line.strip().split(" +", PATH + 1))
                        .filter(line -> line.length > PATH && line[PATH].startsWith("/"))
                        .filter(line -> open.contains("socket:[" + line[INODE] + "]")
                                && (Long.parseLong(line[FLAGS], 16) & LISTENS) != 0)
                        .findFirst()
                        .map(line -> new StateHolder(pid, utf8(line[PATH])));
            }
        } catch (IOException | NumberFormatException e) {
            // It has just ended, or is of another pid namespace.
            return Optional.empty();
        }
    }

    /** What its descriptors stand for. */
    private static Set<String> openBy(int pid) throws IOException {
        Set<String> names = new HashSet<>();
        for (int descriptor : Procfs.fds(pid)) {
            Procfs.descriptor(pid, descriptor).map(Path::toString).ifPresent(names::add);
        }
        return names;
    }

    private static Path utf8(String bytes) {
        return Path.of(new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
    }
}

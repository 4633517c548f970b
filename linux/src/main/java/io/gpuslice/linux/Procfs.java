// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What /proc tells about processes. A process may be gone, or another one with its pid, by the time the answer is read:
 * hold a {@link Pidfd} where that matters. A process that does not exist gives an empty answer; one that may not be
 * looked at (another user's) is an IOException.
 */
public final class Procfs {
    private Procfs() {}

    private static final Path PROC = Path.of("/proc");
    private static final String OPEN_FILES = "Max open files";

    /** Different after each boot of the machine. */
    public static String bootId() throws IOException {
        return Files.readString(PROC.resolve("sys/kernel/random/boot_id")).strip();
    }

    /** One line about the process; see {@link ProcessStat}. */
    public static Optional<ProcessStat> stat(int pid) throws IOException {
        byte[] stat = read(pid, "stat");
        return stat.length == 0 ? Optional.empty() : Optional.of(ProcessStat.parse(stat));
    }

    /** Pids of all processes that can be seen, in no particular order. */
    public static List<Integer> pids() throws IOException {
        return numbersIn(PROC);
    }

    /** Numbers of the descriptors that the process has open. */
    public static List<Integer> fds(int pid) throws IOException {
        try {
            return numbersIn(PROC.resolve(pid + "/fd"));
        } catch (AccessDeniedException e) {
            // The same numbers, for whoever may trace the process (since Linux 5.14).
            return numbersIn(PROC.resolve(pid + "/fdinfo"));
        }
    }

    /**
     * What a descriptor of the process stands for: a name such as {@code /dev/null} or {@code /memfd:name (deleted)},
     * which the process can choose. Empty when it is closed.
     */
    public static Optional<Path> descriptor(int pid, int number) throws IOException {
        try {
            return Optional.of(Files.readSymbolicLink(PROC.resolve(pid + "/fd/" + number)));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (AccessDeniedException e) {
            OptionalInt borrowed = ForeignProcess.borrow(pid, number);
            if (borrowed.isEmpty()) {
                return Optional.empty();
            }
            try {
                return Optional.of(Files.readSymbolicLink(PROC.resolve("self/fd/" + borrowed.getAsInt())));
            } finally {
                Fd.close(borrowed.getAsInt());
            }
        }
    }

    /** How many descriptors this process may have open; {@link Long#MAX_VALUE} where there is no limit. */
    public static long mostDescriptors() throws IOException {
        try (Stream<String> limits = Files.lines(PROC.resolve("self/limits"))) {
            String soft = limits.filter(line -> line.startsWith(OPEN_FILES))
                    .map(line -> line.substring(OPEN_FILES.length()).strip().split(" ")[0])
                    .findFirst()
                    .orElseThrow(() -> new IOException("/proc/self/limits has no line " + OPEN_FILES));
            return soft.equals("unlimited") ? Long.MAX_VALUE : Long.parseLong(soft);
        }
    }

    /** What the process's descriptors stand for, by their numbers; see {@link #descriptor}. */
    public static SortedMap<Integer, String> descriptors(int pid) throws IOException {
        SortedMap<Integer, String> names = new TreeMap<>();
        for (int number : fds(pid)) {
            descriptor(pid, number).ifPresent(name -> names.put(number, name.toString()));
        }
        return names;
    }

    /**
     * Names of what the process maps, such as {@code /memfd:name (deleted)} or {@code [stack]}. None where it has no
     * memory to be seen: it is about to be a zombie, or its first thread has ended before the others.
     */
    public static Set<String> mapped(int pid) throws IOException {
        // Columns of a line: addresses, permissions, offset, device, inode, and where there is one a name.
        return new String(read(pid, "maps"), StandardCharsets.ISO_8859_1)
                .lines()
                .map(line -> line.split(" +", 6))
                .filter(columns -> columns.length == 6 && !columns[5].isEmpty())
                .map(columns -> columns[5])
                .collect(Collectors.toSet());
    }

    /** The arguments that the process was started with, byte for byte; empty for a zombie. */
    public static List<byte[]> cmdline(int pid) throws IOException {
        return split(read(pid, "cmdline"));
    }

    /** The environment that the process was started with: entries such as {@code KEY=VALUE}, byte for byte. */
    public static List<byte[]> environ(int pid) throws IOException {
        try {
            return split(read(pid, "environ"));
        } catch (LinuxException e) {
            byte[] stat = e.errno() == Errno.EACCES ? read(pid, "stat") : new byte[0];
            if (stat.length == 0) {
                throw e;
            }
            return split(ForeignProcess.environ(pid, stat));
        }
    }

    /** Whether the process was started with exactly that entry, such as {@code KEY=VALUE}, in its environment. */
    public static boolean environHas(int pid, String entry) throws IOException {
        byte[] wanted = entry.getBytes(StandardCharsets.UTF_8);
        return environ(pid).stream().anyMatch(candidate -> Arrays.equals(candidate, wanted));
    }

    /** Lines such as {@code SigBlk:	0000000000000004} about one thread; empty when it is gone. */
    static String threadStatus(int pid, int thread) throws LinuxException {
        return new String(read(pid, "task/" + thread + "/status"), StandardCharsets.ISO_8859_1);
    }

    /** The file's bytes; none when the process is gone. */
    private static byte[] read(int pid, String file) throws LinuxException {
        int fd = -1;
        try {
            fd = Fd.open("/proc/" + pid + "/" + file, Fd.O_RDONLY | Fd.O_CLOEXEC);
            return Fd.readAll(fd);
        } catch (LinuxException e) {
            // It may die before the open, or between the open and the read.
            if (e.errno() == Errno.ENOENT || e.errno() == Errno.ESRCH) {
                return new byte[0];
            }
            throw e;
        } finally {
            if (fd >= 0) {
                Fd.close(fd);
            }
        }
    }

    private static List<byte[]> split(byte[] bytes) {
        List<byte[]> parts = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                parts.add(Arrays.copyOfRange(bytes, start, i));
                start = i + 1;
            }
        }
        // A process may have overwritten its arguments, the last NUL included.
        if (start < bytes.length) {
            parts.add(Arrays.copyOfRange(bytes, start, bytes.length));
        }
        return parts;
    }

    private static List<Integer> numbersIn(Path directory) throws IOException {
        List<Integer> numbers = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (name.chars().allMatch(c -> c >= '0' && c <= '9')) {
                    numbers.add(Integer.parseInt(name));
                }
            }
            return numbers;
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (DirectoryIteratorException e) {
            if (e.getCause() instanceof NoSuchFileException) {
                return List.of();
            }
            throw new IOException(directory + " cannot be read", e);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import io.gpuslice.linux.KernelFeature;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * All that the checks look at.
 *
 * @param root where the files of the system are: {@code /}
 * @param version of this gpuslice
 * @param installation where they are of gpuslice
 * @param environment that a program would be given
 * @param uid of whoever asks
 * @param places gpuslice's own, of this user
 * @param usable whether this user may read and write a file, or make one in a directory
 * @param lacking why the kernel does not have a feature; empty where it does
 * @param daemon asks for the daemon
 * @param probe runs the probe
 */
public record Machine(
        Path root,
        String version,
        Path installation,
        Map<String, String> environment,
        int uid,
        Places places,
        Predicate<Path> usable,
        Function<KernelFeature, Optional<String>> lacking,
        Supplier<Daemon> daemon,
        Probe probe) {

    /**
     * Paths that the user's settings decide.
     *
     * @param sockets where a daemon is looked for, best first
     * @param runtime directory of the user's own socket
     * @param state directory of the user's own daemon; empty where there is no place for one
     */
    public record Places(List<Path> sockets, Path runtime, Optional<Path> state) {}

    /** Whether a daemon answers, and what. */
    public sealed interface Daemon {
        /**
         * None that this user could talk to.
         *
         * @param notServed that the machine's daemon is there for others; empty: it is not there
         */
        record None(Optional<String> notServed) implements Daemon {}

        /** One is there, and cannot be talked to. */
        record Unusable(String why, String fix) implements Daemon {}

        /**
         * It answers.
         *
         * @param protocol such as {@code 1.3}
         * @param dashboard its URL; empty: it answers no HTTP
         */
        record Answers(String version, String protocol, int pid, Path socket, Optional<String> dashboard)
                implements Daemon {}
    }

    /** Runs lib/gpuslice-probe. */
    public interface Probe {
        /** With the library preloaded, outside of any session. */
        Said preloaded();

        /**
         * Through {@code gpuslice run} under a limit; it then asks for {@code bytes}.
         *
         * @param limit in bytes
         */
        Said limited(long limit, long bytes);
    }

    /**
     * How a probe ended.
     *
     * @param code its exit code
     * @param facts what it said on stdout, by name
     * @param errors what anybody said on stderr
     */
    public record Said(int code, Map<String, String> facts, String errors) {
        /** A number that it said; -1 if it did not. */
        long number(String name) {
            return Long.parseLong(facts.getOrDefault(name, "-1"));
        }
    }

    /** The file of the system that programs know by that absolute path. */
    Path at(String path) {
        return root.resolve(path.substring(1));
    }

    boolean has(String path) {
        return Files.exists(at(path));
    }

    /** Its text without what surrounds it; empty where there is no such file, or not for this user. */
    Optional<String> text(String path) {
        try {
            return Optional.of(
                    Files.readString(at(path), StandardCharsets.ISO_8859_1).strip());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** What is in a directory and has such a name, by name; nothing where there is no such directory. */
    List<Path> in(String directory, Predicate<String> named) throws IOException {
        try (Stream<Path> entries = Files.list(at(directory))) {
            return entries.filter(entry -> named.test(entry.getFileName().toString()))
                    .sorted()
                    .toList();
        } catch (NoSuchFileException | NotDirectoryException e) {
            return List.of();
        }
    }
}

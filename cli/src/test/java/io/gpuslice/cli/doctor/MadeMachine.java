// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import io.gpuslice.linux.KernelFeature;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** A machine made of files: an empty one, until a test puts something there. */
final class MadeMachine {
    static final String VERSION = "1.2.3";

    private static final int ELF_HEAD = 20;
    /** No simulated driver is as large. */
    private static final long REAL_DRIVER = 8 << 20;

    final Path root;
    final Map<String, String> environment = new HashMap<>();
    final Set<Path> notForUs = new HashSet<>();
    final Set<KernelFeature> lacking = new HashSet<>();
    int uid;
    Machine.Places places;
    Machine.Daemon daemon = new Machine.Daemon.None(Optional.empty());
    Machine.Said preloaded = new Machine.Said(0, Map.of(), "");
    Machine.Said limited = new Machine.Said(0, Map.of(), "");

    MadeMachine(Path root) throws IOException {
        this.root = root;
        this.uid = (Integer) Files.getAttribute(root, "unix:uid");
        this.places = new Machine.Places(
                List.of(root.resolve("system.sock"), root.resolve("run/gpuslice.sock")),
                root.resolve("run"),
                Optional.of(root.resolve("state")));
    }

    Path file(String path, String text) throws IOException {
        Path file = machine().at(path);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    /** A library for this machine, as large as NVIDIA's are. */
    Path library(String path) throws IOException {
        Path library = file(path, "");
        Files.write(library, elfHead());
        try (RandomAccessFile sparse = new RandomAccessFile(library.toFile(), "rw")) {
            sparse.setLength(REAL_DRIVER);
        }
        return library;
    }

    Path simulated(String path) throws IOException {
        Path library = file(path, "");
        Files.write(library, elfHead());
        return Files.writeString(library, "FAKECUDA_STATE", StandardOpenOption.APPEND);
    }

    static byte[] elfHead() throws IOException {
        try (InputStream in = Files.newInputStream(Path.of("/proc/self/exe"))) {
            return in.readNBytes(ELF_HEAD);
        }
    }

    void driver(String version) throws IOException {
        file("/proc/driver/nvidia/version", """
                NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  Thu Feb 22 01:44:30 UTC 2024
                GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
                """.formatted(version));
    }

    Machine machine() {
        return new Machine(
                root,
                VERSION,
                root.resolve("opt/gpuslice"),
                environment,
                uid,
                places,
                path -> !notForUs.contains(path),
                feature -> lacking.contains(feature) ? Optional.of("Function not implemented") : Optional.empty(),
                () -> daemon,
                new Machine.Probe() {
                    @Override
                    public Machine.Said preloaded() {
                        return preloaded;
                    }

                    @Override
                    public Machine.Said limited(long limit, long bytes) {
                        return limited;
                    }
                });
    }
}

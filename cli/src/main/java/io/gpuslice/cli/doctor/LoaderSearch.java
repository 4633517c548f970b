// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Finds a library as glibc's dynamic loader does for a program that names no directories itself: LD_LIBRARY_PATH, then
 * /etc/ld.so.cache, then the system's directories. Like the loader it passes over libraries for another machine.
 */
final class LoaderSearch {
    private static final List<String> SYSTEM_DIRECTORIES = List.of(
            "/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu",
            "/lib/aarch64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/lib64",
            "/usr/lib64",
            "/lib",
            "/usr/lib");

    /** How the part of the cache begins that glibc has read since 2.2; before 2.32 an older part stands in front of it. */
    private static final byte[] MAGIC = "glibc-ld.so.cache1.1".getBytes(StandardCharsets.US_ASCII);

    private static final int CACHE_HEADER = 48;
    private static final int CACHE_ENTRY = 24;

    /** Of an ELF header: where its class and its machine stand. */
    private static final int ELF_HEAD = 20;

    private static final int ELF_CLASS = 4;
    private static final int ELF_MACHINE = 18;

    private final Machine machine;

    LoaderSearch(Machine machine) {
        this.machine = machine;
    }

    /** The file that the loader would take, links not followed. */
    Optional<Path> find(String library) throws IOException {
        byte[] own = elfHead(Path.of("/proc/self/exe"));
        return Stream.of(fromVariable(library), fromCache(library), fromSystem(library))
                .flatMap(List::stream)
                .filter(file -> isFor(own, file))
                .findFirst();
    }

    private List<Path> fromVariable(String library) {
        return Arrays.stream(machine.environment()
                        .getOrDefault("LD_LIBRARY_PATH", "")
                        .split("[:;]"))
                .filter(directory -> !directory.isEmpty())
                .map(directory -> directory.startsWith("/")
                        ? machine.at(directory)
                        : Path.of(directory).toAbsolutePath())
                .map(directory -> directory.resolve(library))
                .toList();
    }

    private List<Path> fromSystem(String library) {
        return SYSTEM_DIRECTORIES.stream()
                .map(directory -> machine.at(directory).resolve(library))
                .toList();
    }

    /** Several where there are some for other machines, or for better processors. */
    private List<Path> fromCache(String library) throws IOException {
        Path file = machine.at("/etc/ld.so.cache");
        if (!Files.isReadable(file)) {
            return List.of();
        }
        byte[] bytes = Files.readAllBytes(file);
        int start = indexOf(bytes, MAGIC);
        if (start < 0 || bytes.length < start + CACHE_HEADER) {
            return List.of();
        }
        // Offsets of strings count from the magic.
        ByteBuffer cache =
                ByteBuffer.wrap(bytes, start, bytes.length - start).slice().order(ByteOrder.LITTLE_ENDIAN);
        int entries = Math.min(cache.getInt(MAGIC.length), (cache.limit() - CACHE_HEADER) / CACHE_ENTRY);
        return Stream.iterate(CACHE_HEADER, at -> at + CACHE_ENTRY)
                .limit(Math.max(0, entries))
                .filter(at -> text(cache, cache.getInt(at + 4)).equals(library))
                .map(at -> text(cache, cache.getInt(at + 8)))
                .filter(path -> path.startsWith("/"))
                .map(machine::at)
                .toList();
    }

    private static String text(ByteBuffer cache, int offset) {
        int end = offset;
        while (end >= 0 && end < cache.limit() && cache.get(end) != 0) {
            end++;
        }
        return end <= offset
                ? ""
                : new String(cache.array(), cache.arrayOffset() + offset, end - offset, StandardCharsets.UTF_8);
    }

    private static int indexOf(byte[] bytes, byte[] wanted) {
        for (int at = 0; at + wanted.length <= bytes.length; at++) {
            if (Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
                return at;
            }
        }
        return -1;
    }

    private static boolean isFor(byte[] own, Path file) {
        try {
            byte[] head = elfHead(file);
            return head.length == ELF_HEAD
                    && head[ELF_CLASS] == own[ELF_CLASS]
                    && head[ELF_MACHINE] == own[ELF_MACHINE];
        } catch (IOException e) {
            return false;
        }
    }

    private static byte[] elfHead(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return in.readNBytes(ELF_HEAD);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One snapshot in a file: {@code {u64 magic, u32 CRC-32C of the file's name and the body}}, big-endian, and the body, which is the
 * value's name in {@link TypeNames} and the value. A flipped bit in it would be a charge that nobody granted, and one under
 * another's name would be somebody else's books.
 *
 * @param number of the last event in it
 */
record SnapshotFile(Path path, String persistenceId, long number, long timestamp) {

    private static final String PREFIX = "snapshot-";
    private static final Pattern NAME = Pattern.compile(PREFIX + "(.+)-(\\d{1,18})-(\\d{1,18})");
    private static final long MAGIC = 0x6770752d736e6170L;
    private static final int HEADER = Long.BYTES + Integer.BYTES;

    /** Where a snapshot goes. */
    static SnapshotFile in(Path directory, String persistenceId, long number, long timestamp) {
        String name = PREFIX + encoded(persistenceId) + "-" + number + "-" + timestamp;
        return new SnapshotFile(directory.resolve(name), persistenceId, number, timestamp);
    }

    /** All that have a snapshot's name, the newest of each persistence id first. */
    static List<SnapshotFile> all(Path directory) throws IOException {
        return named(directory, PREFIX);
    }

    /** Those of one persistence id, the newest first. */
    static List<SnapshotFile> of(Path directory, String persistenceId) throws IOException {
        return named(directory, PREFIX + encoded(persistenceId) + "-").stream()
                .filter(file -> file.persistenceId().equals(persistenceId))
                .toList();
    }

    /** Many sessions have many files, and each looks for its own: their names are taken apart only where they can be meant. */
    private static List<SnapshotFile> named(Path directory, String prefix) throws IOException {
        List<SnapshotFile> found = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            files.filter(file -> file.getFileName().toString().startsWith(prefix))
                    .forEach(file -> parse(file).ifPresent(found::add));
        } catch (NoSuchFileException e) {
            return List.of();
        }
        found.sort(Comparator.comparing(SnapshotFile::persistenceId)
                .thenComparing(SnapshotFile::number, Comparator.reverseOrder())
                .thenComparing(SnapshotFile::timestamp, Comparator.reverseOrder()));
        return found;
    }

    /** Writes it: whole or not at all, and on the disk when this returns. */
    void write(EventSerializer serializer, Object value) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (DataOutputStream data = new DataOutputStream(out)) {
            data.writeUTF(serializer.manifest(value));
            data.write(serializer.toBinary(value));
        }
        byte[] body = out.toByteArray();
        Path fresh = path.resolveSibling(path.getFileName() + "tmp");
        try (FileChannel channel = FileChannel.open(
                fresh, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer whole = ByteBuffer.allocate(HEADER + body.length)
                    .putLong(MAGIC)
                    .putInt(sum(ByteBuffer.wrap(body)))
                    .put(body)
                    .flip();
            while (whole.hasRemaining()) {
                channel.write(whole);
            }
            channel.force(true);
        }
        Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
    }

    /**
     * What was written.
     *
     * @throws IOException if it cannot be read, or is not what was written there
     */
    Object read(EventSerializer serializer) throws IOException {
        DataInputStream body = new DataInputStream(new ByteArrayInputStream(body()));
        String type = body.readUTF();
        return serializer.fromBinary(body.readAllBytes(), type);
    }

    private byte[] body() throws IOException {
        ByteBuffer whole = ByteBuffer.wrap(Files.readAllBytes(path));
        if (whole.limit() < HEADER
                || whole.getLong() != MAGIC
                || whole.getInt() != sum(whole.slice(HEADER, whole.limit() - HEADER))) {
            throw new IOException(path + " is damaged");
        }
        byte[] body = new byte[whole.remaining()];
        whole.get(body);
        return body;
    }

    boolean isWhole() {
        try {
            body();
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private int sum(ByteBuffer body) {
        return CheckSum.of(ByteBuffer.wrap(path.getFileName().toString().getBytes(StandardCharsets.UTF_8)), body);
    }

    private static String encoded(String persistenceId) {
        return URLEncoder.encode(persistenceId, StandardCharsets.UTF_8);
    }

    private static Optional<SnapshotFile> parse(Path file) {
        Matcher name = NAME.matcher(file.getFileName().toString());
        return name.matches()
                ? Optional.of(new SnapshotFile(
                        file,
                        URLDecoder.decode(name.group(1), StandardCharsets.UTF_8),
                        Long.parseLong(name.group(2)),
                        Long.parseLong(name.group(3))))
                : Optional.empty();
    }
}

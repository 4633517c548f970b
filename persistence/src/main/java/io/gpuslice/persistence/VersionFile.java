// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.Properties;

/**
 * What the file {@code VERSION} of a state directory says: that the directory is one, and what must be in it.
 *
 * @param id names the directory for ever
 * @param boot the kernel's boot id when the directory was last used
 * @param begun whether the journals in it have had their first event
 */
record VersionFile(String id, String boot, boolean begun) {

    /** How things are stored; another number is another way. */
    static final int FORMAT = 1;

    static final String NAME = "VERSION";

    /**
     * Reads the file.
     *
     * @return none if there is none
     * @throws StateException if it makes no sense or is of another format
     */
    static Optional<VersionFile> read(Path directory) throws IOException {
        Path file = directory.resolve(NAME);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        Properties properties = new Properties();
        try {
            // Latin-1 has a character for every byte: what was damaged is to be told about, not to be choked on.
            properties.load(new StringReader(Files.readString(file, StandardCharsets.ISO_8859_1)));
        } catch (IllegalArgumentException e) {
            throw new StateException(file + " makes no sense. " + StateDirectory.wayOut(directory), e);
        }
        String format = properties.getProperty("format");
        if (format == null) {
            throw new StateException(file + " makes no sense: it names no format. " + StateDirectory.wayOut(directory));
        }
        if (!format.equals(Integer.toString(FORMAT))) {
            throw new StateException(directory + " is in format " + format + ", and this gpuslice reads format "
                    + FORMAT + ": use the version that wrote it. " + StateDirectory.wayOut(directory));
        }
        VersionFile read = new VersionFile(
                properties.getProperty("id", ""),
                properties.getProperty("boot", ""),
                "true".equals(properties.getProperty("begun")));
        // A wrong boot alone would have the books of living processes thrown away.
        if (!read.sum().equals(properties.getProperty("sum"))) {
            throw new StateException(file + " is damaged. " + StateDirectory.wayOut(directory));
        }
        return Optional.of(read);
    }

    /** Writes the file: whole or not at all, and on the disk when this returns. */
    void write(Path directory) throws IOException {
        Path fresh = directory.resolve(NAME + ".new");
        String text = text() + "sum=" + sum() + "\n";
        try (FileChannel channel = FileChannel.open(
                fresh, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
            channel.force(true);
        }
        Files.move(fresh, directory.resolve(NAME), StandardCopyOption.ATOMIC_MOVE);
        try (FileChannel entries = FileChannel.open(directory, StandardOpenOption.READ)) {
            entries.force(true);
        }
    }

    private String text() {
        return "format=" + FORMAT + "\nid=" + id + "\nboot=" + boot + "\nbegun=" + begun + "\n";
    }

    private String sum() {
        return Integer.toHexString(CheckSum.of(ByteBuffer.wrap(text().getBytes(StandardCharsets.UTF_8))));
    }
}

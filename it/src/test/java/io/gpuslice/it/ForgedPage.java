// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.PageLayout;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.stream.Stream;

/** A guest's ledger page in the hands of somebody who writes into it whatever comes to mind, the daemon's own word included. */
final class ForgedPage implements AutoCloseable {

    /** What stands where the daemon looks: header, words of the devices, the beginning of the table. */
    private static final int INTERESTING = 4096;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment page;
    private final Random random;

    ForgedPage(Guest guest, Random random) {
        this.random = random;
        try (FileChannel file = FileChannel.open(find(guest), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            page = file.map(MapMode.READ_WRITE, 0, Abi.PAGE_SIZE, arena);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path find(Guest guest) throws IOException {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc", Long.toString(guest.pid()), "fd"))) {
            return descriptors.filter(ForgedPage::isPage).findFirst().orElseThrow();
        }
    }

    private static boolean isPage(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().contains("memfd:gpuslice");
        } catch (IOException e) {
            return false; // closed meanwhile
        }
    }

    /** Garbage into some words: mostly where it matters. */
    void scribble() {
        for (int words = 1 + random.nextInt(64); words > 0; words--) {
            long offset = 8L * random.nextInt((random.nextInt(4) == 0 ? (int) Abi.PAGE_SIZE : INTERESTING) / 8);
            page.set(ValueLayout.JAVA_LONG, offset, garbage());
        }
    }

    private long garbage() {
        return switch (random.nextInt(4)) {
            case 0 -> 0;
            case 1 -> -1;
            case 2 -> 1L << random.nextInt(64);
            default -> random.nextLong();
        };
    }

    /** Claims to hold more than anybody was ever charged. */
    void claim(long bytes) {
        PageLayout.presetUsed(page, 0, bytes);
    }

    @Override
    public void close() {
        arena.close();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageLayoutTest {
    private static final String ID = "000102030405060708090a0b0c0d0e0f";

    record Entry(long handle, long bytes, int device, int kind) {}

    private final Arena arena = Arena.ofShared();
    private MemorySegment page = MemorySegment.NULL;

    /** A sparse file, as the memfd is. */
    @BeforeEach
    void map(@TempDir Path directory) throws IOException {
        try (RandomAccessFile file =
                new RandomAccessFile(directory.resolve("page").toFile(), "rw")) {
            file.setLength(Abi.PAGE_SIZE);
            page = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, Abi.PAGE_SIZE, arena);
        }
    }

    @AfterEach
    void unmap() {
        arena.close();
    }

    @Test
    void aPageWrittenByCIsRead() throws IOException {
        byte[] golden = Repository.goldenBytes("page");
        MemorySegment.copy(golden, 0, page, ValueLayout.JAVA_BYTE, 0, golden.length);

        assertThat(PageLayout.isPage(page, 2, ID)).isTrue();
        assertThat(PageLayout.pageId(page)).isEqualTo(ID);
        assertThat(PageLayout.charge(page, 0)).isEqualTo(3145728);
        assertThat(PageLayout.used(page, 0)).isEqualTo(2097152);
        assertThat(PageLayout.peak(page, 0)).isEqualTo(4194304);
        assertThat(PageLayout.allocations(page, 0)).isEqualTo(7 + 1000 + 100);
        assertThat(PageLayout.frees(page, 0)).isEqualTo(5 + 990 + 90);
        assertThat(PageLayout.allocations(page, 1)).isEqualTo(2);
        assertThat(PageLayout.frees(page, 1)).isEqualTo(1 + 1);
        assertThat(PageLayout.allocations(page, 3)).isEqualTo(4);
        assertThat(PageLayout.denials(page, 0)).isEqualTo(3);
        assertThat(PageLayout.charge(page, 1)).isEqualTo(Abi.GATED | 65536);
        assertThat(PageLayout.used(page, 1)).isEqualTo(512);
        assertThat(entries())
                .containsExactly(
                        new Entry(0x7f0123400000L, 1048576, 0, Abi.KIND_LINEAR),
                        new Entry(0x7f0123500000L, 1048576, 0, Abi.KIND_MANAGED),
                        new Entry(0x7f0200000000L, 512, 1, Abi.KIND_PITCHED),
                        new Entry(-1, Abi.MAX_BYTES, 31, 15));
    }

    @Test
    void theHeaderIsReadAsItStands() {
        PageLayout.initialise(page, 3, ID, 4711);

        assertThat(PageLayout.header(page))
                .isEqualTo(new PageLayout.Header(Abi.PAGE_MAGIC, Abi.ABI_VERSION, 3, Abi.PAGE_SIZE, ID, 1, 4711));
        page.fill((byte) -1);
        assertThat(PageLayout.header(page)).isEqualTo(new PageLayout.Header(-1, -1, -1, -1, "ff".repeat(16), -1, -1));
    }

    @Test
    void segmentsFollowOneAnotherAndTheLastEndsThePage() {
        assertThat(PageLayout.segmentOffset(0)).isEqualTo(Abi.PAGE_TABLE_OFFSET);
        assertThat(PageLayout.segmentOffset(1)).isEqualTo(Abi.PAGE_TABLE_OFFSET + 16L * Abi.TABLE_SEGMENT0);
        assertThat(PageLayout.segmentOffset(Abi.TABLE_SEGMENTS)).isEqualTo(Abi.PAGE_SIZE);
    }

    @Test
    void aPageMadeByJavaHasTheHeaderThatCMakes() throws IOException {
        PageLayout.initialise(page, 2, ID, 4711);

        byte[] golden = Repository.goldenBytes("page");
        assertThat(page.asSlice(0, Abi.PageHeader.SIZEOF).toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(java.util.Arrays.copyOf(golden, Abi.PageHeader.SIZEOF));
    }

    @Test
    void aCounterIsTheSumOfItsOwnWordAndOfItsWordInEveryStripe() {
        PageLayout.initialise(page, 32, ID, 1);
        for (long at = Abi.PAGE_COUNTS_OFFSET; at < Abi.PAGE_TABLE_OFFSET; at += 64) {
            for (int device = 0; device < 4; device++) {
                page.set(ValueLayout.JAVA_LONG, at + 8L * device, 10L * (device + 1));
                page.set(ValueLayout.JAVA_LONG, at + 32 + 8L * device, device + 1L);
            }
        }
        for (int device = 0; device < 32; device++) {
            page.set(ValueLayout.JAVA_LONG, 64L * (device + 1) + Abi.PageDevice.ALLOCATIONS, 1000L);
            page.set(ValueLayout.JAVA_LONG, 64L * (device + 1) + Abi.PageDevice.FREES, 500L);
            int striped = device < 4 ? 31 * (device + 1) : 0;

            assertThat(PageLayout.allocations(page, device)).isEqualTo(1000 + 10 * striped);
            assertThat(PageLayout.frees(page, device)).isEqualTo(500 + striped);
        }
        assertThat(entries()).isEmpty();
    }

    @Test
    void whatIsStoredAsChargeIsWhatIsReadAndTouchesNothingElse() {
        PageLayout.initialise(page, 32, ID, 1);
        for (int device = 0; device < 32; device++) {
            PageLayout.storeCharge(page, device, Abi.GATED | 1L << device);
        }
        for (int device = 0; device < 32; device++) {
            assertThat(PageLayout.charge(page, device)).isEqualTo(Abi.GATED | 1L << device);
            assertThat(PageLayout.used(page, device)).isZero();
        }
        assertThat(PageLayout.isPage(page, 32, ID)).isTrue();
        assertThat(entries()).isEmpty();
    }

    @Test
    void aPageThatIsNotTheRightOneIsToldApart() {
        assertThat(PageLayout.isPage(page, 2, ID)).as("not initialised").isFalse();
        PageLayout.initialise(page, 2, ID, 1);

        assertThat(PageLayout.isPage(page, 2, ID)).isTrue();
        assertThat(PageLayout.isPage(page, 3, ID)).as("devices").isFalse();
        assertThat(PageLayout.isPage(page, 2, "f".repeat(32))).as("id").isFalse();
        assertThat(PageLayout.isPage(page.asSlice(0, 4096), 2, ID)).as("size").isFalse();
        page.set(ValueLayout.JAVA_INT, Abi.PageHeader.VERSION, 0x0200);
        assertThat(PageLayout.isPage(page, 2, ID)).as("major version").isFalse();
    }

    @Test
    void deviceNumbersBeyondThePageAreRefused() {
        for (int device : new int[] {-1, 32, Integer.MAX_VALUE}) {
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> PageLayout.charge(page, device))
                    .withMessageContaining("device " + device);
        }
        assertThatIllegalArgumentException().isThrownBy(() -> PageLayout.initialise(page, 33, ID, 1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PageLayout.initialise(page, 1, "00", 1))
                .withMessage("a page id has 32 hex digits, not 2");
    }

    @Test
    void onlyTheSegmentsInUseAreLookedAt() {
        PageLayout.initialise(page, 1, ID, 1);
        long last = Abi.PAGE_TABLE_OFFSET + 16L * (Abi.TABLE_SEGMENT0 - 1);
        putEntry(last, 0x1000, 1);
        putEntry(last + 16, 0x2000, 2);

        assertThat(entries()).extracting(Entry::bytes).containsExactly(1L);
        page.set(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS, 2);
        assertThat(entries()).extracting(Entry::bytes).containsExactly(1L, 2L);
    }

    @Test
    void aForgedNumberOfSegmentsStaysWithinThePage() {
        PageLayout.initialise(page, 1, ID, 1);
        putEntry(Abi.PAGE_SIZE - 16, 0x1000, 3);

        for (int segments : new int[] {13, Integer.MAX_VALUE}) {
            page.set(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS, segments);
            assertThat(PageLayout.usedSize(page)).isEqualTo(Abi.PAGE_SIZE);
        }
        assertThat(entries()).extracting(Entry::bytes).containsExactly(3L);
        for (int segments : new int[] {0, -1, Integer.MIN_VALUE}) {
            page.set(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS, segments);
            assertThat(PageLayout.usedSize(page)).isEqualTo(4096 + 65536);
        }
    }

    @Test
    void aRangeIsVisitedByWholeEntries() {
        PageLayout.initialise(page, 1, ID, 1);
        for (int i = 0; i < 8; i++) {
            putEntry(Abi.PAGE_TABLE_OFFSET + 16L * i, 0x1000, i + 1);
        }
        List<Long> seen = new ArrayList<>();
        PageLayout.forEachAllocation(page, 4096 + 17, 4096 + 16 * 5 + 15, (_, bytes, _, _) -> seen.add(bytes));

        assertThat(seen).containsExactly(3L, 4L, 5L);
    }

    @Test
    void randomPagesNeitherThrowNorYieldWhatCannotBe() {
        for (int seed = 0; seed < 50; seed++) {
            Random random = new Random(seed);
            byte[] junk = new byte[4096 + 65536];
            random.nextBytes(junk);
            MemorySegment.copy(junk, 0, page, ValueLayout.JAVA_BYTE, 0, junk.length);
            AtomicLong visits = new AtomicLong();

            PageLayout.forEachAllocation(page, 0, junk.length, (handle, bytes, device, kind) -> {
                visits.incrementAndGet();
                assertThat(handle != 0 && handle != 1).isTrue();
                assertThat(bytes >= 0 && bytes <= Abi.MAX_BYTES).isTrue();
                assertThat(device >= 0 && device < 32).isTrue();
                assertThat(kind >= 0 && kind < 16).isTrue();
            });
            assertThat(visits.get()).isEqualTo(Abi.TABLE_SEGMENT0);
        }
    }

    private void putEntry(long at, long handle, long bytes) {
        page.set(ValueLayout.JAVA_LONG, at, handle);
        page.set(ValueLayout.JAVA_LONG, at + 8, PageLayout.meta(bytes, 0, Abi.KIND_LINEAR));
    }

    private List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        PageLayout.forEachAllocation(
                page, (handle, bytes, device, kind) -> entries.add(new Entry(handle, bytes, device, kind)));
        return entries;
    }
}

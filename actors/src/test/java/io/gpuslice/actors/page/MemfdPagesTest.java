// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.gpuslice.actors.page.PageSnapshot.Allocation;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Page;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.linux.FileIdentity;
import io.gpuslice.linux.Memfd;
import io.gpuslice.linux.Procfs;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.PageLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MemfdPagesTest {

    private static final int SELF = (int) ProcessHandle.current().pid();
    private static final ProcessId PROCESS = new ProcessId("boot", SELF, 1);
    private static final ImageId IMAGE = new ImageId("000102030405060708090a0b0c0d0e0f");
    private static final List<DeviceId> DEVICES = List.of(new DeviceId(new UUID(1, 2)), new DeviceId(new UUID(3, 4)));

    private final Pages pages = new MemfdPages(new Random(42));
    private MemberPage page;
    private Memfd guest;
    private MemorySegment guests;

    @BeforeEach
    void create() throws IOException {
        page = pages.create(PROCESS, IMAGE, DEVICES);
        PageIdentity identity = page.identity();
        guest = Memfd.reopen(SELF, new FileIdentity(identity.dev(), identity.ino(), identity.size(), identity.seals()))
                .orElseThrow();
        guests = guest.map();
    }

    @AfterEach
    void close() throws IOException {
        guest.close();
        page.close();
    }

    @Test
    void aFreshPageIsReadyAndHoldsNothing() {
        assertThat(PageLayout.isPage(guests, 2, page.identity().pageId())).isTrue();
        assertThat(PageLayout.charge(guests, 0)).isZero();
        assertThat(page.used(1)).isZero();
        assertThat(page.size()).isEqualTo(Abi.PAGE_SIZE);
    }

    @Test
    void whatOneSideStoresTheOtherSees() {
        page.storeCharge(1, 4096 | Page.GATED);
        setUsed(1, 77);

        assertThat(PageLayout.charge(guests, 1)).isEqualTo(4096 | Page.GATED);
        assertThat(PageLayout.charge(guests, 0)).isZero();
        assertThat(page.used(1)).isEqualTo(77);
    }

    @Test
    void aReplacementCountsAsUsedUntilItsProcessTakesItOver() {
        page.presetUsed(1, 4096);

        assertThat(page.used(1)).isEqualTo(4096);
        assertThat(guests.get(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS)).isZero();
    }

    @Test
    void twoPagesAreNeverTheSame() throws IOException {
        try (MemberPage other = pages.create(PROCESS, IMAGE, DEVICES)) {
            assertThat(other.identity()).isNotEqualTo(page.identity());
            assertThat(other.identity().pageId()).isNotEqualTo(page.identity().pageId());
        }
    }

    @Test
    void aPageIsFoundAgainInAProcessThatHasIt() {
        page.storeCharge(0, 123);

        try (MemberPage again = pages.reopen(PROCESS, DEVICES, page.identity()).orElseThrow()) {
            assertThat(again.identity()).isEqualTo(page.identity());
            again.storeCharge(0, 456);
            assertThat(PageLayout.charge(guests, 0)).isEqualTo(456);
        }
    }

    @Test
    void aPageThatNobodyHasIsNotFound() throws IOException {
        PageIdentity identity;
        try (MemberPage short_ = pages.create(PROCESS, IMAGE, DEVICES)) {
            identity = short_.identity();
        }
        assertThat(pages.reopen(PROCESS, DEVICES, identity)).isEmpty();
        assertThat(pages.reopen(new ProcessId("boot", 1 << 22, 1), DEVICES, identity))
                .isEmpty();
    }

    @Test
    void aPageWithAnotherIdOrOtherDevicesIsNotTheRightOne() {
        PageIdentity real = page.identity();
        PageIdentity other = new PageIdentity(real.dev(), real.ino(), real.size(), real.seals(), "0".repeat(32));

        assertThat(pages.reopen(PROCESS, DEVICES, other)).isEmpty();
        assertThat(pages.reopen(PROCESS, DEVICES.subList(0, 1), real)).isEmpty();
    }

    @Test
    void aReopeningThatFailsLeavesNoDescriptor() throws IOException {
        int before = Procfs.fds(SELF).size();

        pages.reopen(PROCESS, DEVICES.subList(0, 1), page.identity());

        assertThat(Procfs.fds(SELF)).hasSize(before);
    }

    @Test
    void aFileThatCannotBeMappedLeavesNoDescriptor() throws IOException {
        try (Memfd empty = Memfd.create("empty", 0)) {
            FileIdentity file = empty.identity();
            PageIdentity identity = new PageIdentity(file.dev(), file.ino(), file.size(), file.seals(), "0".repeat(32));
            int before = Procfs.fds(SELF).size();

            assertThat(pages.reopen(PROCESS, DEVICES, identity)).isEmpty();

            assertThat(Procfs.fds(SELF)).hasSize(before);
        }
    }

    @Test
    void countersAreThoseOfAllDevices() {
        for (int device = 0; device < 2; device++) {
            set(device, Abi.PageDevice.ALLOCATIONS, 10);
            set(device, Abi.PageDevice.FREES, 3);
            set(device, Abi.PageDevice.DENIALS, 1);
        }
        assertThat(page.counters()).isEqualTo(new PageCounters(20, 6, 2));
    }

    @Test
    void countersAreThoseOfAllThreads() {
        set(0, Abi.PageDevice.ALLOCATIONS, 10);
        for (int stripe = 0; stripe < Abi.PAGE_STRIPES; stripe++) {
            long at = Abi.PAGE_COUNTS_OFFSET + (long) stripe * Abi.PageCounts.SIZEOF;
            guests.set(ValueLayout.JAVA_LONG, at + Abi.PageCounts.ALLOCATIONS, 100);
            guests.set(ValueLayout.JAVA_LONG, at + Abi.PageCounts.ALLOCATIONS + Long.BYTES, 3);
            guests.set(ValueLayout.JAVA_LONG, at + Abi.PageCounts.FREES, 2);
        }
        assertThat(page.counters()).isEqualTo(new PageCounters(10 + 31 * 103, 31 * 2, 0));
    }

    @Test
    void aSnapshotShowsTheLiveAllocations() throws IOException {
        allocation(0, 0x7000, 512, 0, Abi.KIND_LINEAR);
        allocation(2, 0x8000, 1024, 1, Abi.KIND_MANAGED);

        assertThat(page.snapshot(10))
                .isEqualTo(new PageSnapshot(
                        List.of(
                                new Allocation(0x7000, 512, 0, Abi.KIND_LINEAR),
                                new Allocation(0x8000, 1024, 1, Abi.KIND_MANAGED)),
                        false));
    }

    @Test
    void aSnapshotStopsWhereItWasToldTo() throws IOException {
        for (int i = 0; i < 5; i++) {
            allocation(i, 0x1000L * (i + 1), 1, 0, Abi.KIND_LINEAR);
        }

        assertThat(page.snapshot(5).truncated()).isFalse();
        assertThat(page.snapshot(4).truncated()).isTrue();
        assertThat(page.snapshot(4).allocations()).hasSize(4);
    }

    @Test
    void entriesOfDevicesThatTheProcessDoesNotHaveAreLeftOut() throws IOException {
        allocation(0, 0x7000, 512, 31, Abi.KIND_LINEAR);

        assertThat(page.snapshot(10).allocations()).isEmpty();
    }

    @Test
    void aForgedHeaderMakesASnapshotNeitherFailNorTakeMemory() throws IOException {
        guests.set(ValueLayout.JAVA_INT, Abi.PageHeader.SEGMENTS, -1);
        allocation(0, 0x7000, 512, 0, Abi.KIND_LINEAR);
        long before = memoryOfThePage();

        assertThat(page.snapshot(10).allocations()).hasSize(1);

        assertThat(memoryOfThePage()).isEqualTo(before).isLessThan(1 << 20);
    }

    @Test
    void aClosedPageIsNotTouchedAgain() {
        page.close();
        page.close();

        assertThatIllegalStateException().isThrownBy(() -> page.storeCharge(0, 1));
        assertThatIllegalStateException().isThrownBy(() -> page.used(0));
        assertThatIllegalStateException().isThrownBy(() -> page.counters());
        assertThatIllegalStateException().isThrownBy(() -> page.duplicate());
        assertThatIllegalStateException().isThrownBy(() -> page.snapshot(1));
    }

    private void setUsed(int device, long value) {
        set(device, Abi.PageDevice.USED, value);
    }

    private void set(int device, int field, long value) {
        guests.set(ValueLayout.JAVA_LONG, Abi.PageHeader.SIZEOF + device * Abi.PageDevice.SIZEOF + field, value);
    }

    private void allocation(int slot, long handle, long bytes, int device, int kind) {
        long at = Abi.PAGE_TABLE_OFFSET + (long) slot * Abi.PageEntry.SIZEOF;
        guests.set(ValueLayout.JAVA_LONG, at + Abi.PageEntry.META, PageLayout.meta(bytes, device, kind));
        guests.set(ValueLayout.JAVA_LONG, at, handle);
    }

    private long memoryOfThePage() throws IOException {
        long[] bytes = new long[1];
        guest.forEachExtent((from, to) -> bytes[0] += to - from);
        return bytes[0];
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.linux.FileIdentity;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.PageLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * A copy of what a ledger page says, made while its process and the daemon go on: every number was true at some instant
 * of the reading, no two of them need to have been at the same one. Nothing is believed: what cannot be is copied as it
 * stands, and {@link PageProblems} marks it.
 *
 * @param descriptor the process's, that stands for the page
 * @param name what /proc calls it
 * @param resident bytes of it that have memory
 * @param devices those of the header, and others whose numbers are not 0
 * @param segments those in use
 * @param live entries of the table, all together
 * @param largest of these entries, the largest first
 */
record LedgerPage(
        int descriptor,
        String name,
        FileIdentity file,
        long resident,
        PageLayout.Header header,
        List<Device> devices,
        List<Segment> segments,
        long live,
        List<Allocation> largest) {

    /** Bit of the kernel's F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_SEAL: what the daemon seals a page with. */
    static final int SEALED = 7;

    /**
     * One device's line. Bytes and counts are unsigned.
     *
     * @param charge without the gate
     * @param listed bytes of its entries in the table
     * @param live entries there
     */
    record Device(
            int index,
            long charge,
            boolean gated,
            long used,
            long peak,
            long allocations,
            long frees,
            long denials,
            long listed,
            long live) {
        /** What is handed out and idle; below 0 while more is used than charged. */
        long credit() {
            return charge - used;
        }

        private boolean isEmpty() {
            return charge == 0 && !gated && (used | peak | allocations | frees | denials | live) == 0;
        }
    }

    /** A segment of the table. */
    record Segment(int index, long entries, long live) {}

    /** One live block. */
    record Allocation(long handle, long bytes, int device, int kind) {
        static final Comparator<Allocation> BY_SIZE = Comparator.comparingLong(Allocation::bytes);
    }

    /** Whether it begins as every page does, whatever its version. */
    boolean isReady() {
        return header.magic() == Abi.PAGE_MAGIC;
    }

    /** Whether this program knows where things are in it. */
    boolean isReadable() {
        return isReady() && header.version() >>> 8 == Abi.ABI_MAJOR && file.size() == Abi.PAGE_SIZE;
    }

    /**
     * Reads what is to be known.
     *
     * @param memfd of fixed size, at least a header's; nothing behind the header is read if it is not of this version
     * @param most allocations to keep
     */
    static LedgerPage read(Memfd memfd, int descriptor, String name, int most) throws IOException {
        MemorySegment page = memfd.map();
        FileIdentity file = memfd.identity();
        LedgerPage bare =
                new LedgerPage(descriptor, name, file, 0, PageLayout.header(page), List.of(), List.of(), 0, List.of());
        return bare.isReadable() ? new Reading(page, most).read(memfd, bare) : bare;
    }

    /** One look at a page of this version. */
    private static final class Reading {
        private final MemorySegment page;
        private final int most;
        private final PriorityQueue<Allocation> largest = new PriorityQueue<>(Allocation.BY_SIZE);
        private final long[] listed = new long[Abi.MAX_DEVICES];
        private final long[] live = new long[Abi.MAX_DEVICES];
        private final long[] inSegment = new long[Abi.TABLE_SEGMENTS];
        private long resident;

        private Reading(MemorySegment page, int most) {
            this.page = page;
            this.most = most;
        }

        private LedgerPage read(Memfd memfd, LedgerPage bare) throws IOException {
            // Never into holes: reading one gives it memory, up to 256 MiB where the header is forged.
            memfd.forEachExtent((from, to) -> {
                resident += to - from;
                for (int segment = 0; segment < Abi.TABLE_SEGMENTS; segment++) {
                    count(
                            segment,
                            Math.max(from, PageLayout.segmentOffset(segment)),
                            Math.min(to, PageLayout.segmentOffset(segment + 1)));
                }
            });
            List<Device> devices = new ArrayList<>();
            for (int index = 0; index < Abi.MAX_DEVICES; index++) {
                Device device = device(index);
                if (index < bare.header.deviceCount() || !device.isEmpty()) {
                    devices.add(device);
                }
            }
            List<Segment> segments = new ArrayList<>();
            for (int segment = 0; PageLayout.segmentOffset(segment) < PageLayout.usedSize(page); segment++) {
                segments.add(new Segment(segment, (long) Abi.TABLE_SEGMENT0 << segment, inSegment[segment]));
            }
            long all = segments.stream().mapToLong(Segment::live).sum();
            return new LedgerPage(
                    bare.descriptor,
                    bare.name,
                    bare.file,
                    resident,
                    bare.header,
                    devices,
                    segments,
                    all,
                    largest.stream().sorted(Allocation.BY_SIZE.reversed()).toList());
        }

        private void count(int segment, long from, long to) {
            PageLayout.forEachAllocation(page, from, to, (handle, bytes, device, kind) -> {
                inSegment[segment]++;
                listed[device] += bytes;
                live[device]++;
                largest.add(new Allocation(handle, bytes, device, kind));
                if (largest.size() > most) {
                    largest.remove();
                }
            });
        }

        private Device device(int index) {
            // Used before charge, and frees before allocations: a grant or a free in between is then no contradiction.
            // A
            // collect in between can look like one, for this once.
            long used = PageLayout.used(page, index);
            long charge = PageLayout.charge(page, index);
            long frees = PageLayout.frees(page, index);
            return new Device(
                    index,
                    charge & Abi.CHARGE_MASK,
                    (charge & Abi.GATED) != 0,
                    used,
                    PageLayout.peak(page, index),
                    PageLayout.allocations(page, index),
                    frees,
                    PageLayout.denials(page, index),
                    listed[index],
                    live[index]);
        }
    }
}

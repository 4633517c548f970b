// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * The ledger page, read and written in place. {@code charge} and {@code used} are accessed seq_cst: the proof that a
 * collect loses nothing needs all four accesses in one order (docs/protocol.md). The shim writes everything else but the
 * header, so nothing read here is more than a claim; nothing read here can make a method fail or run away.
 *
 * <p>Every method wants a segment of {@link Abi#PAGE_SIZE} bytes, mapped, so 8-byte aligned, and throws
 * IndexOutOfBoundsException for a shorter one or a device outside 0 … {@link Abi#MAX_DEVICES}−1.
 */
public final class PageLayout {
    private PageLayout() {}

    /** Receives one live allocation: what the shim says, and nobody has checked. */
    @FunctionalInterface
    public interface AllocationVisitor {
        /**
         * Called once per live allocation.
         *
         * @param handle the address or the driver's handle, unsigned
         * @param bytes 0 … {@link Abi#MAX_BYTES}
         * @param device 0 … {@link Abi#MAX_DEVICES}−1
         * @param kind {@code Abi.KIND_*}, or any other number up to 15
         */
        void visit(long handle, long bytes, int device, int kind);
    }

    /**
     * What a page says of itself, as it stands there; nothing of it is checked.
     *
     * @param version as {@link Abi#ABI_VERSION}
     * @param pageId 32 lower-case hex digits
     * @param segments of the table in use; 0: the process has not taken the page over yet
     * @param pid of its process, as the daemon sees it
     */
    public record Header(long magic, int version, int deviceCount, long size, String pageId, int segments, int pid) {}

    private static final VarHandle LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    /**
     * Makes a fresh page (all zero) ready for its process; the magic goes last.
     *
     * @param pageId 32 hex digits
     */
    public static void initialise(MemorySegment page, int deviceCount, String pageId, int pid) {
        INT.set(page, (long) Abi.PageHeader.VERSION, Abi.ABI_VERSION);
        INT.set(page, (long) Abi.PageHeader.DEVICE_COUNT, Require.deviceCount(deviceCount));
        LONG.set(page, (long) Abi.PageHeader.SIZE, Abi.PAGE_SIZE);
        byte[] id = HexFormat.of().parseHex(pageId);
        if (id.length != 16) {
            throw new IllegalArgumentException("a page id has 32 hex digits, not " + pageId.length());
        }
        MemorySegment.copy(id, 0, page, ValueLayout.JAVA_BYTE, Abi.PageHeader.PAGE_ID, id.length);
        INT.set(page, (long) Abi.PageHeader.SEGMENTS, 1);
        INT.set(page, (long) Abi.PageHeader.PID, pid);
        LONG.setRelease(page, (long) Abi.PageHeader.MAGIC, Abi.PAGE_MAGIC);
    }

    /** Whether this is a ready page of our major version with that many devices and that id (32 lower-case hex digits). */
    public static boolean isPage(MemorySegment page, int deviceCount, String pageId) {
        return page.byteSize() == Abi.PAGE_SIZE
                && (long) LONG.getAcquire(page, (long) Abi.PageHeader.MAGIC) == Abi.PAGE_MAGIC
                && (int) INT.get(page, (long) Abi.PageHeader.VERSION) >>> 8 == Abi.ABI_MAJOR
                && (int) INT.get(page, (long) Abi.PageHeader.DEVICE_COUNT) == deviceCount
                && (long) LONG.get(page, (long) Abi.PageHeader.SIZE) == Abi.PAGE_SIZE
                && pageId(page).equals(pageId);
    }

    /** The page's identity, 32 lower-case hex digits. */
    public static String pageId(MemorySegment page) {
        byte[] id = new byte[16];
        MemorySegment.copy(page, ValueLayout.JAVA_BYTE, Abi.PageHeader.PAGE_ID, id, 0, id.length);
        return HexFormat.of().formatHex(id);
    }

    /** The header alone, for which {@link Abi.PageHeader#SIZEOF} bytes of a page are enough. */
    public static Header header(MemorySegment page) {
        return new Header(
                (long) LONG.getAcquire(page, (long) Abi.PageHeader.MAGIC),
                (int) INT.get(page, (long) Abi.PageHeader.VERSION),
                (int) INT.get(page, (long) Abi.PageHeader.DEVICE_COUNT),
                (long) LONG.get(page, (long) Abi.PageHeader.SIZE),
                pageId(page),
                (int) INT.getAcquire(page, (long) Abi.PageHeader.SEGMENTS),
                (int) INT.get(page, (long) Abi.PageHeader.PID));
    }

    /** The word as it stands: bytes, and perhaps {@link Abi#GATED}. */
    public static long charge(MemorySegment page, int device) {
        return (long) LONG.getVolatile(page, at(device, Abi.PageDevice.CHARGE));
    }

    /** Stores bytes, and perhaps {@link Abi#GATED}. */
    public static void storeCharge(MemorySegment page, int device, long charge) {
        LONG.setVolatile(page, at(device, Abi.PageDevice.CHARGE), charge);
    }

    /**
     * Says for the process what it holds, in a page that replaces a lost one and that nobody else has yet. Until the
     * process has taken the page over, and stores its own number, {@code segments} is 0.
     */
    public static void presetUsed(MemorySegment page, int device, long bytes) {
        INT.set(page, (long) Abi.PageHeader.SEGMENTS, 0);
        LONG.setVolatile(page, at(device, Abi.PageDevice.USED), bytes);
    }

    /** Bytes that the process says it holds; unsigned, so perhaps negative when the page is forged. */
    public static long used(MemorySegment page, int device) {
        return (long) LONG.getVolatile(page, at(device, Abi.PageDevice.USED));
    }

    /** The highest used that an allocation kept. */
    public static long peak(MemorySegment page, int device) {
        return (long) LONG.getOpaque(page, at(device, Abi.PageDevice.PEAK));
    }

    /** How many allocations succeeded, ever. */
    public static long allocations(MemorySegment page, int device) {
        return sum(page, device, Abi.PageDevice.ALLOCATIONS, Abi.PageCounts.ALLOCATIONS);
    }

    /** How many of them have been returned. */
    public static long frees(MemorySegment page, int device) {
        return sum(page, device, Abi.PageDevice.FREES, Abi.PageCounts.FREES);
    }

    /** How many allocations were refused. */
    public static long denials(MemorySegment page, int device) {
        return (long) LONG.getOpaque(page, at(device, Abi.PageDevice.DENIALS));
    }

    /** Bytes of the page, from its start, in which the shim says it keeps anything; at most {@link Abi#PAGE_SIZE}. */
    public static long usedSize(MemorySegment page) {
        return segmentOffset(
                Math.clamp((int) INT.getAcquire(page, (long) Abi.PageHeader.SEGMENTS), 1, Abi.TABLE_SEGMENTS));
    }

    /**
     * Where a segment of the table starts, which is where the one before it ends.
     *
     * @param segment 0 … {@link Abi#TABLE_SEGMENTS}, which is the page's end
     */
    public static long segmentOffset(int segment) {
        return Abi.PAGE_TABLE_OFFSET + (long) Abi.PageEntry.SIZEOF * Abi.TABLE_SEGMENT0 * ((1L << segment) - 1);
    }

    /** Visits the live allocations of the segments in use; each slot is looked at once. */
    public static void forEachAllocation(MemorySegment page, AllocationVisitor visitor) {
        forEachAllocation(page, 0, Abi.PAGE_SIZE, visitor);
    }

    /**
     * Visits the live allocations whose entries lie in bytes {@code from} … {@code to} of the page. Reading a hole of
     * the memfd through a mapping fills it with memory: who does not trust the page asks the kernel first which parts
     * hold data, and comes here with those.
     */
    public static void forEachAllocation(MemorySegment page, long from, long to, AllocationVisitor visitor) {
        long end = Math.min(to, usedSize(page));
        long first = Math.max(from, Abi.PAGE_TABLE_OFFSET) + Abi.PageEntry.SIZEOF - 1 & -Abi.PageEntry.SIZEOF;
        for (long at = first; at + Abi.PageEntry.SIZEOF <= end; at += Abi.PageEntry.SIZEOF) {
            long handle = (long) LONG.getAcquire(page, at);
            if (handle == Abi.ENTRY_FREE || handle == Abi.ENTRY_CLAIMED) {
                continue;
            }
            long meta = (long) LONG.getAcquire(page, at + Abi.PageEntry.META);
            // Changed under our eyes: this allocation came or went during the visit, and may be left out.
            if ((long) LONG.getAcquire(page, at) == handle) {
                visitor.visit(handle, meta >>> 9, (int) (meta >>> 4 & 31), (int) (meta & 15));
            }
        }
    }

    /** The word for a kind of allocation, as people and JSON see it; "unknown" for what is none of {@code Abi.KIND_*}. */
    public static String kindName(int kind) {
        return switch (kind) {
            case Abi.KIND_LINEAR -> "linear";
            case Abi.KIND_MANAGED -> "managed";
            case Abi.KIND_PITCHED -> "pitched";
            case Abi.KIND_POOL -> "pool";
            case Abi.KIND_PHYSICAL -> "physical";
            case Abi.KIND_ARRAY -> "array";
            case Abi.KIND_GRAPH -> "graph";
            case Abi.KIND_IMPORT -> "import";
            case Abi.KIND_CONTEXT -> "context";
            default -> "unknown";
        };
    }

    /** The second word of a table entry, as the shim writes it. */
    public static long meta(long bytes, int device, int kind) {
        return bytes << 9 | (long) device << 4 | kind;
    }

    /** A counter: the device's own word, and its words in the stripes, of which each thread of the process has one. */
    private static long sum(MemorySegment page, int device, int field, int striped) {
        long sum = (long) LONG.getOpaque(page, at(device, field));
        for (int stripe = 0; stripe < Abi.PAGE_STRIPES && device < Abi.STRIPE_DEVICES; stripe++) {
            sum += (long) LONG.getOpaque(page, stripeAt(stripe, device, striped));
        }
        return sum;
    }

    private static long stripeAt(int stripe, int device, int field) {
        return Abi.PAGE_COUNTS_OFFSET + (long) stripe * Abi.PageCounts.SIZEOF + field + (long) device * Long.BYTES;
    }

    private static long at(int device, int field) {
        if (device < 0 || device >= Abi.MAX_DEVICES) {
            throw new IndexOutOfBoundsException("device " + device + "; 0 to " + (Abi.MAX_DEVICES - 1) + " exist");
        }
        return Abi.PageHeader.SIZEOF + (long) device * Abi.PageDevice.SIZEOF + field;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

/**
 * The numbers of {@code gpuslice_abi.h}: constants under the name they have there, less the {@code GPUSLICE_}
 * prefix, and one nested class per struct with the byte offset of each field and the struct's {@code SIZEOF}. The
 * header is the source; a test compares every line of the library's own description with this class, in both
 * directions.
 */
public final class Abi {
    private Abi() {}

    public static final int ABI_MAJOR = 1;
    public static final int ABI_MINOR = 0;
    /** What this side writes into {@link Frame#VERSION}. */
    public static final int ABI_VERSION = ABI_MAJOR << 8 | ABI_MINOR;

    /** Devices that one process can see. */
    public static final int MAX_DEVICES = 32;
    /** Sizes of text fields in bytes, the closing NUL included. */
    public static final int SESSION_ID_SIZE = 32;

    public static final int TOKEN_SIZE = 128;
    public static final int NAME_SIZE = 64;
    public static final int LIMIT_SPEC_SIZE = 512;
    public static final int TEXT_SIZE = 232;
    public static final int UUID_SIZE = 16;
    /** Bytes of what names shared memory. */
    public static final int KEY_SIZE = 64;

    /** Bytes of the longest frame, header included. */
    public static final int MAX_FRAME_SIZE = 1024 * 1024;

    /** Every allocation is decided, and every free reported, one by one. */
    public static final int FLAG_STRICT = 0x1;
    /** The session outlives its leader and members. */
    public static final int FLAG_KEEP = 0x2;
    /** The caller does not become the program: there is no leader to wait for. */
    public static final int FLAG_NO_LEADER = 0x4;

    /** Of CHARGE: the memory is held already, so the charge is raised whatever the limit says. */
    public static final int CHARGE_HELD = 0x1;

    /** Of SHARE: the process made a handle to memory that is charged to it. */
    public static final int SHARE_EXPORTED = 1;
    /** It lets that memory go. */
    public static final int SHARE_RELEASED = 2;
    /** The process opened a handle that another one made. */
    public static final int SHARE_IMPORTED = 3;
    /** Its last reference to that memory is gone. */
    public static final int SHARE_CLOSED = 4;

    /** First word of a page that is ready: "GPSLPGE1". */
    public static final long PAGE_MAGIC = 0x314547504c535047L;

    /** Where the stripes of the counters start, {@link #PAGE_STRIPES} of them, up to the table. */
    public static final int PAGE_COUNTS_OFFSET = 2112;

    public static final int PAGE_STRIPES = 31;
    /** Devices that have words in a stripe: the first so many. */
    public static final int STRIPE_DEVICES = 4;

    public static final int PAGE_TABLE_OFFSET = 4096;
    public static final int TABLE_SEGMENT0 = 4096;
    public static final int TABLE_SEGMENTS = 12;
    public static final int TABLE_ENTRIES = TABLE_SEGMENT0 * ((1 << TABLE_SEGMENTS) - 1);
    /** Bytes of a ledger page, nearly all of them never touched. */
    public static final long PAGE_SIZE = PAGE_TABLE_OFFSET + 16L * TABLE_ENTRIES;

    /** Top bit of a page's charge: ask for every allocation, whatever credit there is. */
    public static final long GATED = 1L << 63;

    public static final long CHARGE_MASK = GATED - 1;
    /** The largest allocation that can be described. */
    public static final long MAX_BYTES = (1L << 55) - 1;

    public static final int KIND_LINEAR = 1;
    public static final int KIND_MANAGED = 2;
    public static final int KIND_PITCHED = 3;
    /** A memory pool: bytes are what it reserves. */
    public static final int KIND_POOL = 4;
    /** Physical memory of the virtual memory management calls. */
    public static final int KIND_PHYSICAL = 5;
    /** An array or mipmapped array. */
    public static final int KIND_ARRAY = 6;
    /** What a device reserves for graphs. */
    public static final int KIND_GRAPH = 7;
    /** Imported memory whose exporter is gone. */
    public static final int KIND_IMPORT = 8;
    /** The overhead of a context. */
    public static final int KIND_CONTEXT = 9;

    public static final long ENTRY_FREE = 0;
    public static final long ENTRY_CLAIMED = 1;

    /** {@code struct gpuslice_frame}: stands before every payload. */
    public static final class Frame {
        private Frame() {}

        public static final int LENGTH = 0;
        public static final int TYPE = 4;
        public static final int VERSION = 6;
        public static final int SEQ = 8;
        public static final int RESERVED = 12;
        public static final int SIZEOF = 16;
    }

    /** {@code struct gpuslice_open}. */
    public static final class Open {
        private Open() {}

        public static final int TOKEN = 0;
        public static final int LIMIT = 128;
        public static final int NAME = 640;
        public static final int TTL_SECONDS = 704;
        public static final int FLAGS = 712;
        public static final int RESERVED = 716;
        public static final int SIZEOF = 720;
    }

    /** {@code struct gpuslice_opened}. */
    public static final class Opened {
        private Opened() {}

        public static final int SESSION_ID = 0;
        public static final int TOKEN = 32;
        public static final int WARNING = 160;
        public static final int SIZEOF = 392;
    }

    /** {@code struct gpuslice_join}. */
    public static final class Join {
        private Join() {}

        public static final int TOKEN = 0;
        public static final int SESSION = 128;
        public static final int SIZEOF = 192;
    }

    /** {@code struct gpuslice_hello}. */
    public static final class Hello {
        private Hello() {}

        public static final int SESSION_ID = 0;
        public static final int TOKEN = 32;
        public static final int IMAGE_ID = 160;
        public static final int DEVICE_COUNT = 176;
        public static final int RESERVED = 180;
        public static final int DEVICE_UUIDS = 184;
        public static final int SIZEOF = 696;
    }

    /** {@code struct gpuslice_welcome}. */
    public static final class Welcome {
        private Welcome() {}

        public static final int FLAGS = 0;
        public static final int DEVICE_COUNT = 4;
        public static final int PAGE_SIZE = 8;
        public static final int LIMIT = 16;
        public static final int SIZEOF = 272;
    }

    /** {@code struct gpuslice_charge}. */
    public static final class Charge {
        private Charge() {}

        public static final int BYTES = 0;
        public static final int DEVICE = 8;
        public static final int FLAGS = 12;
        public static final int SIZEOF = 16;
    }

    /** {@code struct gpuslice_granted}. */
    public static final class Granted {
        private Granted() {}

        public static final int CHARGE = 0;
        public static final int DEVICE = 8;
        public static final int RESERVED = 12;
        public static final int SIZEOF = 16;
    }

    /** {@code struct gpuslice_denied}. */
    public static final class Denied {
        private Denied() {}

        public static final int CODE = 0;
        public static final int DEVICE = 4;
        public static final int ASKED = 8;
        public static final int USED = 16;
        public static final int LIMIT = 24;
        public static final int SIZEOF = 32;
    }

    /** {@code struct gpuslice_freed}. */
    public static final class Freed {
        private Freed() {}

        public static final int BYTES = 0;
        public static final int HANDLE = 8;
        public static final int DEVICE = 16;
        public static final int RESERVED = 20;
        public static final int SIZEOF = 24;
    }

    /** {@code struct gpuslice_share}. */
    public static final class Share {
        private Share() {}

        public static final int WHAT = 0;
        public static final int DEVICE = 4;
        public static final int BYTES = 8;
        public static final int KEY = 16;
        public static final int SIZEOF = 80;
    }

    /** {@code struct gpuslice_status}. */
    public static final class Status {
        private Status() {}

        public static final int STATE = 0;
        public static final int FLAGS = 4;
        public static final int TTL_LEFT_MS = 8;
        public static final int DEVICE_COUNT = 16;
        public static final int RESERVED = 20;
        public static final int DEVICES = 24;
        public static final int SIZEOF = 792;
    }

    /** {@code struct gpuslice_status_device}. */
    public static final class StatusDevice {
        private StatusDevice() {}

        public static final int LIMIT = 0;
        public static final int USED = 8;
        public static final int CHARGE = 16;
        public static final int SIZEOF = 24;
    }

    /** {@code struct gpuslice_error}. */
    public static final class ErrorFrame {
        private ErrorFrame() {}

        public static final int CODE = 0;
        public static final int RESERVED = 4;
        public static final int TEXT = 8;
        public static final int SIZEOF = 240;
    }

    /** {@code struct gpuslice_page_header}. */
    public static final class PageHeader {
        private PageHeader() {}

        public static final int MAGIC = 0;
        public static final int VERSION = 8;
        public static final int DEVICE_COUNT = 12;
        public static final int SIZE = 16;
        public static final int PAGE_ID = 24;
        public static final int SEGMENTS = 40;
        public static final int PID = 44;
        public static final int RESERVED = 48;
        public static final int SIZEOF = 64;
    }

    /** {@code struct gpuslice_page_device}. */
    public static final class PageDevice {
        private PageDevice() {}

        public static final int CHARGE = 0;
        public static final int USED = 8;
        public static final int PEAK = 16;
        public static final int ALLOCATIONS = 24;
        public static final int FREES = 32;
        public static final int DENIALS = 40;
        public static final int RESERVED = 48;
        public static final int SIZEOF = 64;
    }

    /** {@code struct gpuslice_page_counts}. */
    public static final class PageCounts {
        private PageCounts() {}

        public static final int ALLOCATIONS = 0;
        public static final int FREES = 32;
        public static final int SIZEOF = 64;
    }

    /** {@code struct gpuslice_page_entry}. */
    public static final class PageEntry {
        private PageEntry() {}

        public static final int HANDLE = 0;
        public static final int META = 8;
        public static final int SIZEOF = 16;
    }
}

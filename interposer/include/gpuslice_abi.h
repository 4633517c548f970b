/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * gpuslice_abi.h: the contract between libgpuslice.so (the shim), the gpuslice command line and the
 * gpusliced daemon. It is the one source: the Java twin (module wire) is compared with the table that
 * gpuslice_abi() exports, and with the golden vectors under interposer/test/golden/.
 *
 * Two things are described: the frames of the Unix stream socket, and the ledger page, a sealed memfd that
 * daemon and shim both map. Everything is little-endian; every struct is laid out without implicit padding.
 *
 * What may change without a new major version: reserved fields may get a meaning whose zero value is the
 * old behaviour, new frame types and error codes may be added. Everything else is a new major version.
 */
#ifndef GPUSLICE_ABI_H
#define GPUSLICE_ABI_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire and the ledger page are little-endian: this machine is not"
#endif

#define GPUSLICE_ABI_MAJOR 1u
#define GPUSLICE_ABI_MINOR 0u
/* As it stands in gpuslice_frame.version. A peer with another major is refused with UNSUPPORTED_VERSION. */
#define GPUSLICE_ABI_VERSION ((uint16_t)(GPUSLICE_ABI_MAJOR << 8 | GPUSLICE_ABI_MINOR))

/* Devices that one process can see. HGX boards have 8, DGX-2 has 16; MIG slices multiply them. */
#define GPUSLICE_MAX_DEVICES 32u
#define GPUSLICE_SESSION_ID_SIZE 32u /* NUL-padded ASCII; ids of today are 16 characters of [0-9a-f] */
#define GPUSLICE_TOKEN_SIZE 128u     /* NUL-padded; session tokens are 64 hex digits, operator tokens free text */
#define GPUSLICE_NAME_SIZE 64u       /* NUL-padded UTF-8 */
#define GPUSLICE_LIMIT_SPEC_SIZE 512u
#define GPUSLICE_UUID_SIZE 16u
#define GPUSLICE_TEXT_SIZE 232u      /* NUL-padded UTF-8, for people */
#define GPUSLICE_KEY_SIZE 64u        /* names shared memory: as long as an IPC handle */

/* ------------------------------------------------------------------ frames */

/* A frame longer than this is a protocol error; only CALL, REPLY, WATCH and EVENT come near it. */
#define GPUSLICE_MAX_FRAME_SIZE (1024u * 1024u)

/* Before every payload. */
struct gpuslice_frame {
    uint32_t length;   /* bytes of the whole frame, this header included: 16 … GPUSLICE_MAX_FRAME_SIZE */
    uint16_t type;     /* enum gpuslice_frame_type */
    uint16_t version;  /* GPUSLICE_ABI_VERSION of the sender */
    uint32_t seq;      /* chosen by the asker; a reply carries its request's: a late reply answers nobody else */
    uint32_t reserved; /* 0 */
};

enum gpuslice_frame_type {
    GPUSLICE_OPEN = 1,     /* cli → daemon: open a session */
    GPUSLICE_OPENED = 2,   /* daemon → cli */
    GPUSLICE_JOIN = 3,     /* cli → daemon: a fresh token of an existing session */
    GPUSLICE_JOINED = 4,   /* daemon → cli */
    GPUSLICE_HELLO = 5,    /* shim → daemon: this process becomes a member */
    GPUSLICE_WELCOME = 6,  /* daemon → shim, followed by ONE byte that carries the page (SCM_RIGHTS) */
    GPUSLICE_CHARGE = 7,   /* shim → daemon: raise my charge so that this many bytes fit */
    GPUSLICE_GRANTED = 8,  /* daemon → shim */
    GPUSLICE_DENIED = 9,   /* daemon → shim */
    GPUSLICE_FREED = 10,   /* shim → daemon, no reply: strict sessions only, for the audit */
    GPUSLICE_QUERY = 11,   /* shim → daemon */
    GPUSLICE_STATUS = 12,  /* daemon → shim */
    GPUSLICE_CALL = 13,    /* cli → daemon: JSON request */
    GPUSLICE_REPLY = 14,   /* daemon → cli: JSON answer */
    GPUSLICE_WATCH = 15,   /* cli → daemon: JSON request for a stream */
    GPUSLICE_EVENT = 16,   /* daemon → cli: one JSON event of a stream */
    GPUSLICE_ERROR = 17,   /* daemon → anyone: instead of the reply */
    GPUSLICE_SHARE = 18,   /* shim → daemon: memory that processes share by its key */
    GPUSLICE_HEARD = 19,   /* daemon → shim: that SHARE, and all before it, are in the journal */
};

/* One list for C, Java, JSON and logs: (name, number). Numbers are for ever. */
#define GPUSLICE_ERROR_CODES(X)                                                                            \
    X(QUOTA_EXCEEDED, 1)       /* limit − used of the session is less than what was asked */               \
    X(SESSION_EXPIRED, 2)      /* the session's TTL is over: new memory is refused */                      \
    X(SESSION_CLOSED, 3)       /* the session has ended */                                                 \
    X(SESSION_UNKNOWN, 4)      /* no session has that id */                                                \
    X(UNAUTHENTICATED, 5)      /* the token is missing or wrong */                                         \
    X(FORBIDDEN, 6)            /* the caller (kernel-given uid or pid) may not do this */                  \
    X(BAD_REQUEST, 7)          /* the frame or its content makes no sense */                               \
    X(UNSUPPORTED_VERSION, 8)  /* another major version */                                                 \
    X(OVERLOADED, 9)           /* too many connections, sessions or requests in flight */                  \
    X(INTERNAL, 10)            /* the daemon could not record or carry out the request */

#define GPUSLICE_X(name, number) GPUSLICE_ERR_##name = number,
enum gpuslice_error_code { GPUSLICE_ERROR_CODES(GPUSLICE_X) };
#undef GPUSLICE_X

/* gpuslice_open.flags, gpuslice_welcome.flags, gpuslice_status.flags */
#define GPUSLICE_FLAG_STRICT 0x1u /* every allocation is decided, and every free reported, one by one */
#define GPUSLICE_FLAG_KEEP 0x2u   /* the session outlives its leader and members */
#define GPUSLICE_FLAG_NO_LEADER 0x4u /* the caller does not become the program (create): nobody to wait for */

/* OPEN. The peer's pid (kernel-given) becomes the session's leader. */
struct gpuslice_open {
    char token[GPUSLICE_TOKEN_SIZE];          /* the operator's token; empty where the daemon has none */
    char limit[GPUSLICE_LIMIT_SPEC_SIZE];     /* as typed: "8GB", "50%", "0=8GB,1=4GB"; the daemon resolves it */
    char name[GPUSLICE_NAME_SIZE];            /* empty: none */
    uint64_t ttl_seconds;                     /* 0: no TTL */
    uint32_t flags;                           /* GPUSLICE_FLAG_* */
    uint32_t reserved;                        /* 0 */
};

/* OPENED and JOINED. */
struct gpuslice_opened {
    char session_id[GPUSLICE_SESSION_ID_SIZE];
    char token[GPUSLICE_TOKEN_SIZE];          /* the session's own token: 64 hex digits */
    char warning[GPUSLICE_TEXT_SIZE];         /* for people, e.g. the limit is above the device; empty: none */
};

/* JOIN. Allowed to the session's owner and to the operator. */
struct gpuslice_join {
    char token[GPUSLICE_TOKEN_SIZE];          /* the operator's token; empty where the daemon has none */
    char session[GPUSLICE_NAME_SIZE];         /* id, unique id prefix, or name */
};

/* HELLO. Position i of device_uuids is device i of every later frame and of the page. */
struct gpuslice_hello {
    char session_id[GPUSLICE_SESSION_ID_SIZE];
    char token[GPUSLICE_TOKEN_SIZE];          /* the session's own */
    uint8_t image_id[16];                     /* random, drawn once per process image: a new one after exec */
    uint32_t device_count;                    /* 1 … GPUSLICE_MAX_DEVICES */
    uint32_t reserved;                        /* 0 */
    uint8_t device_uuids[GPUSLICE_MAX_DEVICES][GPUSLICE_UUID_SIZE];
};

/* WELCOME. After it comes one byte, whatever its value, with the page's descriptor as ancillary data. */
struct gpuslice_welcome {
    uint32_t flags;                           /* GPUSLICE_FLAG_STRICT */
    uint32_t device_count;                    /* as in HELLO */
    uint64_t page_size;                       /* bytes to map: the memfd's sealed size */
    uint64_t limit[GPUSLICE_MAX_DEVICES];     /* bytes the session may hold there */
};

/* gpuslice_charge.flags */
/* The memory is held already: a pool that reserved more than could be foreseen and could not be trimmed, an import whose
 * exporter is gone. The charge is raised whatever the session's state and even above its limit; never DENIED. */
#define GPUSLICE_CHARGE_HELD 0x1u

/* CHARGE. */
struct gpuslice_charge {
    uint64_t bytes;                           /* 1 … GPUSLICE_MAX_BYTES: what must fit beside the page's used */
    uint32_t device;                          /* index into HELLO's devices */
    uint32_t flags;                           /* GPUSLICE_CHARGE_* */
};

/* GRANTED. The page was written before this was sent. */
struct gpuslice_granted {
    uint64_t charge;                          /* bytes, as now in the page (without the gate bit) */
    uint32_t device;
    uint32_t reserved;
};

/* DENIED. The numbers are the session's, on that device, at the decision. */
struct gpuslice_denied {
    uint32_t code;                            /* enum gpuslice_error_code */
    uint32_t device;
    uint64_t asked;                           /* bytes */
    uint64_t used;                            /* bytes held by all processes of the session */
    uint64_t limit;                           /* bytes */
};

/* FREED. */
struct gpuslice_freed {
    uint64_t bytes;
    uint64_t handle;                          /* as in the table of live allocations */
    uint32_t device;
    uint32_t reserved;
};

enum gpuslice_share_what {
    GPUSLICE_SHARE_EXPORTED = 1, /* this process made a handle to memory that is charged to it */
    GPUSLICE_SHARE_RELEASED = 2, /* it lets that memory go; the bytes are used until this is heard */
    GPUSLICE_SHARE_IMPORTED = 3, /* this process opened a handle that another process made */
    GPUSLICE_SHARE_CLOSED = 4,   /* its last reference to that memory is gone */
};

/*
 * SHARE. Whose charge the memory is once its exporter has let go of it is decided by these. Said again after each WELCOME,
 * for all exports and imports that live. A process that imports its own export says nothing about it. One with a seq is
 * answered by HEARD, which has no payload, when it and all that were sent before it on this connection are in the journal,
 * and what they released has been taken over; one with seq 0 by nothing.
 */
struct gpuslice_share {
    uint32_t what;                            /* enum gpuslice_share_what */
    uint32_t device;                          /* index into HELLO's devices */
    uint64_t bytes;                           /* EXPORTED: held by the block; IMPORTED: 0 where the driver does not
                                                 tell; RELEASED, CLOSED: 0 */
    uint8_t key[GPUSLICE_KEY_SIZE];           /* the bytes of an IPC handle, a fabric handle or a pool pointer's export;
                                                 st_dev, st_ino (8 bytes each) of a descriptor, then zeros; never all 0 */
};

/* QUERY has no payload. STATUS: the session, seen by one of its members. */
struct gpuslice_status_device {
    uint64_t limit;                           /* bytes */
    uint64_t used;                            /* bytes, all processes of the session */
    uint64_t charge;                          /* bytes, all processes of the session */
};
struct gpuslice_status {
    uint32_t state;                           /* enum gpuslice_session_state */
    uint32_t flags;                           /* GPUSLICE_FLAG_* */
    uint64_t ttl_left_ms;                     /* UINT64_MAX: no TTL */
    uint32_t device_count;
    uint32_t reserved;
    struct gpuslice_status_device devices[GPUSLICE_MAX_DEVICES];
};

enum gpuslice_session_state {
    GPUSLICE_ACTIVE = 1,
    GPUSLICE_EXPIRED = 2,
    GPUSLICE_CLOSED = 3,
};

/* CALL, REPLY, WATCH and EVENT: the header, then length − 16 bytes of UTF-8 JSON. */

/* ERROR. */
struct gpuslice_error {
    uint32_t code;                            /* enum gpuslice_error_code */
    uint32_t reserved;
    char text[GPUSLICE_TEXT_SIZE];            /* what happened, the numbers, what next */
};

/* ------------------------------------------------------------- ledger page */

/*
 * The page is one sparse memfd, sealed F_SEAL_SHRINK|GROW|SEAL by the daemon before the shim sees it:
 *
 *   0      struct gpuslice_page_header
 *   64     struct gpuslice_page_device [GPUSLICE_MAX_DEVICES]
 *   2112   struct gpuslice_page_counts [GPUSLICE_PAGE_STRIPES]
 *   4096   the table of live allocations: segment 0, segment 1, …
 *
 * Segment k holds GPUSLICE_TABLE_SEGMENT0 << k entries and starts where segment k−1 ends; the memfd is as long as
 * all GPUSLICE_TABLE_SEGMENTS of them, and memory is taken only by pages that were touched. So the table
 * grows by raising header.segments: nothing is moved, nobody waits.
 */
#define GPUSLICE_PAGE_MAGIC 0x314547504c535047ull /* "GPSLPGE1" */
#define GPUSLICE_PAGE_COUNTS_OFFSET 2112u
#define GPUSLICE_PAGE_STRIPES 31u      /* cache lines between the devices and the table */
#define GPUSLICE_STRIPE_DEVICES 4u     /* that have words in a stripe */
#define GPUSLICE_PAGE_TABLE_OFFSET 4096u
#define GPUSLICE_TABLE_SEGMENT0 4096u  /* entries: 64 KiB */
#define GPUSLICE_TABLE_SEGMENTS 12u    /* 4096 · (2^12 − 1) = 16.8 million live allocations */
#define GPUSLICE_TABLE_ENTRIES (GPUSLICE_TABLE_SEGMENT0 * ((1u << GPUSLICE_TABLE_SEGMENTS) - 1u))
#define GPUSLICE_PAGE_SIZE (GPUSLICE_PAGE_TABLE_OFFSET + 16ull * GPUSLICE_TABLE_ENTRIES)

/* charge's top bit: ask the daemon for every allocation, whatever credit there is. */
#define GPUSLICE_GATED (1ull << 63)
#define GPUSLICE_CHARGE_MASK (GPUSLICE_GATED - 1ull)

/* The largest allocation that can be described: entry.meta has 55 bits for it. More is denied as too much. */
#define GPUSLICE_MAX_BYTES ((1ull << 55) - 1ull)

/* One cache line. Written by the daemon, and constant once the shim has the page, but for `segments`. */
struct gpuslice_page_header {
    uint64_t magic;        /* daemon, stored last with release: a page without it is not ready */
    uint32_t version;      /* daemon: GPUSLICE_ABI_VERSION */
    uint32_t device_count; /* daemon: as in HELLO */
    uint64_t size;         /* daemon: GPUSLICE_PAGE_SIZE */
    uint8_t page_id[16];   /* daemon: random; the journal knows it, so that a page found again is the right one */
    uint32_t segments;     /* segments of the table in use, 1 … GPUSLICE_TABLE_SEGMENTS; only ever raised, by the shim. 0:
                              the shim has not taken the page over yet, and `used` is not what it holds (a page that
                              replaces a lost one: what was held is carried over first) */
    uint32_t pid;          /* daemon: pid of the process as the daemon sees it; for people who look at a page */
    uint64_t reserved[2];
};

/*
 * One cache line per device. All but `charge` is written by the shim alone: every word has one writer, so a
 * death at any instruction leaves no lock held and no sum half done. They share a line because an allocation
 * touches all of them, and the daemon writes `charge` only when it grants or collects.
 */
struct gpuslice_page_device {
    uint64_t charge;       /* DAEMON: bytes this process may hold, | GPUSLICE_GATED. seq_cst on both sides */
    uint64_t used;         /* shim: bytes it holds; may stand above charge while an allocation backs off. seq_cst */
    uint64_t peak;         /* shim: highest used that an allocation kept; relaxed, may miss a race */
    uint64_t allocations;  /* shim: how many succeeded, ever, besides those in the stripes */
    uint64_t frees;        /* shim: how many have been returned, besides those in the stripes */
    uint64_t denials;      /* shim: how many were refused */
    uint64_t reserved[2];
};

/*
 * One cache line, a stripe of the two counters that every allocation and free raises. One thread of the process writes
 * it, so it needs no read-modify-write and no other thread's cache line. What a device has seen is the sum of its own
 * word and its word in every stripe. Threads beyond the stripes, and devices beyond those that have words here, raise
 * the device's own. relaxed.
 */
struct gpuslice_page_counts {
    uint64_t allocations[GPUSLICE_STRIPE_DEVICES]; /* shim */
    uint64_t frees[GPUSLICE_STRIPE_DEVICES];       /* shim */
};

enum gpuslice_allocation_kind {
    GPUSLICE_KIND_LINEAR = 1,   /* handle: the address, as of the next two */
    GPUSLICE_KIND_MANAGED = 2,  /* in full, wherever it is at the moment */
    GPUSLICE_KIND_PITCHED = 3,
    GPUSLICE_KIND_POOL = 4,     /* handle: the memory pool; bytes: what it reserves, as last measured */
    GPUSLICE_KIND_PHYSICAL = 5, /* handle: the one that cuMemCreate returned */
    GPUSLICE_KIND_ARRAY = 6,    /* handle: the array or mipmapped array */
    GPUSLICE_KIND_GRAPH = 7,    /* handle: device index + 2; bytes: what the device reserves for graphs */
    GPUSLICE_KIND_IMPORT = 8,   /* handle: the imported address; its exporter is gone, so it is charged here */
    GPUSLICE_KIND_CONTEXT = 9,  /* handle: the context; bytes: its overhead */
};

/*
 * One live allocation. `handle` is 0 (free), 1 (claimed: being written or being taken out), or the address or handle
 * that the driver gave. Addresses and the several kinds of handles are name spaces of their own: two entries may have
 * the same number and different kinds, so an entry is known by handle and kind.
 * Insert: CAS 0 → 1, store meta, store handle with release. Take: CAS handle → 1, and the slot is the taker's:
 * 0 gives it back, the handle puts it back. A reader that finds handle ≥ 2, loads meta and finds the same handle
 * again has a true pair.
 */
struct gpuslice_page_entry {
    uint64_t handle;
    uint64_t meta;         /* bytes << 9 | device << 4 | kind */
};
#define GPUSLICE_ENTRY_FREE 0ull
#define GPUSLICE_ENTRY_CLAIMED 1ull
#define GPUSLICE_META(bytes, device, kind) ((uint64_t)(bytes) << 9 | (uint64_t)(device) << 4 | (uint64_t)(kind))
#define GPUSLICE_META_BYTES(meta) ((meta) >> 9)
#define GPUSLICE_META_DEVICE(meta) ((uint32_t)((meta) >> 4 & 31u))
#define GPUSLICE_META_KIND(meta) ((uint32_t)((meta)&15u))

/* ------------------------------------------------------------ layout, held */

#define GPUSLICE_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " changed its size")
#define GPUSLICE_AT(type, field, offset) \
    _Static_assert(offsetof(struct type, field) == (offset), #type "." #field " moved")

GPUSLICE_SIZE(gpuslice_frame, 16);
GPUSLICE_AT(gpuslice_frame, type, 4);
GPUSLICE_AT(gpuslice_frame, seq, 8);
GPUSLICE_SIZE(gpuslice_open, 720);
GPUSLICE_AT(gpuslice_open, limit, 128);
GPUSLICE_AT(gpuslice_open, name, 640);
GPUSLICE_AT(gpuslice_open, ttl_seconds, 704);
GPUSLICE_SIZE(gpuslice_opened, 392);
GPUSLICE_AT(gpuslice_opened, token, 32);
GPUSLICE_AT(gpuslice_opened, warning, 160);
GPUSLICE_SIZE(gpuslice_join, 192);
GPUSLICE_SIZE(gpuslice_hello, 696);
GPUSLICE_AT(gpuslice_hello, image_id, 160);
GPUSLICE_AT(gpuslice_hello, device_count, 176);
GPUSLICE_AT(gpuslice_hello, device_uuids, 184);
GPUSLICE_SIZE(gpuslice_welcome, 272);
GPUSLICE_AT(gpuslice_welcome, limit, 16);
GPUSLICE_SIZE(gpuslice_charge, 16);
GPUSLICE_SIZE(gpuslice_granted, 16);
GPUSLICE_SIZE(gpuslice_denied, 32);
GPUSLICE_SIZE(gpuslice_freed, 24);
GPUSLICE_SIZE(gpuslice_share, 80);
GPUSLICE_AT(gpuslice_share, bytes, 8);
GPUSLICE_AT(gpuslice_share, key, 16);
GPUSLICE_SIZE(gpuslice_status, 792);
GPUSLICE_AT(gpuslice_status, ttl_left_ms, 8);
GPUSLICE_AT(gpuslice_status, devices, 24);
GPUSLICE_SIZE(gpuslice_error, 240);
GPUSLICE_AT(gpuslice_error, text, 8);
GPUSLICE_SIZE(gpuslice_page_header, 64);
GPUSLICE_AT(gpuslice_page_header, page_id, 24);
GPUSLICE_AT(gpuslice_page_header, segments, 40);
GPUSLICE_SIZE(gpuslice_page_device, 64);
GPUSLICE_AT(gpuslice_page_device, used, 8);
GPUSLICE_SIZE(gpuslice_page_counts, 64);
GPUSLICE_AT(gpuslice_page_counts, frees, 32);
GPUSLICE_SIZE(gpuslice_page_entry, 16);
_Static_assert(sizeof(struct gpuslice_page_header) + GPUSLICE_MAX_DEVICES * sizeof(struct gpuslice_page_device) ==
                   GPUSLICE_PAGE_COUNTS_OFFSET,
               "the stripes do not follow the devices");
_Static_assert(GPUSLICE_PAGE_COUNTS_OFFSET + GPUSLICE_PAGE_STRIPES * sizeof(struct gpuslice_page_counts) ==
                   GPUSLICE_PAGE_TABLE_OFFSET,
               "the table does not follow the stripes");

/*
 * The library's own description of the above, one line per fact, NUL-terminated, static:
 *   "constant NAME VALUE", "size STRUCT BYTES", "field STRUCT FIELD OFFSET BYTES", "error NAME NUMBER",
 *   "frame NAME NUMBER"
 * with names as they stand here (constant GPUSLICE_TOKEN_SIZE 128, size gpuslice_hello 696), errors and frames
 * without the prefix (error INTERNAL 10, frame HELLO 5). The Java twin's test reads it by FFM and compares.
 */
const char *gpuslice_abi(void);

#endif

/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * Everything the library remembers, one struct per concern. What describes this process as a member of its session
 * lives in `struct process`, on memory that fork wipes: a child finds zeros and starts afresh, whatever its
 * parent's threads were doing at that instant. What is true of the image (environment, addresses of functions)
 * lives in ordinary memory and is inherited.
 */
#ifndef GPUSLICE_STATE_H
#define GPUSLICE_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cuda_types.h"
#include "gpuslice_abi.h"

/* ------------------------------------------------------------ the environment, read once (config.c) */

struct config {
    char session_id[GPUSLICE_SESSION_ID_SIZE];
    char token[GPUSLICE_TOKEN_SIZE];
    char socket_path[108]; /* as long as sun_path; empty: none was given, or it is too long */
    uint32_t wait_ms;      /* how long to wait for a daemon that is not there */
    bool too_long;         /* one of the above did not fit: everything is refused */
    uint64_t count_context; /* bytes that a process's contexts count with on each device, or CONFIG_COUNT_MEASURED */
};

/* ------------------------------------------------------------ a lock that fork and SIGKILL cannot leave held */

struct lock {
    _Atomic uint32_t word; /* 0 free, 1 held, 2 held and waited for; private to the process */
};

/* ------------------------------------------------------------ a descriptor of ours (descriptor.c) */

/*
 * A guest may close our descriptor and get the same number for something of its own; so a number is used only after
 * fstat said that it is still the file we know.
 */
struct descriptor {
    int number; /* meaningful when `open` */
    bool open;
    dev_t device;
    ino_t inode;
};

/* ------------------------------------------------------------ the ledger page as this process has it mapped */

struct page {
    struct gpuslice_page_header *header;
    struct gpuslice_page_device *devices;
    struct gpuslice_page_counts *counts; /* the stripes */
    struct gpuslice_page_entry *table;
    struct page *older;           /* the page that this one took over from, or NULL */
    _Atomic(struct page *) newer; /* set when another page has taken over; `used` has the MOVED bit by then */
    struct descriptor descriptor; /* kept open: a restarted daemon finds the page through it */
};

/* Pages are lost only when a guest closed our descriptor and the daemon restarted as well; so this is plenty. */
#define PROCESS_MAX_PAGES 16u

/* ------------------------------------------------------------ the devices this process sees (devices.c) */

struct devices {
    uint32_t count; /* 1 … GPUSLICE_MAX_DEVICES */
    gs_device handle[GPUSLICE_MAX_DEVICES];
    uint8_t uuid[GPUSLICE_MAX_DEVICES][GPUSLICE_UUID_SIZE];
};

/* ------------------------------------------------------------ the connection (transport.c), under the lock */

/* Frees of a strict session that the daemon has not heard of: a restart of its own takes a second or two. */
#define UNREPORTED_MAX 4096u

struct unreported {
    uint32_t first, count; /* a ring */
    uint64_t dropped;      /* more than fit */
    struct gpuslice_freed frees[UNREPORTED_MAX];
};

struct connection {
    struct descriptor socket;
    uint32_t seq;        /* of the last request */
    bool silent;         /* a request was not answered in time: its late reply tells that the daemon is back */
    bool down;           /* the daemon could not be reached: deny at once, probe once a second */
    uint64_t probe_at;   /* ms, monotonic: when silence or absence is looked at again */
    uint32_t error;      /* enum gpuslice_error_code of the last failure; 0: no answer at all */
    char reason[GPUSLICE_TEXT_SIZE + 64]; /* the last failure, for people */
    int passed;          /* a descriptor that came with the bytes in `buffer`, or -1 */
    uint32_t have;       /* bytes in `buffer` */
    /* Room for the largest frame that is meant for a shim, and for late ones before it. */
    _Alignas(8) uint8_t buffer[2048];
    struct unreported unreported; /* last: pages that nobody touches take no memory */
};

/* ------------------------------------------------------------ private maps (map.c): for what the page has no room for */

struct map {
    uint8_t *slots;
    uint32_t capacity;
    uint32_t count;
};

/* ------------------------------------------------------------ memory that is measured (reservoir.c) */

/* A memory pool, or what a device keeps for graphs: the driver takes and returns its memory as it likes, and only tells
 * how much it is. */
struct reservoir {
    struct lock lock;
    _Atomic bool in_use; /* else the record is free for another one */
    bool created;     /* by the program, which may destroy it */
    bool to_destroy;  /* it has, while some of it was in use */
    uint32_t kind;    /* GPUSLICE_KIND_POOL or _GRAPH */
    _Atomic uint32_t device; /* index; RESERVOIR_NO_VRAM: known, and not charged */
    uint64_t handle;  /* as in the table */
    uint64_t charged; /* what `used` contains of it */
    uint64_t foreseen; /* of that, what was reserved for the call in progress */
    uint64_t surprise; /* the most that it took beyond what was foreseen: how it rounds */
};
#define RESERVOIR_NO_VRAM UINT32_MAX

/* ------------------------------------------------------------ memory pools (pools.c) */

#define POOLS_PER_SLAB 64u
struct pool_slab {
    struct reservoir pools[POOLS_PER_SLAB];
    _Atomic(struct pool_slab *) next;
};

struct pools {
    struct lock lock;      /* over the maps; never held while the driver is called */
    struct map by_handle;
    struct map pointers;   /* live stream-ordered allocations */
    _Atomic(struct pool_slab *) slabs;
};

/* ------------------------------------------------------------ graphs (graphs.c) */

struct graphs {
    _Atomic uint32_t allocate; /* a graph of this process has an allocation node: until then no launch looks here */
    struct lock lock;          /* over the map */
    struct map executables;    /* those that allocate */
    _Atomic uint64_t turns;    /* launches and trims: after one, other graphs may have to take their memory again */
    struct reservoir memory[GPUSLICE_MAX_DEVICES];
};

/* ------------------------------------------------------------ physical memory and its mappings (physical.c) */

struct physical_state {
    struct lock lock;
    struct map handles;
    struct map mappings;
    struct map holds;
    uint64_t last_hold;
};

/* ------------------------------------------------------------ contexts besides the primary ones (contexts.c) */

struct contexts {
    _Atomic uint32_t created; /* there is one: until then every allocation belongs to a primary one */
    struct lock lock;
    struct lock primary_lock; /* held while references to primary ones come and go */
    _Atomic uint32_t primary[GPUSLICE_MAX_DEVICES]; /* references to those that were seen */
    struct map known;
    struct map owners;        /* allocation → the context it goes with */
    struct lock overhead_lock; /* overhead.c; held while the first context on a device is made */
    uint64_t overhead[GPUSLICE_MAX_DEVICES]; /* the handle that it is charged under, or 0 */
};

/* ------------------------------------------------------------ frees that a stream has not reached (deferred.c) */

struct deferred_frees {
    struct lock lock;
    struct map live;
    uint64_t last;
};

/* ------------------------------------------------------------ memory of others (imports.c) */

struct imports {
    struct lock lock;
    struct map live;
};

/* ------------------------------------------------------------ what is shared with other processes (shares.c) */

struct share_key {
    uint8_t bytes[GPUSLICE_KEY_SIZE]; /* st_dev and st_ino of a descriptor, or what the driver calls a handle; all 0: there
                                         is none */
};

struct shares {
    _Atomic uint32_t exporting; /* something has been exported: until then no free looks here */
    struct lock lock;           /* taken with the process's lock held, never before it */
    struct map live;
    struct map exports;         /* memory of this process that others may have, by a number of its own */
    struct map blocks;          /* which of it an address, or a handle, stands for now */
    uint64_t numbers;           /* that were given */
    uint64_t first, last;       /* the queue of those that something is to be said about */
    uint64_t withholding[GPUSLICE_MAX_DEVICES]; /* bytes of the next credits that stay in `used` */
    bool full;                  /* told */
};

/* ------------------------------------------------------------ where many are taken at once and no memory is left */

#define TAKEN_RESERVE_BYTES 65536u

struct taken_reserve {
    _Atomic uint32_t in_use;
    _Alignas(8) uint8_t bytes[TAKEN_RESERVE_BYTES]; /* a struct taken_list; takes no memory until it is needed */
};

/* ------------------------------------------------------------ this process as a member of its session */

enum process_phase { PROCESS_FRESH = 0, PROCESS_STARTING, PROCESS_READY };

struct process {
    _Atomic uint32_t phase;       /* FRESH also after fork */
    _Atomic(struct page *) page;  /* the current page; NULL until the first WELCOME */
    _Atomic uint32_t moves;       /* odd while entries move from an older page's table to the newest one's */
    _Atomic uint32_t strict;      /* WELCOME's flag: frees are reported */
    _Atomic uint32_t told;        /* bit per kind of refusal already told on stderr */
    _Atomic uint32_t has_devices; /* `devices` is complete */
    _Atomic uint32_t stripes;     /* of a page's counters that threads have claimed: the first so many */
    uint64_t generation;          /* a word of image_id: what a thread remembers of a parent process is not ours */
    struct devices devices;       /* written once, before has_devices */
    uint8_t image_id[16];         /* random: this image, and after a fork another one */

    struct lock lock; /* below: only under it. One request in flight per process */
    struct connection connection;
    uint64_t limit[GPUSLICE_MAX_DEVICES]; /* as last heard */
    uint32_t page_count;
    struct page pages[PROCESS_MAX_PAGES];

    /* There is a reservoir: until then no free and no denial looks any further. */
    _Atomic uint32_t measures;
    struct pools pools;
    struct graphs graphs;
    struct physical_state physical;
    struct contexts contexts;
    struct deferred_frees deferred;
    struct imports imports;
    struct shares shares;
    struct taken_reserve taken_reserve;
};

#endif

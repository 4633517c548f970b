/* SPDX-License-Identifier: Apache-2.0 */
/* The books of the simulated card: a file that every simulated process maps MAP_SHARED and that anybody may map
 * read-only and sample. Fixed size, little-endian, all words naturally aligned; the offsets below are asserted, so a
 * reader in another language may copy them.
 *
 * Where the file is: $FAKECUDA_STATE, else /dev/shm/fakecuda-<uid>.
 *
 * Who writes: `bytes` and what belongs to it (used, current, peaks, counters) change only under the device's lock, all
 * of them in one critical section, so they agree with each other whenever the lock is free. A process killed inside
 * the section leaves the lock behind; whoever needs it next sees that its owner is dead, takes it and recomputes `used`
 * and each group's `current` from the slots: the slots' `bytes` are the truth, the sums only a cache of it.
 *
 * Who is alive: a process holds an OFD write lock on byte FAKECUDA_SLOT_LOCK + slot for as long as its descriptor is
 * open, as the memory on a real card lives as long as the driver's descriptors do. The kernel drops the lock on exit,
 * on any kill, and on exec (the descriptor is close-on-exec). A forked child inherits the descriptor and so keeps the
 * memory of a dead parent, unless FAKECUDA_CLOSE_ON_FORK=1.
 *
 * Memory that several processes have references to (struct fakecuda_shared) is not in any slot's `bytes` but in the
 * sums of whoever is its holder at the time.
 *
 * When the dead are struck off: nobody runs at the moment of a death, so a dead process's bytes stay in `used` and
 * `current` until the next process that would exceed the card's capacity, raise a peak, read cuMemGetInfo or take the
 * slot removes them, exactly once. Since that happens before a peak may rise, a peak never counts a process that
 * was dead when the allocation arrived: peak > limit proves that the living really held more than the limit. A reader
 * that wants the sum of the living at this instant adds up the slots whose {pid, starttime} live and the shared memory
 * (fakecuda-stat does). */
#ifndef FAKECUDA_CARD_H
#define FAKECUDA_CARD_H

#include <stdint.h>

#define FAKECUDA_MAGIC 0x41445543454b4146ull /* "FAKECUDA" */
#define FAKECUDA_VERSION 3u
#define FAKECUDA_DEVICES 16u
#define FAKECUDA_SLOTS 512u
#define FAKECUDA_GROUPS 256u
#define FAKECUDA_CALLS 48u
#define FAKECUDA_KINDS 16u
#define FAKECUDA_SHARED 256u              /* shared memories per device */
#define FAKECUDA_SLOT_LOCK (1ull << 32)   /* lock byte of slot 0, behind the end of the file */
#define FAKECUDA_CONFIG_LOCK (1ull << 33) /* shared: the card is in use; exclusive: it is being set up */

/* Entry points counted per process and device: X(index, name in fakecuda-stat); a name without its version stands for
 * every version of it. The commonest two come first: they share a cache line with what changes with them. */
#define FAKECUDA_CALL_LIST(X)                                                                                          \
    X(0, cuMemAlloc_v2)                                                                                                \
    X(1, cuMemFree_v2)                                                                                                 \
    X(2, cuMemAlloc)                                                                                                   \
    X(3, cuMemFree)                                                                                                    \
    X(4, cuMemAllocManaged)                                                                                            \
    X(5, cuMemAllocPitch_v2)                                                                                           \
    X(6, cuMemAllocPitch)                                                                                              \
    X(7, implicit_free) /* blocks freed by the end of their context, or found no address */                            \
    X(8, cuMemAllocAsync)                                                                                              \
    X(9, cuMemAllocFromPoolAsync)                                                                                      \
    X(10, cuMemFreeAsync)                                                                                              \
    X(11, cuMemPoolCreate)                                                                                             \
    X(12, cuMemPoolDestroy)                                                                                            \
    X(13, cuMemPoolTrimTo)                                                                                             \
    X(14, cuMemPoolImportPointer)                                                                                      \
    X(15, cuMemCreate)                                                                                                 \
    X(16, cuMemRelease)                                                                                                \
    X(17, cuMemMap)                                                                                                    \
    X(18, cuMemUnmap)                                                                                                  \
    X(19, cuMemRetainAllocationHandle)                                                                                 \
    X(20, cuMemImportFromShareableHandle)                                                                              \
    X(21, cuMulticastBind)                                                                                             \
    X(22, cuMulticastUnbind)                                                                                           \
    X(23, cuArrayCreate)                                                                                               \
    X(24, cuArrayDestroy)                                                                                              \
    X(25, cuMipmappedArrayCreate)                                                                                      \
    X(26, cuMipmappedArrayDestroy)                                                                                     \
    X(27, cuGraphLaunch)                                                                                               \
    X(28, graph_alloc) /* an allocation node that ran */                                                               \
    X(29, graph_free)  /* a free node that ran, or AUTO_FREE_ON_LAUNCH */                                              \
    X(30, cuDeviceGraphMemTrim)                                                                                        \
    X(31, cuIpcGetMemHandle)                                                                                           \
    X(32, cuIpcOpenMemHandle)                                                                                          \
    X(33, cuIpcCloseMemHandle)                                                                                         \
    X(34, cuImportExternalMemory)                                                                                      \
    X(35, cuDestroyExternalMemory)
enum fakecuda_call {
#define X(index, name) FAKECUDA_CALL_##name = index,
    FAKECUDA_CALL_LIST(X)
#undef X
};

/* What memory is held as: X(index, name in fakecuda-stat). */
#define FAKECUDA_KIND_LIST(X)                                                                                          \
    X(0, linear)                                                                                                       \
    X(1, managed)                                                                                                      \
    X(2, pitched)                                                                                                      \
    X(3, pool)     /* what stream-ordered pools reserve, used or not */                                                \
    X(4, physical) /* cuMemCreate */                                                                                   \
    X(5, array)                                                                                                        \
    X(6, graph)    /* what the devices' graph allocators reserve */                                                    \
    X(7, context)  /* FAKECUDA_CONTEXT_OVERHEAD */
enum fakecuda_kind {
#define X(index, name) FAKECUDA_KIND_##name = index,
    FAKECUDA_KIND_LIST(X)
#undef X
};

/* One simulated GPU; 128 bytes. */
struct fakecuda_device {
    uint64_t lock;     /*  0: 0, or generation << 16 | slot + 1 of the process inside the critical section */
    uint64_t capacity; /*  8: bytes of memory */
    uint64_t used;     /* 16: sum of bytes over all slots and all shared memory */
    uint64_t peak;     /* 24: highest `used` ever */
    uint8_t uuid[16];  /* 32 */
    char name[48];     /* 48: NUL-terminated */
    uint64_t shared;   /* 96: the entries of `shared` from here on were never used */
    uint64_t reserved[3];
};

/* What one process did on one device; 576 bytes. Since the process started, unless said otherwise. */
struct fakecuda_books {
    uint64_t bytes;                 /*   0: held now and not shared, as asked for (pitched: pitch * height) */
    uint64_t peak;                  /*   8: highest sum of bytes held, shared ones included */
    uint64_t live;                  /*  16: allocations held now */
    uint64_t allocated;             /*  24: sum of the bytes of all allocations that succeeded */
    uint64_t refused;               /*  32: allocations that found no room */
    uint64_t contexts;              /*  40: contexts alive now */
    uint64_t calls[FAKECUDA_CALLS]; /*  48: successful calls by enum fakecuda_call */
    uint64_t kinds[FAKECUDA_KINDS]; /* 432: `bytes` by enum fakecuda_kind; linear is the rest and not written */
    uint64_t reserved[2];
};

/* Memory that has been exported from its process; 96 bytes. It is held by one process that has references to it, the
 * exporter first. When that one lets go or dies it is held by another that has references; when there is none, by
 * nobody, as long as an exported descriptor is open somewhere: such a descriptor has a read lock on byte 0 of
 * <state>.<device>.<index>, the file that is the memory. */
struct fakecuda_shared {
    uint64_t generation; /*  0: +1 with each memory that the entry stands for */
    uint64_t bytes;      /*  8: 0 = unused */
    uint32_t holder;     /* 16: slot + 1; 0 = nobody */
    uint32_t kind;       /* 20: enum fakecuda_kind */
    uint64_t members[FAKECUDA_SLOTS / 64]; /* 24: a bit for each slot with references */
    uint64_t reserved;
};

/* One process; 9280 bytes. A slot is taken over by a new process only when the old one is dead. */
struct fakecuda_slot {
    uint64_t generation; /*  0: +1 with each owner; 0 = never used */
    uint64_t starttime;  /*  8: field 22 of /proc/<pid>/stat: with pid, the owner's identity */
    uint32_t pid;        /* 16: in the owner's pid namespace */
    uint32_t group;      /* 20: index into groups */
    char command[16];    /* 24: short name of its program */
    uint64_t namespace;  /* 40: inode of its pid namespace */
    uint64_t reserved[2];
    struct fakecuda_books books[FAKECUDA_DEVICES]; /* 64 */
};

/* The processes that share one $FAKECUDA_GROUP; 320 bytes. Group 0 stands for none and is not summed. */
struct fakecuda_group {
    char name[64]; /* 0: NUL-terminated; empty = unused */
    struct fakecuda_group_memory {
        uint64_t current; /* sum of what the group's slots hold, shared memory included */
        uint64_t peak;    /* highest `current` ever: the witness that a limit held at every instant */
    } memory[FAKECUDA_DEVICES]; /* 64 */
};

struct fakecuda_card {
    uint64_t magic;        /*  0: written last */
    uint32_t version;      /*  8 */
    uint32_t device_count; /* 12 */
    uint32_t slot_count;   /* 16: FAKECUDA_SLOTS */
    uint32_t group_count;  /* 20: FAKECUDA_GROUPS */
    uint64_t reserved[5];
    struct fakecuda_device devices[FAKECUDA_DEVICES]; /* 64 */
    struct fakecuda_slot slots[FAKECUDA_SLOTS];       /* 2112 */
    struct fakecuda_group groups[FAKECUDA_GROUPS];    /* 4753472 */
    struct fakecuda_shared shared[FAKECUDA_DEVICES][FAKECUDA_SHARED]; /* 4835392: under its device's lock */
};

_Static_assert(sizeof(struct fakecuda_device) == 128, "device");
_Static_assert(sizeof(struct fakecuda_books) == 576, "books");
_Static_assert(sizeof(struct fakecuda_shared) == 96, "shared");
_Static_assert(sizeof(struct fakecuda_slot) == 9280, "slot");
_Static_assert(sizeof(struct fakecuda_group) == 320, "group");
_Static_assert(__builtin_offsetof(struct fakecuda_books, kinds) == 432, "kinds");
_Static_assert(__builtin_offsetof(struct fakecuda_slot, books) == 64, "books");
_Static_assert(__builtin_offsetof(struct fakecuda_card, devices) == 64, "devices");
_Static_assert(__builtin_offsetof(struct fakecuda_card, slots) == 2112, "slots");
_Static_assert(__builtin_offsetof(struct fakecuda_card, groups) == 4753472, "groups");
_Static_assert(__builtin_offsetof(struct fakecuda_card, shared) == 4835392, "shared");
_Static_assert(sizeof(struct fakecuda_card) == 5228608, "card");

#endif

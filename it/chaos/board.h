/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver of the chaos and its guests say to each other: a file that all of them map. `chaos/board.py` has the same
 * offsets. */
#ifndef BOARD_H
#define BOARD_H

#include <stdatomic.h>
#include <stdint.h>

#define BOARD_PLAYERS 4096
#define BOARD_OFFERS 64

/* Counted by the guests together: X(index, name). */
#define BOARD_COUNTS(X)                                                                                                \
    X(0, steps)                                                                                                        \
    X(1, denials)                                                                                                      \
    X(2, forks)                                                                                                        \
    X(3, execs)                                                                                                        \
    X(4, exports)                                                                                                      \
    X(5, imports)                                                                                                      \
    X(6, longest_us) /* the longest step, waits for a daemon that is away included */
enum board_count {
#define X(index, name) BOARD_##name = index,
    BOARD_COUNTS(X)
#undef X
    BOARD_COUNT
};

/* Memory that anybody may import. Only the checker makes an offer open, and only once it has seen on the card whose the
 * memory is: so it knows for certain, later, who paid first for what has changed hands. */
enum { OFFER_NONE, OFFER_WRITTEN, OFFER_MADE, OFFER_OPEN };
struct board_offer {
    _Atomic uint32_t state;
    uint32_t lane;      /*  4 */
    int32_t descriptor; /*  8: of physical memory in the process `pid`; -1: `ipc` is it */
    uint32_t pid;       /* 12 */
    uint8_t ipc[64];    /* 16 */
};

/* 16 bytes. A process is quiet when it has been told to be, has nothing under way, and its pools have been looked at. */
struct board_player {
    _Atomic uint32_t pid;   /* 0: free */
    uint32_t lane;          /* 4 */
    _Atomic uint32_t quiet; /* 8: the last round that it was quiet in */
    uint32_t reserved;
};

/* The driver has a lock on its first byte: whoever finds that gone ends. A zombie has none, and its process id would. */
struct board {
    _Atomic uint32_t round;  /*  0: written by the driver; odd: all be quiet */
    _Atomic uint32_t forks;  /*  4: that are left to the guests; the driver adds some as long as they are few */
    _Atomic uint32_t joined; /*  8 */
    uint32_t reserved;
    _Atomic uint64_t count[16];                /* 16 */
    struct board_offer offers[BOARD_OFFERS];   /* 144 */
    struct board_player players[BOARD_PLAYERS]; /* 5264 */
};

_Static_assert(sizeof(struct board_offer) == 80, "offer");
_Static_assert(sizeof(struct board_player) == 16, "player");
_Static_assert(__builtin_offsetof(struct board, offers) == 144, "offers");
_Static_assert(__builtin_offsetof(struct board, players) == 5264, "players");

#endif

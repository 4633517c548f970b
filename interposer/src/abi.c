/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * gpuslice_abi(): the header's facts as the compiler sees them, for whoever has to agree with them.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "export.h"
#include "gpuslice_abi.h"

#define CONSTANTS(X) \
    X(GPUSLICE_ABI_MAJOR) \
    X(GPUSLICE_ABI_MINOR) \
    X(GPUSLICE_ABI_VERSION) \
    X(GPUSLICE_MAX_DEVICES) \
    X(GPUSLICE_SESSION_ID_SIZE) \
    X(GPUSLICE_TOKEN_SIZE) \
    X(GPUSLICE_NAME_SIZE) \
    X(GPUSLICE_LIMIT_SPEC_SIZE) \
    X(GPUSLICE_UUID_SIZE) \
    X(GPUSLICE_TEXT_SIZE) \
    X(GPUSLICE_KEY_SIZE) \
    X(GPUSLICE_MAX_FRAME_SIZE) \
    X(GPUSLICE_FLAG_STRICT) \
    X(GPUSLICE_FLAG_KEEP) \
    X(GPUSLICE_FLAG_NO_LEADER) \
    X(GPUSLICE_CHARGE_HELD) \
    X(GPUSLICE_SHARE_EXPORTED) \
    X(GPUSLICE_SHARE_RELEASED) \
    X(GPUSLICE_SHARE_IMPORTED) \
    X(GPUSLICE_SHARE_CLOSED) \
    X(GPUSLICE_PAGE_MAGIC) \
    X(GPUSLICE_PAGE_COUNTS_OFFSET) \
    X(GPUSLICE_PAGE_STRIPES) \
    X(GPUSLICE_STRIPE_DEVICES) \
    X(GPUSLICE_PAGE_TABLE_OFFSET) \
    X(GPUSLICE_TABLE_SEGMENT0) \
    X(GPUSLICE_TABLE_SEGMENTS) \
    X(GPUSLICE_TABLE_ENTRIES) \
    X(GPUSLICE_PAGE_SIZE) \
    X(GPUSLICE_GATED) \
    X(GPUSLICE_CHARGE_MASK) \
    X(GPUSLICE_MAX_BYTES) \
    X(GPUSLICE_ENTRY_FREE) \
    X(GPUSLICE_ENTRY_CLAIMED) \
    X(GPUSLICE_ACTIVE) \
    X(GPUSLICE_EXPIRED) \
    X(GPUSLICE_CLOSED) \
    X(GPUSLICE_KIND_LINEAR) \
    X(GPUSLICE_KIND_MANAGED) \
    X(GPUSLICE_KIND_PITCHED) \
    X(GPUSLICE_KIND_POOL) \
    X(GPUSLICE_KIND_PHYSICAL) \
    X(GPUSLICE_KIND_ARRAY) \
    X(GPUSLICE_KIND_GRAPH) \
    X(GPUSLICE_KIND_IMPORT) \
    X(GPUSLICE_KIND_CONTEXT)

#define FRAMES(X) \
    X(OPEN) \
    X(OPENED) \
    X(JOIN) \
    X(JOINED) \
    X(HELLO) \
    X(WELCOME) \
    X(CHARGE) \
    X(GRANTED) \
    X(DENIED) \
    X(FREED) \
    X(QUERY) \
    X(STATUS) \
    X(CALL) \
    X(REPLY) \
    X(WATCH) \
    X(EVENT) \
    X(ERROR) \
    X(SHARE) \
    X(HEARD)

#define STRUCTS(STRUCT, FIELD) \
    STRUCT(gpuslice_frame) \
    FIELD(gpuslice_frame, length) \
    FIELD(gpuslice_frame, type) \
    FIELD(gpuslice_frame, version) \
    FIELD(gpuslice_frame, seq) \
    FIELD(gpuslice_frame, reserved) \
    STRUCT(gpuslice_open) \
    FIELD(gpuslice_open, token) \
    FIELD(gpuslice_open, limit) \
    FIELD(gpuslice_open, name) \
    FIELD(gpuslice_open, ttl_seconds) \
    FIELD(gpuslice_open, flags) \
    FIELD(gpuslice_open, reserved) \
    STRUCT(gpuslice_opened) \
    FIELD(gpuslice_opened, session_id) \
    FIELD(gpuslice_opened, token) \
    FIELD(gpuslice_opened, warning) \
    STRUCT(gpuslice_join) \
    FIELD(gpuslice_join, token) \
    FIELD(gpuslice_join, session) \
    STRUCT(gpuslice_hello) \
    FIELD(gpuslice_hello, session_id) \
    FIELD(gpuslice_hello, token) \
    FIELD(gpuslice_hello, image_id) \
    FIELD(gpuslice_hello, device_count) \
    FIELD(gpuslice_hello, reserved) \
    FIELD(gpuslice_hello, device_uuids) \
    STRUCT(gpuslice_welcome) \
    FIELD(gpuslice_welcome, flags) \
    FIELD(gpuslice_welcome, device_count) \
    FIELD(gpuslice_welcome, page_size) \
    FIELD(gpuslice_welcome, limit) \
    STRUCT(gpuslice_charge) \
    FIELD(gpuslice_charge, bytes) \
    FIELD(gpuslice_charge, device) \
    FIELD(gpuslice_charge, flags) \
    STRUCT(gpuslice_granted) \
    FIELD(gpuslice_granted, charge) \
    FIELD(gpuslice_granted, device) \
    FIELD(gpuslice_granted, reserved) \
    STRUCT(gpuslice_denied) \
    FIELD(gpuslice_denied, code) \
    FIELD(gpuslice_denied, device) \
    FIELD(gpuslice_denied, asked) \
    FIELD(gpuslice_denied, used) \
    FIELD(gpuslice_denied, limit) \
    STRUCT(gpuslice_freed) \
    FIELD(gpuslice_freed, bytes) \
    FIELD(gpuslice_freed, handle) \
    FIELD(gpuslice_freed, device) \
    FIELD(gpuslice_freed, reserved) \
    STRUCT(gpuslice_share) \
    FIELD(gpuslice_share, what) \
    FIELD(gpuslice_share, device) \
    FIELD(gpuslice_share, bytes) \
    FIELD(gpuslice_share, key) \
    STRUCT(gpuslice_status_device) \
    FIELD(gpuslice_status_device, limit) \
    FIELD(gpuslice_status_device, used) \
    FIELD(gpuslice_status_device, charge) \
    STRUCT(gpuslice_status) \
    FIELD(gpuslice_status, state) \
    FIELD(gpuslice_status, flags) \
    FIELD(gpuslice_status, ttl_left_ms) \
    FIELD(gpuslice_status, device_count) \
    FIELD(gpuslice_status, reserved) \
    FIELD(gpuslice_status, devices) \
    STRUCT(gpuslice_error) \
    FIELD(gpuslice_error, code) \
    FIELD(gpuslice_error, reserved) \
    FIELD(gpuslice_error, text) \
    STRUCT(gpuslice_page_header) \
    FIELD(gpuslice_page_header, magic) \
    FIELD(gpuslice_page_header, version) \
    FIELD(gpuslice_page_header, device_count) \
    FIELD(gpuslice_page_header, size) \
    FIELD(gpuslice_page_header, page_id) \
    FIELD(gpuslice_page_header, segments) \
    FIELD(gpuslice_page_header, pid) \
    FIELD(gpuslice_page_header, reserved) \
    STRUCT(gpuslice_page_device) \
    FIELD(gpuslice_page_device, charge) \
    FIELD(gpuslice_page_device, used) \
    FIELD(gpuslice_page_device, peak) \
    FIELD(gpuslice_page_device, allocations) \
    FIELD(gpuslice_page_device, frees) \
    FIELD(gpuslice_page_device, denials) \
    FIELD(gpuslice_page_device, reserved) \
    STRUCT(gpuslice_page_counts) \
    FIELD(gpuslice_page_counts, allocations) \
    FIELD(gpuslice_page_counts, frees) \
    STRUCT(gpuslice_page_entry) \
    FIELD(gpuslice_page_entry, handle) \
    FIELD(gpuslice_page_entry, meta)

/* Four times what it takes today; a test notices when it is cut short. */
static char text[16384];

static void append(size_t *length, const char *word, const char *name, const char *field, unsigned long long first,
                   unsigned long long second, bool has_second)
{
    char *at = text + *length;
    size_t room = sizeof text - *length;
    int written = has_second ? snprintf(at, room, "%s %s %s %llu %llu\n", word, name, field, first, second)
                             : snprintf(at, room, "%s %s %llu\n", word, name, first);
    *length += (size_t)written < room ? (size_t)written : room - 1;
}

static void fill(void)
{
    size_t length = 0;
#define CONSTANT(name) append(&length, "constant", #name, "", (unsigned long long)(name), 0, false);
    CONSTANTS(CONSTANT)
#define FRAME(name) append(&length, "frame", #name, "", GPUSLICE_##name, 0, false);
    FRAMES(FRAME)
#define ERROR(name, number) append(&length, "error", #name, "", number, 0, false);
    GPUSLICE_ERROR_CODES(ERROR)
#define SIZE(type) append(&length, "size", #type, "", sizeof(struct type), 0, false);
#define PLACE(type, member) \
    append(&length, "field", #type, #member, offsetof(struct type, member), sizeof(((struct type *)0)->member), true);
    STRUCTS(SIZE, PLACE)
}

GPUSLICE_EXPORT const char *gpuslice_abi(void)
{
    static _Atomic int state; /* 0 empty, 1 being filled, 2 full */
    int empty = 0;
    if (atomic_compare_exchange_strong(&state, &empty, 1)) {
        fill();
        atomic_store(&state, 2);
    }
    while (atomic_load(&state) != 2)
        sched_yield();
    return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accounting.h"
#include "daemon.h"
#include "descriptor.h"
#include "process.h"

static struct daemon session;
static struct gpuslice_page_header *page;
static int memfd;
static uint64_t the_limit;
static _Atomic int asked, denied, held;
static _Atomic bool strict, comes_back, misses;
static _Atomic uint64_t granted, freed;
static struct gpuslice_share shares[SESSION_SHARES];
static _Atomic uint32_t share_count;

struct gpuslice_page_device *session_line(uint32_t device)
{
    return test_page_device(page, device);
}

uint64_t session_used(uint32_t device)
{
    return __atomic_load_n(&session_line(device)->used, __ATOMIC_SEQ_CST);
}

uint64_t session_allocations(uint32_t device)
{
    struct page view = test_page_view(page);
    return accounting_allocations(&view, device);
}

uint64_t session_frees(uint32_t device)
{
    struct page view = test_page_view(page);
    return accounting_frees(&view, device);
}

static void decide(int connection, const struct request *request)
{
    const struct gpuslice_charge *charge = &request->as.charge;
    struct gpuslice_page_device *line = session_line(charge->device);
    uint64_t needed = session_used(charge->device) + charge->bytes;
    bool is_held = charge->flags & GPUSLICE_CHARGE_HELD;
    asked++;
    if (needed > the_limit && !is_held) {
        denied++;
        daemon_deny(connection, request, GPUSLICE_ERR_QUOTA_EXCEEDED, session_used(charge->device), the_limit);
        return;
    }
    held += is_held;
    granted += charge->bytes;
    uint64_t gate = needed > the_limit || strict ? GPUSLICE_GATED : 0;
    if (needed > (line->charge & GPUSLICE_CHARGE_MASK))
        __atomic_store_n(&line->charge, needed | gate, __ATOMIC_SEQ_CST);
    daemon_grant(connection, request, needed);
}

static void answer(int connection, const struct request *request)
{
    struct gpuslice_status status = {.state = GPUSLICE_ACTIVE, .ttl_left_ms = UINT64_MAX, .device_count = 2};
    for (uint32_t i = 0; i < 2; i++)
        status.devices[i] = (struct gpuslice_status_device){the_limit, session_used(i), session_used(i)};
    daemon_send(connection, GPUSLICE_STATUS, request->frame.seq, &status, sizeof status);
}

/* False: it dies of it. */
static bool hear(int connection, const struct request *request)
{
    if (misses)
        return false;
    shares[share_count++ % SESSION_SHARES] = request->as.share;
    if (request->frame.seq != 0)
        daemon_send(connection, GPUSLICE_HEARD, request->frame.seq, NULL, 0);
    return true;
}

/* Lives until the shim closes the connection for good. */
static void serve(struct daemon *daemon, void *context)
{
    (void)context;
    struct request request;
    do {
        comes_back = false;
        int connection = daemon_accept(daemon);
        if (!CHECK(daemon_read(connection, &request) && request.frame.type == GPUSLICE_HELLO))
            return;
        daemon_welcome(connection, &request, strict ? GPUSLICE_FLAG_STRICT : 0, memfd);
        while (daemon_read(connection, &request)) {
            if (request.frame.type == GPUSLICE_SHARE && !hear(connection, &request))
                break;
            if (request.frame.type == GPUSLICE_SHARE)
                continue;
            if (request.frame.type == GPUSLICE_CHARGE)
                decide(connection, &request);
            else if (request.frame.type == GPUSLICE_FREED)
                freed += request.as.freed.bytes;
            else
                answer(connection, &request);
        }
        close(connection);
        comes_back |= misses;
        misses = false;
    } while (comes_back);
}

void session_be_strict(void)
{
    strict = true;
    for (uint32_t device = 0; device < 2; device++)
        __atomic_store_n(&session_line(device)->charge, GPUSLICE_GATED, __ATOMIC_SEQ_CST);
}

uint64_t session_granted(void)
{
    return granted;
}

uint64_t session_freed(void)
{
    size_t free_bytes;
    cuMemGetInfo_v2(&free_bytes, NULL); /* the answer comes when the frames before it have been read */
    return freed;
}

uint32_t session_shares(struct gpuslice_share heard[SESSION_SHARES])
{
    size_t free_bytes;
    cuMemGetInfo_v2(&free_bytes, NULL);
    memcpy(heard, shares, sizeof shares);
    return atomic_exchange(&share_count, 0);
}

static struct config *config(void)
{
    return (struct config *)(uintptr_t)config_get();
}

void session_miss_a_share(void)
{
    misses = true;
}

void session_lose_daemon(void)
{
    comes_back = true;
    config()->wait_ms = 1;
    config()->socket_path[1] = '\0';
    descriptor_close(&process_get()->connection.socket);
}

void session_find_daemon(void)
{
    *config() = session.config;
    process_get()->connection.down = false; /* no need to wait for a probe */
}

static void forget_everything(struct process *process)
{
    descriptor_close(&process->connection.socket);
    for (uint32_t i = 0; i < process->page_count; i++) {
        descriptor_close(&process->pages[i].descriptor);
        test_page_unmap(process->pages[i].header);
    }
    /* What its maps have is left where it is: a few pages per test. */
    memset(process, 0, sizeof *process);
}

void session_begin(uint64_t limit)
{
    setenv("GPUSLICE_SESSION", "0123456789abcdef", 1);
    daemon_prepare(&session);
    *config() = session.config;
    the_limit = limit;
    asked = denied = held = 0;
    granted = freed = 0;
    share_count = 0;
    strict = comes_back = misses = false;
    memfd = test_page_create(2, 1);
    page = test_page_map(memfd);
    driver_reset();
    daemon_start(&session, serve, NULL);
}

static void come_at_least_once(void)
{
    /* Somebody has to come, or the daemon waits for ten seconds. */
    size_t free_bytes;
    driver_set_context(driver_primary_context(0));
    cuMemGetInfo_v2(&free_bytes, NULL);
}

void session_end(void)
{
    come_at_least_once();
    CHECK_BOOKS();
    session_close();
}

void session_close(void)
{
    come_at_least_once();
    forget_everything(process_get());
    daemon_finish(&session);
    test_page_unmap(page);
    close(memfd);
}

void session_run(const char *name, void (*test)(void), uint64_t limit)
{
    static void (*body)(void);
    body = test;
    test_begin();
    session_begin(limit);
    body();
    session_end();
    test_end(name);
}

void session_count_context(uint64_t bytes)
{
    config()->count_context = bytes;
}

struct session_counts session_counts(void)
{
    return (struct session_counts){asked, denied, held};
}

uint32_t session_entries(uint32_t kind, uint64_t *bytes)
{
    const struct gpuslice_page_entry *table = (const void *)((char *)page + GPUSLICE_PAGE_TABLE_OFFSET);
    uint32_t count = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < GPUSLICE_TABLE_SEGMENT0; i++) {
        if (table[i].handle > GPUSLICE_ENTRY_CLAIMED && GPUSLICE_META_KIND(table[i].meta) == kind) {
            count++;
            *bytes += GPUSLICE_META_BYTES(table[i].meta);
        }
    }
    return count;
}

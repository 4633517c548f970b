/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include "accounting.h"
#include "clock.h"
#include "debug.h"
#include "hot.h"
#include "lock.h"
#include "process.h"
#include "shares.h"
#include "table.h"
#include "transport.h"

/*
 * A grant can be used up by other threads before the one that asked gets to it, any number of times while they are
 * busy: each time one of them got memory. So it is the clock that ends this, as every wait.
 */
#define LOSING_WAIT_MS 5000u

/* How a reservation is made, and what is done about a denial. */
enum manner {
    LAST_WORD, /* told and counted */
    FIRST_TRY, /* the caller can do something about it, and tries again */
    HELD,      /* the memory is held: there is nothing to deny */
};

void ledger_tell(struct process *process, enum refusal kind, uint32_t device, uint64_t bytes, const char *format, ...)
{
    char why[400], size[DEBUG_SIZE_LENGTH];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    bool first = !(atomic_fetch_or_explicit(&process->told, 1u << kind, memory_order_relaxed) & 1u << kind);
    void (*say)(const char *, ...) = first ? debug_notice : debug_line;
    say("refused %s on device %u: %s", debug_size(size, bytes), device, why);
}

static void tell_denied(struct process *process, uint32_t device, uint64_t bytes, const struct gpuslice_denied *denied)
{
    char used[DEBUG_SIZE_LENGTH], limit[DEBUG_SIZE_LENGTH];
    debug_size(used, denied->used);
    debug_size(limit, denied->limit);
    switch (denied->code) {
    case GPUSLICE_ERR_QUOTA_EXCEEDED:
        ledger_tell(process, REFUSAL_QUOTA, device, bytes, "%s of %s used by this session", used, limit);
        break;
    case GPUSLICE_ERR_SESSION_EXPIRED:
        ledger_tell(process, REFUSAL_SESSION, device, bytes, "the session has expired; it holds %s of %s", used, limit);
        break;
    case GPUSLICE_ERR_SESSION_CLOSED:
        ledger_tell(process, REFUSAL_SESSION, device, bytes, "the session is closed");
        break;
    default:
        ledger_tell(process, REFUSAL_SESSION, device, bytes, "the daemon says no (error %u); %s of %s used", denied->code,
                    used, limit);
    }
}

/* ASK. Under the lock. */
static bool ask(const struct config *config, struct process *process, uint32_t device, uint64_t bytes,
                enum manner manner)
{
    struct transport_reply reply;
    if (!transport_charge(config, process, device, bytes, manner == HELD ? GPUSLICE_CHARGE_HELD : 0, &reply)) {
        ledger_tell(process, process->connection.error == 0 ? REFUSAL_UNREACHABLE : REFUSAL_SESSION, device, bytes,
                    "%s", process->connection.reason);
        return false;
    }
    switch (reply.type) {
    case GPUSLICE_GRANTED:
        return true;
    case GPUSLICE_DENIED:
        process->limit[device] = reply.as.denied.limit;
        if (manner == LAST_WORD)
            tell_denied(process, device, bytes, &reply.as.denied);
        return false;
    default:
        ledger_tell(process, REFUSAL_SESSION, device, bytes, "%.*s", (int)sizeof reply.as.error.text,
                    reply.as.error.text);
        return false;
    }
}

static bool reserve_slowly(const struct config *config, struct process *process, uint32_t device, uint64_t bytes,
                           enum manner manner)
{
    /* The lock is held from the question to the CAS that uses the answer: on a gated page one grant is good for one
     * allocation, and no second thread may help itself to it. */
    int cancel_state = lock_enter(&process->lock);
    bool reserved = false, granted = false;
    uint64_t give_up = 0;
    for (;;) {
        struct page *page = process_page(process);
        if (page == NULL) {
            if (transport_join(config, process))
                continue;
            ledger_tell(process, process->connection.error == 0 ? REFUSAL_UNREACHABLE : REFUSAL_SESSION, device, bytes,
                        "%s", process->connection.reason);
            break;
        }
        enum accounting_result result = accounting_take(page, device, bytes, granted);
        reserved = result == ACCOUNTING_TAKEN;
        if (reserved)
            break;
        granted = false;
        if (result == ACCOUNTING_MOVED)
            continue;
        uint64_t now = clock_ms();
        give_up = give_up != 0 ? give_up : now + LOSING_WAIT_MS;
        if (now > give_up) {
            ledger_tell(process, REFUSAL_IMPOSSIBLE, device, bytes, "other threads used up every grant for %u ms",
                        LOSING_WAIT_MS);
            break;
        }
        granted = ask(config, process, device, bytes, manner);
        if (!granted)
            break;
    }
    lock_leave(&process->lock, cancel_state);
    return reserved;
}

static bool reserve(const struct config *config, struct process *process, uint32_t device, uint64_t bytes,
                    enum manner manner)
{
    struct page *page = process_page(process);
    bool reserved = false;
    if (bytes > GPUSLICE_MAX_BYTES)
        ledger_tell(process, REFUSAL_IMPOSSIBLE, device, bytes, "no device has that much");
    else
        reserved = (page != NULL && accounting_take(page, device, bytes, false) == ACCOUNTING_TAKEN) ||
                   reserve_slowly(config, process, device, bytes, manner);
    if (!reserved && manner == LAST_WORD && (page = process_page(process)) != NULL)
        accounting_count_denial(page, device);
    return reserved;
}

bool ledger_reserve(const struct config *config, struct process *process, uint32_t device, uint64_t bytes)
{
    return reserve(config, process, device, bytes, LAST_WORD);
}

bool ledger_try(const struct config *config, struct process *process, uint32_t device, uint64_t bytes)
{
    return reserve(config, process, device, bytes, FIRST_TRY);
}

bool ledger_hold(const struct config *config, struct process *process, uint32_t device, uint64_t bytes)
{
    return reserve(config, process, device, bytes, HELD);
}

void ledger_cancel(struct process *process, uint32_t device, uint64_t bytes)
{
    if (bytes > 0) /* what takes no memory needs no page either */
        accounting_lower(process_page(process), device, bytes);
}

bool ledger_record(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle, uint32_t kind)
{
    struct page *page = process_page(process);
    if (!table_insert(page, handle, GPUSLICE_META(bytes, device, kind))) {
        ledger_tell(process, REFUSAL_IMPOSSIBLE, device, bytes, "the table of live allocations is full");
        return false;
    }
    accounting_count_allocation(process, page, device);
    return true;
}

static bool take(struct process *process, uint64_t handle, uint32_t kinds, struct taken *taken)
{
    taken->handle = handle;
    for (;;) {
        uint32_t moves = atomic_load_explicit(&process->moves, memory_order_acquire);
        for (struct page *page = process_page(process); page != NULL; page = page->older) {
            taken->entry = table_take(page, handle, kinds, &taken->meta);
            if (taken->entry != NULL)
                return true;
        }
        /* An entry on its way from one page to the other is on neither for an instant. */
        if (moves % 2 == 0 && atomic_load_explicit(&process->moves, memory_order_acquire) == moves)
            return false;
        sched_yield();
    }
}

static enum shares_of name_space(const struct taken *taken)
{
    return GPUSLICE_META_KIND(taken->meta) == GPUSLICE_KIND_PHYSICAL ? SHARES_PHYSICAL : SHARES_ADDRESS;
}

bool ledger_take_kind(struct process *process, uint64_t handle, uint32_t kinds, struct taken *taken)
{
    if (!take(process, handle, kinds, taken))
        return false;
    taken->export = shares_is_exporting(process) ? shares_detach(process, name_space(taken), handle) : 0;
    return true;
}

bool ledger_take(struct process *process, uint64_t handle, struct taken *taken)
{
    return ledger_take_kind(process, handle, TABLE_POINTERS, taken);
}

void ledger_report(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle)
{
    if (!ledger_reports(process))
        return;
    int cancel_state = lock_enter(&process->lock);
    transport_freed(process, device, bytes, handle);
    lock_leave(&process->lock, cancel_state);
}

void ledger_release(struct process *process, const struct taken *taken)
{
    if (!shares_is_exporting(process)) {
        hot_free_end(process, taken);
        return;
    }
    uint32_t device = GPUSLICE_META_DEVICE(taken->meta);
    table_release(taken->entry);
    shares_release(process, taken->export);
    ledger_give_back(process, device, GPUSLICE_META_BYTES(taken->meta), taken->handle);
    ledger_count_free(process, device);
}

void ledger_put_back(struct process *process, const struct taken *taken)
{
    if (taken->export != 0)
        shares_attach(process, name_space(taken), taken->handle, taken->export);
    table_put_back(taken->entry, taken->handle);
}

void ledger_show(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle, uint32_t kind)
{
    uint64_t meta = GPUSLICE_META(bytes, device, kind);
    struct taken taken;
    if (!take(process, handle, TABLE_KIND(kind), &taken)) {
        if (bytes > 0)
            table_insert(process_page(process), handle, meta); /* a full table only means that this is not shown */
    } else if (bytes == 0) {
        table_release(taken.entry);
    } else {
        table_change(taken.entry, meta);
        table_put_back(taken.entry, handle);
    }
}

void ledger_give_back(struct process *process, uint32_t device, uint64_t bytes, uint64_t handle)
{
    uint64_t credit = shares_is_exporting(process) ? shares_creditable(process, device, bytes) : bytes;
    accounting_lower(process_page(process), device, credit);
    ledger_report(process, device, bytes, handle);
}

void ledger_count_allocation(struct process *process, uint32_t device)
{
    struct page *page = process_page(process);
    if (page != NULL)
        accounting_count_allocation(process, page, device);
}

void ledger_count_free(struct process *process, uint32_t device)
{
    struct page *page = process_page(process);
    if (page != NULL)
        accounting_count_free(process, page, device);
}

/* ------------------------------------------------------------ many at a time */

struct choice {
    struct process *process;
    uint32_t device;
    uint32_t kinds;
    bool (*chosen)(void *, uint64_t);
    void *context;
    struct taken_list *list; /* NULL: only counted */
    size_t count;
};

static void choose(void *context, uint64_t handle, uint64_t meta)
{
    struct choice *choice = context;
    if (GPUSLICE_META_DEVICE(meta) != choice->device || !(choice->kinds & TABLE_KIND(GPUSLICE_META_KIND(meta))) ||
        !choice->chosen(choice->context, handle))
        return;
    struct taken_list *list = choice->list;
    choice->count++;
    if (list != NULL && list->count < list->room &&
        ledger_take_kind(choice->process, handle, TABLE_KIND(GPUSLICE_META_KIND(meta)), &list->taken[list->count]))
        list->count++;
}

static size_t bytes_of(size_t count)
{
    return sizeof(struct taken_list) + count * sizeof(struct taken);
}

/* Where there is no memory for a list of `count`, the process's reserve holds some. NULL: another thread has that. */
static struct taken_list *create_list(struct process *process, size_t count)
{
    int saved = errno;
    struct taken_list *list = mmap(NULL, bytes_of(count), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    if (list != MAP_FAILED) {
        list->room = count;
        return list;
    }
    struct taken_reserve *reserve = &process->taken_reserve;
    size_t most = (sizeof reserve->bytes - sizeof *list) / sizeof *list->taken;
    /* acquire pairs with the release in destroy_list. */
    if (atomic_exchange_explicit(&reserve->in_use, 1, memory_order_acquire) != 0)
        return NULL;
    list = (struct taken_list *)reserve->bytes;
    *list = (struct taken_list){.room = count < most ? count : most};
    return list;
}

static void destroy_list(struct process *process, struct taken_list *list)
{
    if (list == (struct taken_list *)process->taken_reserve.bytes)
        atomic_store_explicit(&process->taken_reserve.in_use, 0, memory_order_release);
    else
        munmap(list, bytes_of(list->room));
}

struct taken_list *ledger_take_all(struct process *process, uint32_t device, uint32_t kinds,
                                   bool (*chosen)(void *context, uint64_t handle), void *context)
{
    struct choice choice = {process, device, kinds, chosen, context, NULL, 0};
    for (struct page *page = process_page(process); page != NULL; page = page->older)
        table_visit(page, choose, &choice);
    struct taken_list *list = create_list(process, choice.count);
    size_t room = list == NULL ? 0 : list->room;
    if (room < choice.count)
        debug_notice("no memory to note what ends with a context on device %u: %zu of its %zu allocations stay counted "
                     "until this process ends",
                     device, choice.count - room, choice.count);
    choice.list = list;
    for (struct page *page = process_page(process); list != NULL && page != NULL; page = page->older)
        table_visit(page, choose, &choice);
    return list;
}

void ledger_settle_all(struct process *process, struct taken_list *list, bool freed)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (freed)
            ledger_release(process, &list->taken[i]);
        else
            ledger_put_back(process, &list->taken[i]);
    }
    destroy_list(process, list);
}

bool ledger_query(const struct config *config, struct process *process, uint32_t device, uint64_t *used, uint64_t *limit)
{
    struct transport_reply reply;
    int cancel_state = lock_enter(&process->lock);
    bool answered = transport_query(config, process, &reply) && reply.type == GPUSLICE_STATUS &&
                    device < reply.as.status.device_count;
    if (answered) {
        process->limit[device] = reply.as.status.devices[device].limit;
        *used = reply.as.status.devices[device].used;
    }
    *limit = process_page(process) != NULL ? process->limit[device] : UINT64_MAX;
    lock_leave(&process->lock, cancel_state);
    return answered;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "shares.h"

#include <string.h>

#include "accounting.h"
#include "debug.h"
#include "ledger.h"
#include "lock.h"
#include "map.h"
#include "process.h"
#include "transport.h"

enum side { EXPORT, IMPORT };

/* One key, on one side. It is here as long as it lives or there is something to say about it. */
struct share {
    uint64_t name; /* of side and key */
    uint64_t next; /* in the queue of those that something is to be said about */
    uint64_t export; /* its number, of an export */
    uint64_t bytes;
    struct share_key key;
    uint32_t side;
    uint32_t device;
    uint32_t references; /* exports have one; 0: gone */
    uint8_t told;        /* the daemon may know it, so it is to hear of the end */
    uint8_t heard;       /* the daemon does know it, as it is here */
    uint8_t again;       /* and is to hear it again */
    uint8_t outdated;    /* it knows it as something else: the key was used again before it heard of the end */
    uint8_t queued;
    uint32_t released_on; /* a device, and the bytes there that nobody else pays for until it hears of the end */
    uint64_t released;
};

/* What has been exported: under which name, and whether under others too. */
struct export {
    uint64_t number;
    uint64_t name;
    uint64_t names;
};

/* Where it is. */
struct block {
    uint64_t block;
    uint64_t export;
};

static uint64_t block_of(enum shares_of of, uint64_t handle)
{
    return of == SHARES_PHYSICAL ? handle ^ 1ull << 63 : handle; /* no address has that bit */
}

/* 64 bytes as 64 bits; find() compares the whole key, so two keys of one name are merely not both followed. */
static uint64_t name_of(enum side side, const struct share_key *key)
{
    uint64_t name = 0xcbf29ce484222325ull + side; /* FNV-1a */
    for (size_t i = 0; i < sizeof key->bytes; i++)
        name = (name ^ key->bytes[i]) * 0x100000001b3ull;
    return name != 0 ? name : 1;
}

bool shares_key_is_set(const struct share_key *key)
{
    static const struct share_key none;
    return memcmp(key, &none, sizeof none) != 0;
}

/* ------------------------------------------------------------ the book; its lock is held */

static struct share *named(struct shares *shares, uint64_t name)
{
    return map_find(&shares->live, sizeof(struct share), name);
}

static struct share *find(struct shares *shares, enum side side, const struct share_key *key)
{
    struct share *share = named(shares, name_of(side, key));
    return share != NULL && share->side == side && memcmp(&share->key, key, sizeof *key) == 0 ? share : NULL;
}

static void queue(struct shares *shares, struct share *share)
{
    if (share->queued)
        return;
    share->queued = 1;
    share->next = 0;
    struct share *last = named(shares, shares->last);
    if (last == NULL)
        shares->first = share->name;
    else
        last->next = share->name;
    shares->last = share->name;
}

static struct share *add(struct shares *shares, enum side side, const struct share_key *key)
{
    uint64_t name = name_of(side, key);
    struct share *share = named(shares, name);
    if (share != NULL)
        return share->side == side && memcmp(&share->key, key, sizeof *key) == 0 ? share : NULL;
    share = shares->live.count < SHARES_MAX ? map_add(&shares->live, sizeof *share, name) : NULL;
    if (share == NULL) {
        if (!shares->full)
            debug_notice("%u pieces of memory are shared with other processes: nobody will be charged for further ones "
                         "when their exporter is gone", shares->live.count);
        shares->full = true;
        return NULL;
    }
    share->side = side;
    share->key = *key;
    return share;
}

/* `references` was 0. */
static void begin(struct shares *shares, struct share *share, uint32_t device, uint64_t bytes)
{
    share->outdated = share->told;
    share->heard = 0;
    share->again = 0;
    share->references = 1;
    share->device = device;
    share->bytes = bytes;
    queue(shares, share);
}

static void end(struct shares *shares, struct share *share)
{
    if (--share->references == 0)
        queue(shares, share);
}

/* The number of what is at `block`; 0: no memory, so its release will not be said; its owner's end will. */
static uint64_t number_of(struct shares *shares, uint64_t block)
{
    struct block *known = map_add(&shares->blocks, sizeof *known, block);
    if (known != NULL && known->export == 0)
        known->export = ++shares->numbers;
    return known != NULL ? known->export : 0;
}

static void name_export(struct shares *shares, uint64_t number, uint64_t name)
{
    struct export *known = number != 0 ? map_add(&shares->exports, sizeof *known, number) : NULL;
    if (known == NULL)
        return;
    known->names++;
    known->name = name;
}

/* The daemon believes that this process pays for it. */
static void withhold(struct shares *shares, struct share *share)
{
    share->released_on = share->device;
    share->released += share->bytes;
    shares->withholding[share->device] += share->bytes;
}

static void release(struct shares *shares, uint64_t number)
{
    struct export *known = map_find(&shares->exports, sizeof *known, number);
    if (known == NULL)
        return;
    bool many = known->names > 1, withheld = false;
    struct share *share = many ? map_next(&shares->live, sizeof *share, NULL) : named(shares, known->name);
    map_remove(&shares->exports, sizeof *known, known);
    for (; share != NULL; share = many ? map_next(&shares->live, sizeof *share, share) : NULL) {
        if (share->side != EXPORT || share->export != number || share->references == 0)
            continue;
        if (share->heard && !withheld) {
            withhold(shares, share);
            withheld = true;
        }
        end(shares, share);
    }
}

/* ------------------------------------------------------------ hooks */

static bool anything_to_say(struct process *process)
{
    int state = lock_enter(&process->shares.lock);
    bool anything = process->shares.first != 0;
    lock_leave(&process->shares.lock, state);
    return anything;
}

/* With a config: connects if need be, as an allocation would. */
static void speak(const struct config *config, struct process *process)
{
    if (!anything_to_say(process))
        return;
    int state = lock_enter(&process->lock);
    if (config == NULL)
        transport_shares(process);
    else if (atomic_load_explicit(&process->has_devices, memory_order_acquire))
        transport_join(config, process);
    lock_leave(&process->lock, state);
}

static void tell_unheard(struct process *process, uint32_t device, uint64_t bytes)
{
    int state = lock_enter(&process->lock);
    ledger_tell(process, process->connection.error == 0 ? REFUSAL_UNREACHABLE : REFUSAL_SESSION, device, bytes,
                "the daemon has to know what processes share, and cannot be told: %s", process->connection.reason);
    lock_leave(&process->lock, state);
}

bool shares_exported(const struct config *config, struct process *process, enum shares_of of, uint64_t handle,
                     uint32_t device, uint64_t bytes, const struct share_key *key)
{
    struct shares *shares = &process->shares;
    if (!shares_key_is_set(key))
        return true;
    int state = lock_enter(&shares->lock);
    struct share *share = add(shares, EXPORT, key);
    uint64_t number = share != NULL ? number_of(shares, block_of(of, handle)) : 0;
    if (share != NULL && (share->references == 0 || share->export != number)) {
        share->export = number;
        name_export(shares, number, share->name);
        begin(shares, share, device, bytes);
    }
    atomic_store_explicit(&shares->exporting, 1, memory_order_relaxed);
    lock_leave(&shares->lock, state);
    speak(config, process);
    state = lock_enter(&shares->lock);
    share = find(shares, EXPORT, key);
    bool unheard = share != NULL && !share->heard;
    if (unheard && share->references > 0)
        end(shares, share);
    lock_leave(&shares->lock, state);
    if (unheard)
        tell_unheard(process, device, bytes);
    return !unheard;
}

static uint64_t detach(struct shares *shares, uint64_t block)
{
    struct block *known = map_find(&shares->blocks, sizeof *known, block);
    uint64_t number = known != NULL ? known->export : 0;
    if (known != NULL)
        map_remove(&shares->blocks, sizeof *known, known);
    return number;
}

static void attach(struct shares *shares, uint64_t block, uint64_t number)
{
    struct block *known = number != 0 ? map_add(&shares->blocks, sizeof *known, block) : NULL;
    if (known != NULL)
        known->export = number;
}

/* Both are of one memory: what was exported as the one goes by the other's number. */
static void merge(struct shares *shares, uint64_t from, uint64_t to)
{
    for (struct share *share = NULL; (share = map_next(&shares->live, sizeof *share, share)) != NULL;) {
        if (share->side != EXPORT || share->export != from)
            continue;
        share->export = to;
        name_export(shares, to, share->name);
    }
    struct export *former = map_find(&shares->exports, sizeof *former, from);
    if (former != NULL)
        map_remove(&shares->exports, sizeof *former, former);
}

uint64_t shares_detach(struct process *process, enum shares_of of, uint64_t handle)
{
    struct shares *shares = &process->shares;
    int state = lock_enter(&shares->lock);
    uint64_t number = detach(shares, block_of(of, handle));
    lock_leave(&shares->lock, state);
    return number;
}

void shares_attach(struct process *process, enum shares_of of, uint64_t handle, uint64_t export)
{
    struct shares *shares = &process->shares;
    int state = lock_enter(&shares->lock);
    attach(shares, block_of(of, handle), export);
    lock_leave(&shares->lock, state);
}

void shares_release(struct process *process, uint64_t export)
{
    struct shares *shares = &process->shares;
    if (export == 0)
        return;
    int state = lock_enter(&shares->lock);
    release(shares, export);
    lock_leave(&shares->lock, state);
    speak(NULL, process);
}

uint64_t shares_creditable(struct process *process, uint32_t device, uint64_t bytes)
{
    struct shares *shares = &process->shares;
    int state = lock_enter(&shares->lock);
    uint64_t *withholding = &shares->withholding[device];
    uint64_t kept = bytes < *withholding ? bytes : *withholding;
    *withholding -= kept;
    lock_leave(&shares->lock, state);
    return bytes - kept;
}

void shares_renamed(struct process *process, enum shares_of of, uint64_t from, uint64_t to)
{
    struct shares *shares = &process->shares;
    int state = lock_enter(&shares->lock);
    uint64_t former = detach(shares, block_of(of, from)), latter = detach(shares, block_of(of, to));
    attach(shares, block_of(of, to), latter != 0 ? latter : former);
    if (former != 0 && latter != 0)
        merge(shares, former, latter);
    lock_leave(&shares->lock, state);
}

bool shares_imported(const struct config *config, struct process *process, uint32_t device, uint64_t bytes,
                     const struct share_key *key)
{
    struct shares *shares = &process->shares;
    if (!shares_key_is_set(key))
        return true;
    int state = lock_enter(&shares->lock);
    const struct share *own = find(shares, EXPORT, key);
    struct share *share = own != NULL && own->references > 0 ? NULL : add(shares, IMPORT, key);
    if (share != NULL && share->references > 0)
        share->references++;
    else if (share != NULL)
        begin(shares, share, device, bytes);
    lock_leave(&shares->lock, state);
    speak(config, process);
    state = lock_enter(&shares->lock);
    share = find(shares, IMPORT, key);
    bool unheard = share != NULL && !share->heard;
    lock_leave(&shares->lock, state);
    if (unheard)
        tell_unheard(process, device, bytes);
    return !unheard;
}

void shares_closed(struct process *process, const struct share_key *key)
{
    struct shares *shares = &process->shares;
    int state = lock_enter(&shares->lock);
    struct share *share = find(shares, IMPORT, key);
    if (share != NULL && share->references > 0)
        end(shares, share);
    lock_leave(&shares->lock, state);
    speak(NULL, process);
}

/* ------------------------------------------------------------ what the daemon hears */

static bool owes_end(const struct share *share)
{
    return share->told && (share->references == 0 || share->outdated);
}

static bool owes_beginning(const struct share *share)
{
    return share->references > 0 && (!share->heard || share->again);
}

static void fill(struct gpuslice_share *frame, const struct share *share)
{
    bool ends = owes_end(share);
    *frame = (struct gpuslice_share){.device = share->device, .bytes = ends ? 0 : share->bytes};
    if (share->side == EXPORT)
        frame->what = ends ? GPUSLICE_SHARE_RELEASED : GPUSLICE_SHARE_EXPORTED;
    else
        frame->what = ends ? GPUSLICE_SHARE_CLOSED : GPUSLICE_SHARE_IMPORTED;
    memcpy(frame->key, share->key.bytes, sizeof frame->key);
}

static void forget_settled(struct shares *shares)
{
    for (struct share *share; (share = named(shares, shares->first)) != NULL;) {
        if (owes_end(share) || owes_beginning(share))
            return;
        shares->first = share->next;
        shares->last = share->next != 0 ? shares->last : 0;
        share->queued = 0;
        if (share->references == 0)
            map_remove(&shares->live, sizeof *share, share);
    }
}

uint32_t shares_next(struct process *process, struct gpuslice_share frames[SHARES_AT_ONCE])
{
    struct shares *shares = &process->shares;
    uint32_t count = 0;
    int state = lock_enter(&shares->lock);
    forget_settled(shares);
    struct share *share = named(shares, shares->first);
    for (; share != NULL && count < SHARES_AT_ONCE; share = named(shares, share->next)) {
        if (!owes_end(share) && !owes_beginning(share))
            continue;
        fill(&frames[count++], share);
        share->told = 1; /* before it is sent: whether it has arrived is not known until it is heard */
    }
    lock_leave(&shares->lock, state);
    return count;
}

/* What was kept back of a credit for it is one now; what is still to be kept back need not be. */
static void pay_out(struct process *process, struct share *share)
{
    uint64_t *withholding = &process->shares.withholding[share->released_on];
    uint64_t open = share->released < *withholding ? share->released : *withholding;
    *withholding -= open;
    ledger_cancel(process, share->released_on, share->released - open);
    share->released = 0;
}

static void hear(struct process *process, const struct gpuslice_share *frame)
{
    struct share_key key;
    memcpy(key.bytes, frame->key, sizeof key.bytes);
    bool began = frame->what == GPUSLICE_SHARE_EXPORTED || frame->what == GPUSLICE_SHARE_IMPORTED;
    bool export = frame->what == GPUSLICE_SHARE_EXPORTED || frame->what == GPUSLICE_SHARE_RELEASED;
    struct share *share = find(&process->shares, export ? EXPORT : IMPORT, &key);
    if (share == NULL)
        return;
    if (began) {
        share->heard = !share->outdated;
        share->again = 0;
        return;
    }
    share->told = 0;
    share->heard = 0;
    share->outdated = 0;
    pay_out(process, share);
}

void shares_heard(struct process *process, const struct gpuslice_share *frames, uint32_t count)
{
    int state = lock_enter(&process->shares.lock);
    for (uint32_t i = 0; i < count; i++)
        hear(process, &frames[i]);
    lock_leave(&process->shares.lock, state);
}

void shares_say_again(struct process *process)
{
    struct shares *shares = &process->shares;
    int state = lock_enter(&shares->lock);
    for (struct share *share = NULL; (share = map_next(&shares->live, sizeof *share, share)) != NULL;) {
        if (share->references == 0 || share->outdated)
            continue; /* its end is still to be said, and is in the queue */
        share->again = 1;
        queue(shares, share);
    }
    lock_leave(&shares->lock, state);
}

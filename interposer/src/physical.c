/* SPDX-License-Identifier: Apache-2.0 */
#include "physical.h"

#include <string.h>

#include "config.h"
#include "ledger.h"
#include "lock.h"
#include "map.h"
#include "shares.h"
#include "table.h"

struct physical {
    uint64_t handle;
    uint32_t references;
    uint32_t uses; /* mappings and holds */
    uint64_t device; /* or PHYSICAL_NOT_CHARGED */
    uint64_t location;
    uint64_t bytes;
    uint64_t exported;
    struct share_key key; /* of its last export */
};

struct mapping {
    uint64_t address;
    uint64_t bytes;
    uint64_t handle;
};

struct hold {
    uint64_t number;
    uint64_t holder;
    uint64_t offset;
    uint64_t handle;
    uint64_t device;
};

int physical_enter(struct process *process)
{
    return lock_enter(&process->physical.lock);
}

void physical_leave(struct process *process, int state)
{
    lock_leave(&process->physical.lock, state);
}

static struct physical *find(struct process *process, gs_handle handle)
{
    return map_find(&process->physical.handles, sizeof(struct physical), handle);
}

/* ------------------------------------------------------------ the end of a handle */

/* A hold of that handle by an import; NULL: there is none. `count` of them. */
static struct hold *import_of(struct process *process, gs_handle handle, uint32_t *count)
{
    struct hold *found = NULL, *hold = NULL;
    *count = 0;
    while ((hold = map_next(&process->physical.holds, sizeof *hold, hold)) != NULL) {
        if (hold->handle == handle && hold->device == PHYSICAL_BY_AN_IMPORT) {
            found = hold;
            ++*count;
        }
    }
    return found;
}

/* Only imports hold it: one of them is charged from now on, and held by the others. */
static void pass_on(struct process *process, struct physical *from)
{
    uint32_t imports;
    struct hold *heir = from->uses == 0 ? NULL : import_of(process, from->handle, &imports);
    struct physical *to = heir == NULL || imports < from->uses ? NULL : find(process, heir->holder);
    if (to == NULL || to->device != PHYSICAL_NOT_CHARGED)
        return; /* something else holds it as well, or that holds several and is charged with another */
    gs_handle former = from->handle;
    to->device = from->device;
    to->bytes = from->bytes;
    to->exported = from->exported;
    to->key = from->key;
    to->uses += imports - 1;
    map_remove(&process->physical.holds, sizeof *heir, heir);
    for (struct hold *hold; (hold = import_of(process, former, &imports)) != NULL;)
        hold->handle = to->handle;
    ledger_show(process, (uint32_t)to->device, to->bytes, to->handle, GPUSLICE_KIND_PHYSICAL);
    ledger_show(process, (uint32_t)to->device, 0, former, GPUSLICE_KIND_PHYSICAL);
    imports_end(process, to->handle);
    shares_renamed(process, SHARES_PHYSICAL, former, to->handle);
    map_remove(&process->physical.handles, sizeof *from, from);
}

static void end_if_unused(struct process *process, gs_handle handle)
{
    struct physical *physical = find(process, handle);
    if (physical == NULL || physical->references > 0)
        return;
    if (physical->uses > 0) {
        pass_on(process, physical);
        return;
    }
    bool charged = physical->device != PHYSICAL_NOT_CHARGED;
    map_remove(&process->physical.handles, sizeof *physical, physical);
    struct taken taken;
    if (!charged) {
        shares_released(process, SHARES_PHYSICAL, handle);
        imports_end(process, handle);
    } else if (ledger_take_kind(process, handle, TABLE_KIND(GPUSLICE_KIND_PHYSICAL), &taken)) {
        ledger_release(process, &taken);
    }
    physical_let_go_all(process, handle); /* a multicast object lets go of what is bound to it */
}

static void unuse(struct process *process, gs_handle handle)
{
    struct physical *physical = find(process, handle);
    if (physical != NULL && physical->uses > 0)
        physical->uses--;
    end_if_unused(process, handle);
}

/* ------------------------------------------------------------ references */

bool physical_add(struct process *process, gs_handle handle, uint32_t device, uint64_t bytes)
{
    struct physical *physical = map_add(&process->physical.handles, sizeof *physical, handle);
    if (physical == NULL)
        return false;
    if (physical->references++ == 0 && physical->uses == 0) {
        physical->device = physical->location = device;
        physical->bytes = bytes;
    }
    return true;
}

uint32_t physical_device(struct process *process, gs_handle handle)
{
    const struct physical *physical = find(process, handle);
    return physical == NULL ? PHYSICAL_NOT_CHARGED : (uint32_t)physical->device;
}

bool physical_is_only_held(struct process *process, gs_handle handle)
{
    const struct physical *physical = find(process, handle);
    return physical != NULL && physical->device != PHYSICAL_NOT_CHARGED && physical->references == 0;
}

gs_handle physical_make_way(struct process *process, gs_handle handle)
{
    const struct physical *known = find(process, handle);
    if (known == NULL)
        return 0;
    struct physical former = *known;
    gs_handle other = ++process->physical.last_hold | 1ull << 63; /* no address, and no handle that a driver gave yet */
    struct physical *moved = map_add(&process->physical.handles, sizeof *moved, other);
    if (moved == NULL)
        return 0; /* then the two are one, and charged until the last of both is gone */
    *moved = former;
    moved->handle = other;
    for (struct hold *hold = NULL; (hold = map_next(&process->physical.holds, sizeof *hold, hold)) != NULL;)
        hold->handle = hold->handle == handle ? other : hold->handle;
    for (struct mapping *mapping = NULL;
         (mapping = map_next(&process->physical.mappings, sizeof *mapping, mapping)) != NULL;)
        mapping->handle = mapping->handle == handle ? other : mapping->handle;
    if (former.device != PHYSICAL_NOT_CHARGED) {
        ledger_show(process, (uint32_t)former.device, former.bytes, other, GPUSLICE_KIND_PHYSICAL);
        ledger_show(process, (uint32_t)former.device, 0, handle, GPUSLICE_KIND_PHYSICAL);
    }
    shares_renamed(process, SHARES_PHYSICAL, handle, other);
    map_remove(&process->physical.handles, sizeof *moved, find(process, handle));
    return other;
}

void physical_locate(struct process *process, gs_handle handle, uint32_t device)
{
    struct physical *physical = find(process, handle);
    if (physical != NULL)
        physical->location = device;
}

uint32_t physical_location(struct process *process, gs_handle handle)
{
    const struct physical *physical = find(process, handle);
    return physical == NULL ? PHYSICAL_NOT_CHARGED : (uint32_t)physical->location;
}

void physical_retain(struct process *process, gs_handle handle)
{
    struct physical *physical = find(process, handle);
    if (physical != NULL)
        physical->references++;
}

void physical_release(struct process *process, gs_handle handle)
{
    struct physical *physical = find(process, handle);
    if (physical != NULL && physical->references > 0)
        physical->references--;
    end_if_unused(process, handle);
}

/* ------------------------------------------------------------ mappings */

bool physical_map(struct process *process, gs_deviceptr address, uint64_t bytes, gs_handle handle)
{
    struct mapping *mapping = map_add(&process->physical.mappings, sizeof *mapping, address);
    if (mapping == NULL)
        return false;
    mapping->bytes = bytes;
    mapping->handle = handle;
    struct physical *physical = find(process, handle);
    if (physical != NULL)
        physical->uses++;
    return true;
}

void physical_unmap(struct process *process, gs_deviceptr address, uint64_t bytes)
{
    uint64_t end = address + bytes;
    while (address < end) {
        struct mapping *mapping = map_find(&process->physical.mappings, sizeof *mapping, address);
        if (mapping == NULL)
            return; /* the driver unmaps whole mappings only, and every one of them was seen */
        gs_handle handle = mapping->handle;
        address += mapping->bytes;
        map_remove(&process->physical.mappings, sizeof *mapping, mapping);
        unuse(process, handle);
    }
}

gs_handle physical_at(struct process *process, gs_deviceptr address)
{
    const struct map *mappings = &process->physical.mappings;
    for (const struct mapping *mapping = NULL; (mapping = map_next(mappings, sizeof *mapping, mapping)) != NULL;) {
        if (address >= mapping->address && address - mapping->address < mapping->bytes)
            return mapping->handle;
    }
    return 0;
}

/* ------------------------------------------------------------ arrays and multicast objects */

void physical_hold(struct process *process, uint64_t holder, uint32_t device, uint64_t offset, gs_handle handle)
{
    struct physical *physical = find(process, handle);
    if (physical == NULL)
        return;
    physical->uses++;
    struct hold *hold = map_add(&process->physical.holds, sizeof *hold, ++process->physical.last_hold);
    if (hold == NULL)
        return; /* then it is held for ever: rather too much charged than too little */
    hold->holder = holder;
    hold->offset = offset;
    hold->handle = handle;
    hold->device = device;
}

bool physical_exported(struct process *process, gs_handle handle, struct share_key key)
{
    struct physical *physical = find(process, handle);
    if (physical == NULL)
        return true;
    physical->exported = 1;
    physical->key = key;
    return physical->device == PHYSICAL_NOT_CHARGED ||
           shares_exported(config_get(), process, SHARES_PHYSICAL, handle, (uint32_t)physical->device, physical->bytes, &key);
}

void physical_hold_exported(struct process *process, gs_handle import, struct share_key key, gs_handle former)
{
    const struct map *handles = &process->physical.handles;
    for (struct physical *physical = NULL; (physical = map_next(handles, sizeof *physical, physical)) != NULL;) {
        bool is_it = physical->exported && memcmp(&physical->key, &key, sizeof key) == 0;
        if (physical->handle != import && (is_it || physical->handle == former))
            physical_hold(process, import, PHYSICAL_BY_AN_IMPORT, 0, physical->handle);
    }
}

static bool let_go_one(struct process *process, uint64_t holder, bool everything, uint32_t device, uint64_t offset)
{
    struct map *holds = &process->physical.holds;
    for (struct hold *hold = NULL; (hold = map_next(holds, sizeof *hold, hold)) != NULL;) {
        if (hold->holder != holder || (!everything && (hold->device != device || hold->offset != offset)))
            continue;
        gs_handle handle = hold->handle;
        map_remove(holds, sizeof *hold, hold);
        unuse(process, handle);
        return true;
    }
    return false;
}

void physical_let_go(struct process *process, uint64_t holder, uint32_t device, uint64_t offset)
{
    let_go_one(process, holder, false, device, offset);
}

void physical_let_go_all(struct process *process, uint64_t holder)
{
    while (let_go_one(process, holder, true, 0, 0))
        ;
}

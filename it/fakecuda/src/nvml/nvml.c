/* SPDX-License-Identifier: Apache-2.0 */
/* NVML on the simulated card. It sees every device, whatever CUDA_VISIBLE_DEVICES says: "NVML enumerates all GPUs ...
 * in PCI order" (NVML API, nvmlDeviceGetHandleByIndex), and only reads: it takes no slot. */
#include <nvml.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "card.h"
#include "pci.h"
#include "uuid.h"

#define API __attribute__((visibility("default")))
#define ALIAS(name, target) extern __typeof(target) name __attribute__((alias(#target), visibility("default")))

static struct {
    pthread_mutex_t lock;
    unsigned users; /* nvmlInit calls not yet undone: "a reference count ... is maintained" */
    struct card card;
} nvml = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const struct fakecuda_card *card_map(void)
{
    return __atomic_load_n(&nvml.users, __ATOMIC_ACQUIRE) != 0 ? nvml.card.map : NULL;
}

/* Handles are the devices' places in the card. */
#define CHECK(good)                                                                                                    \
    const struct fakecuda_card *map = card_map();                                                                      \
    if (map == NULL)                                                                                                   \
        return NVML_ERROR_UNINITIALIZED;                                                                               \
    if (!(good))                                                                                                       \
    return NVML_ERROR_INVALID_ARGUMENT

#define CHECK_DEVICE(handle, good)                                                                                     \
    CHECK(good);                                                                                                       \
    const struct fakecuda_device *device = (const struct fakecuda_device *)(handle);                                   \
    if (device < map->devices || device >= map->devices + map->device_count)                                           \
        return NVML_ERROR_INVALID_ARGUMENT;                                                                            \
    const uint32_t index = (uint32_t)(device - map->devices);                                                          \
    (void)index

static nvmlDevice_t handle_of(const struct fakecuda_card *map, uint32_t index)
{
    return (nvmlDevice_t)(uintptr_t)&map->devices[index];
}

static nvmlReturn_t print(char *buffer, unsigned length, const char *text)
{
    if (strlen(text) >= length)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlInit_v2(void)
{
    pthread_mutex_lock(&nvml.lock);
    bool good = nvml.users != 0 || card_open(&nvml.card);
    if (good)
        __atomic_add_fetch(&nvml.users, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&nvml.lock);
    return good ? NVML_SUCCESS : NVML_ERROR_DRIVER_NOT_LOADED;
}
ALIAS(nvmlInit, nvmlInit_v2);

API nvmlReturn_t nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    return nvmlInit_v2();
}

API nvmlReturn_t nvmlShutdown(void)
{
    pthread_mutex_lock(&nvml.lock);
    bool good = nvml.users != 0;
    if (good && __atomic_sub_fetch(&nvml.users, 1, __ATOMIC_ACQ_REL) == 0)
        card_close(&nvml.card);
    pthread_mutex_unlock(&nvml.lock);
    return good ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}

API const char *nvmlErrorString(nvmlReturn_t result)
{
    switch (result) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case NVML_ERROR_ARGUMENT_VERSION_MISMATCH: return "Argument Version Mismatch";
    case NVML_ERROR_UNKNOWN: break;
    }
    return "Unknown Error";
}

/* --- the system ------------------------------------------------------------------------------------------------- */

API nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
    CHECK(version != NULL);
    return print(version, length, "580.00-simulated");
}

API nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int length)
{
    CHECK(version != NULL);
    return print(version, length, "13.580.00-simulated");
}

API nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    CHECK(version != NULL);
    *version = 13000;
    return NVML_SUCCESS;
}
ALIAS(nvmlSystemGetCudaDriverVersion, nvmlSystemGetCudaDriverVersion_v2);

/* --- finding devices -------------------------------------------------------------------------------------------- */

API nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
{
    CHECK(count != NULL);
    *count = map->device_count;
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetCount, nvmlDeviceGetCount_v2);

API nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *handle)
{
    CHECK(handle != NULL && index < map->device_count);
    *handle = handle_of(map, index);
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetHandleByIndex, nvmlDeviceGetHandleByIndex_v2);

API nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *handle)
{
    CHECK(uuid != NULL && handle != NULL);
    for (uint32_t i = 0; i < map->device_count; i++) {
        char text[UUID_TEXT];
        uuid_format(map->devices[i].uuid, text);
        if (strcasecmp(text, uuid) == 0) {
            *handle = handle_of(map, i);
            return NVML_SUCCESS;
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

API nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *handle)
{
    unsigned domain, bus, slot;
    CHECK(id != NULL && handle != NULL && sscanf(id, "%x:%x:%x", &domain, &bus, &slot) == 3);
    if (domain != PCI_DOMAIN || slot != PCI_DEVICE || bus < pci_bus(0) || bus >= pci_bus(map->device_count))
        return NVML_ERROR_NOT_FOUND;
    *handle = handle_of(map, bus - pci_bus(0));
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetHandleByPciBusId, nvmlDeviceGetHandleByPciBusId_v2);

/* --- one device ------------------------------------------------------------------------------------------------- */

API nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t handle, char *name, unsigned int length)
{
    CHECK_DEVICE(handle, name != NULL);
    return print(name, length, device->name);
}

API nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t handle, char *uuid, unsigned int length)
{
    char text[UUID_TEXT];
    CHECK_DEVICE(handle, uuid != NULL);
    uuid_format(device->uuid, text);
    return print(uuid, length, text);
}

API nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t handle, unsigned int *value)
{
    CHECK_DEVICE(handle, value != NULL);
    *value = index;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t handle, nvmlPciInfo_t *pci)
{
    CHECK_DEVICE(handle, pci != NULL);
    *pci = (nvmlPciInfo_t){.domain = PCI_DOMAIN, .bus = pci_bus(index), .device = PCI_DEVICE};
    snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "%04x:%02x:%02x.0", PCI_DOMAIN, pci_bus(index) & 0xff, PCI_DEVICE);
    snprintf(pci->busId, sizeof pci->busId, "%08x:%02x:%02x.0", PCI_DOMAIN, pci_bus(index) & 0xff, PCI_DEVICE);
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetPciInfo, nvmlDeviceGetPciInfo_v3);
ALIAS(nvmlDeviceGetPciInfo_v2, nvmlDeviceGetPciInfo_v3);

API nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t handle, nvmlMemory_t *memory)
{
    CHECK_DEVICE(handle, memory != NULL);
    uint64_t used = card_used(&nvml.card, index);
    memory->total = device->capacity;
    memory->used = used < device->capacity ? used : device->capacity;
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
}

API nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t handle, nvmlMemory_v2_t *memory)
{
    nvmlMemory_t plain;
    if (memory != NULL && memory->version != nvmlMemory_v2)
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    nvmlReturn_t result = nvmlDeviceGetMemoryInfo(handle, memory != NULL ? &plain : NULL);
    if (result == NVML_SUCCESS)
        *memory = (nvmlMemory_v2_t){
            .version = nvmlMemory_v2, .total = plain.total, .free = plain.free, .used = plain.used};
    return result;
}

/* --- processes -------------------------------------------------------------------------------------------------- */

static bool runs_on(const struct fakecuda_card *map, uint32_t slot, uint32_t device)
{
    return __atomic_load_n(&map->slots[slot].books[device].contexts, __ATOMIC_RELAXED) != 0
           && card_slot_alive(&nvml.card, slot);
}

/* "If infos is too small: NVML_ERROR_INSUFFICIENT_SIZE, and infoCount will hold the number of active processes" */
API nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t handle, unsigned int *count,
                                                         nvmlProcessInfo_v2_t *processes)
{
    CHECK_DEVICE(handle, count != NULL && (*count == 0 || processes != NULL));
    unsigned found = 0, room = *count;
    for (uint32_t s = 0; s < FAKECUDA_SLOTS; s++) {
        const struct fakecuda_slot *slot = &map->slots[s];
        if (!runs_on(map, s, index))
            continue;
        if (found < room)
            processes[found] = (nvmlProcessInfo_v2_t){
                slot->pid, card_held(&nvml.card, index, s), ~0u, ~0u};
        found++;
    }
    *count = found;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetComputeRunningProcesses_v2, nvmlDeviceGetComputeRunningProcesses_v3);

API nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t handle, unsigned int *count,
                                                      nvmlProcessInfo_v1_t *processes)
{
    nvmlProcessInfo_v2_t full[FAKECUDA_SLOTS];
    if (count == NULL || (*count != 0 && processes == NULL))
        return NVML_ERROR_INVALID_ARGUMENT;
    unsigned found = *count < FAKECUDA_SLOTS ? *count : FAKECUDA_SLOTS;
    nvmlReturn_t result = nvmlDeviceGetComputeRunningProcesses_v3(handle, &found, full);
    for (unsigned i = 0; result == NVML_SUCCESS && i < found; i++)
        processes[i] = (nvmlProcessInfo_v1_t){full[i].pid, full[i].usedGpuMemory};
    *count = found;
    return result;
}

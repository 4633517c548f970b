/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver.h"

struct driver driver;
static struct process_page never_initialised;
struct process_page *process_page = &never_initialised;
static pthread_mutex_t initialising = PTHREAD_MUTEX_INITIALIZER;

static unsigned long number_from(const char *variable)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

static bool read_sizes(void)
{
    driver.alloc_delay_us = (unsigned)number_from("FAKECUDA_ALLOC_DELAY_US");
    driver.fail_free = number_from("FAKECUDA_FAIL_FREE");
    driver.stream_async = number_from("FAKECUDA_STREAM_ASYNC") == 1;
    return card_read_size("FAKECUDA_POOL_CHUNK", 2ull << 20, &driver.pool_chunk)
           && card_read_size("FAKECUDA_CONTEXT_OVERHEAD", 0, &driver.context_overhead) && driver.pool_chunk != 0;
}

static CUresult initialise(void)
{
    struct process_page *page =
        mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) != 0)
        return CUDA_ERROR_OPERATING_SYSTEM;
    if (!read_sizes() || !card_open(&driver.card))
        return CUDA_ERROR_SYSTEM_NOT_READY;
    driver_find_visible_devices(&driver);
    if (driver.device_count == 0) {
        card_close(&driver.card);
        return CUDA_ERROR_NO_DEVICE;
    }
    if (!card_join(&driver.card)) {
        card_close(&driver.card);
        return CUDA_ERROR_SYSTEM_NOT_READY;
    }
    page->initialised = true;
    __atomic_store_n(&process_page, page, __ATOMIC_RELEASE);
    return CUDA_SUCCESS;
}

API CUresult cuInit(unsigned int flags)
{
    if (flags != 0) /* "flags must be 0" (CUDA driver API, cuInit) */
        return CUDA_ERROR_INVALID_VALUE;
    if (driver_ready())
        return CUDA_SUCCESS;
    /* The driver cannot be initialised again in a child forked by an initialised process: cudart then reports 3,
     * cudaErrorInitializationError, which PyTorch words as "Cannot re-initialize CUDA in forked subprocess". */
    if (__atomic_load_n(&process_page, __ATOMIC_ACQUIRE) != &never_initialised)
        return CUDA_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&initialising);
    CUresult result = driver_ready() ? CUDA_SUCCESS : initialise();
    pthread_mutex_unlock(&initialising);
    return result;
}

API CUresult cuDriverGetVersion(int *version)
{
    if (version == NULL)
        return CUDA_ERROR_INVALID_VALUE;
    *version = DRIVER_VERSION;
    return CUDA_SUCCESS;
}

// SPDX-License-Identifier: Apache-2.0
// A memory pool as inference engines have it: one range of addresses for ever, memory mapped into it as it is needed.
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

static constexpr size_t MIB = size_t{1} << 20;

static void check(CUresult code, const char *call)
{
    if (code != CUDA_SUCCESS) {
        std::fprintf(stderr, "pool: %s failed with code %d\n", call, static_cast<int>(code));
        std::exit(1);
    }
}

class Pool {
  public:
    explicit Pool(CUdevice device, size_t addresses) : size_(addresses)
    {
        properties_.type = CU_MEM_ALLOCATION_TYPE_PINNED;
        properties_.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
        properties_.location.id = device;
        check(cuMemGetAllocationGranularity(&piece_, &properties_, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED),
              "cuMemGetAllocationGranularity");
        check(cuMemAddressReserve(&start_, size_, 0, 0, 0), "cuMemAddressReserve");
    }

    Pool(const Pool &) = delete;
    Pool &operator=(const Pool &) = delete;

    ~Pool()
    {
        shrink(0);
        cuMemAddressFree(start_, size_);
    }

    // One piece more at the end. CUDA_ERROR_OUT_OF_MEMORY leaves the pool as it was: whoever needs less can go on.
    CUresult grow()
    {
        if (mapped() + piece_ > size_)
            return CUDA_ERROR_OUT_OF_MEMORY;
        CUmemGenericAllocationHandle memory;
        CUresult code = cuMemCreate(&memory, piece_, &properties_, 0);
        if (code != CUDA_SUCCESS)
            return code;
        CUdeviceptr end = start_ + mapped();
        check(cuMemMap(end, piece_, 0, memory, 0), "cuMemMap");
        CUmemAccessDesc access = {};
        access.location = properties_.location;
        access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
        check(cuMemSetAccess(end, piece_, &access, 1), "cuMemSetAccess");
        pieces_.push_back(memory);
        return CUDA_SUCCESS;
    }

    void shrink(size_t bytes)
    {
        while (mapped() > bytes) {
            check(cuMemUnmap(start_ + mapped() - piece_, piece_), "cuMemUnmap");
            check(cuMemRelease(pieces_.back()), "cuMemRelease");
            pieces_.pop_back();
        }
    }

    size_t mapped() const { return pieces_.size() * piece_; }

  private:
    CUmemAllocationProp properties_ = {};
    size_t size_, piece_ = 0;
    CUdeviceptr start_ = 0;
    std::vector<CUmemGenericAllocationHandle> pieces_;
};

static CUresult fill(Pool &pool)
{
    CUresult code;
    while ((code = pool.grow()) == CUDA_SUCCESS) {
    }
    return code;
}

int main()
{
    CUdevice device;
    CUcontext context;
    check(cuInit(0), "cuInit");
    check(cuDeviceGet(&device, 0), "cuDeviceGet");
    check(cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
    check(cuCtxSetCurrent(context), "cuCtxSetCurrent");

    constexpr size_t ADDRESSES = 32768 * MIB;
    Pool pool(device, ADDRESSES);
    std::printf("reserved %zu MiB of addresses\n", ADDRESSES / MIB);
    CUresult code = fill(pool);
    const char *name = "?";
    cuGetErrorName(code, &name);
    std::printf("mapped %zu MiB, then %s\n", pool.mapped() / MIB, name);
    pool.shrink(pool.mapped() / 2);
    size_t half = pool.mapped();
    fill(pool);
    std::printf("shrunk to %zu MiB, grown to %zu MiB again\n", half / MIB, pool.mapped() / MIB);
}

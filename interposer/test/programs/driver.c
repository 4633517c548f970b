/* SPDX-License-Identifier: Apache-2.0 */
/* Stands for libcuda.so.1, which must be found; nothing can be had from it. */
int cuInit(unsigned int flags);
int cuInit(unsigned int flags)
{
    return flags == 0 ? 0 : 1;
}

int cuMemFree_v2(unsigned long long address);
int cuMemFree_v2(unsigned long long address)
{
    return address == 0 ? 0 : 1;
}

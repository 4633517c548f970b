/* SPDX-License-Identifier: Apache-2.0 */
/* Every name of the driver API answers CUDA_ERROR_NOT_SUPPORTED, weakly: a definition in another file replaces it, so a
 * new family needs no change here. (Its own prototypes would clash with these, hence no cuda.h.) */
#define SYMBOL(name, base, version, per_thread)                                                                        \
    __attribute__((weak, visibility("default"))) int name(void);                                                       \
    int name(void)                                                                                                     \
    {                                                                                                                  \
        return 801;                                                                                                    \
    }
#include "symbols.def"

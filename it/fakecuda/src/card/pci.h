/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated devices sit on one PCI domain, one bus each. */
#ifndef PCI_H
#define PCI_H

#include <stdint.h>

#define PCI_DOMAIN 0u
#define PCI_DEVICE 0u

static inline uint32_t pci_bus(uint32_t device)
{
    return device + 1;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Field 22 of /proc/<pid>/stat; 0 if no such process runs here. */
uint64_t process_starttime(uint32_t pid);
/* Tells pid namespaces apart: a pid of another one means nothing here. */
uint64_t process_namespace(void);

#endif

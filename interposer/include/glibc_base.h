/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * The oldest version of a symbol of glibc's on this machine: what is bound to that one loads wherever it has to, whatever
 * glibc it was built on.
 */
#ifndef GLIBC_BASE_H
#define GLIBC_BASE_H

#if defined(__x86_64__)
#define BASE_VERSION "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define BASE_VERSION "GLIBC_2.17"
#else
#error "no symbol version known for this machine"
#endif

#endif

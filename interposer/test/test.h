/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * A runner as small as it can be, and what several tests share.
 */
#ifndef GPUSLICE_TEST_H
#define GPUSLICE_TEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "state.h"

/* Notes a failure; the test goes on (threads may be running) unless it returns by itself. */
#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(actual, expected) \
    test_check_equal((uint64_t)(actual), (uint64_t)(expected), __FILE__, __LINE__, #actual)
bool test_check(bool holds, const char *file, int line, const char *text);
bool test_check_equal(uint64_t actual, uint64_t expected, const char *file, int line, const char *text);

#define RUN(test) test_run(#test, test)
void test_run(const char *name, void (*test)(void));
/* The two halves of it, and whether a test of that name has been run. */
void test_begin(void);
void test_end(const char *name);
bool test_was_run(const char *name);
/* Whether the test that runs is to be left out, which is then said: an emulator cannot do what it is about. */
bool test_skip_emulated(const char *why);
/* The same for one that only root can run. */
bool test_skip_unless_root(const char *why);
/* Prints the closing line; the exit status. */
int test_summary(void);

uint64_t test_now_ms(void);

/* Runs `count` threads of body(context, index) and waits for them. */
void test_threads(int count, void (*body)(void *context, int index), void *context);

/* A page on a memfd of its own, as the daemon makes it, and a process that sees `devices` devices. */
int test_page_create(uint32_t devices, uint8_t id);
struct gpuslice_page_header *test_page_map(int memfd);
void test_page_unmap(struct gpuslice_page_header *header);
struct gpuslice_page_device *test_page_device(struct gpuslice_page_header *header, uint32_t device);
struct process *test_process_create(uint32_t devices);
void test_process_destroy(struct process *process);
/* The same page for code that wants no process. */
struct page test_page_view(struct gpuslice_page_header *header);

void accounting_tests(void);
void table_tests(void);
void sizes_tests(void);
void config_tests(void);
void debug_tests(void);
/* The body of the program that debug_tests starts. */
int debug_test_speak(const char *how);
void golden_tests(void);
void abi_tests(void);
void process_tests(void);
void exec_tests(void);
void lookup_tests(void);
void transport_tests(void);
void map_tests(void);
void linear_tests(void);
void pool_tests(void);
void vmm_tests(void);
void array_tests(void);
void graph_tests(void);
void context_tests(void);
void import_tests(void);
void share_tests(void);
void adversity_tests(void);
void info_tests(void);
void coverage_tests(void);
/* docs/coverage.md */
int coverage_print(FILE *to);

#endif

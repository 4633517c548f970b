# SPDX-License-Identifier: Apache-2.0
# Run by the Makefile beside it, in OUT/obj.
CC = gcc
CFLAGS = -O2 -g
OWN_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread -MMD -MP -Icuda -Iabi -Itree

# Programs that allocate: they know nothing of gpuslice. And clients of the daemon: they know nothing of CUDA.
GUESTS = ../pairs ../members ../pingpong
CLIENTS = ../client ../echo ../reclaim ../sessions ../web

.PHONY: all
.DELETE_ON_ERROR:
all: $(GUESTS) $(CLIENTS) ../libsends.so

$(GUESTS): ../%: %.o operations.o
	$(CC) $(CFLAGS) -pthread -o $@ $^ -Llib -Wl,-rpath,'$$ORIGIN/../fakecuda' -lcuda -lcudart -ldl
$(CLIENTS): ../%: %.o wire.o
	$(CC) $(CFLAGS) -o $@ $^
../client: crowd.o
../libsends.so: tree/sends.c
	$(CC) $(filter-out -MMD -MP,$(OWN_CFLAGS)) $(CFLAGS) -fPIC -shared -fvisibility=hidden -o $@ $< -ldl
%.o: tree/%.c
	$(CC) $(OWN_CFLAGS) $(CFLAGS) -c -o $@ $<

-include $(wildcard *.d)

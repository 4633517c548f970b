# SPDX-License-Identifier: Apache-2.0
# Run by the Makefile beside it, in OUT/obj.
CC = gcc
CFLAGS = -O2 -g
OWN_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread -MMD -MP -Icuda -Iabi -Itree

PARTS = $(filter-out lender.o,$(patsubst tree/%.c,%.o,$(wildcard tree/*.c)))

.PHONY: all
.DELETE_ON_ERROR:
all: ../differential ../lender

../differential: $(PARTS)
	$(CC) $(CFLAGS) -pthread -o $@ $^ -Llib -Wl,-rpath,'$$ORIGIN/../fakecuda' -lcuda
../lender: lender.o
	$(CC) $(CFLAGS) -o $@ $^
%.o: tree/%.c
	$(CC) $(OWN_CFLAGS) $(CFLAGS) -c -o $@ $<

-include $(wildcard *.d)

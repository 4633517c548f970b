# SPDX-License-Identifier: Apache-2.0
# Run by the Makefile beside it, in OUT/obj.
CC = gcc
CFLAGS = -O2 -g
OWN_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread -Iinclude -Itree
# Found without LD_LIBRARY_PATH where the build puts them: build/programs beside build/fakecuda.
LINK = -Llib -Wl,-rpath,'$$ORIGIN/../fakecuda'

GUESTS = $(patsubst tree/%.c,../%,$(wildcard tree/*.c))
SCRIPTS = $(patsubst tree/%,../%,$(wildcard tree/*.py))

.PHONY: all
.DELETE_ON_ERROR:
all: $(GUESTS) ../fill-static-cudart ../fill-driver ../frees-driver $(SCRIPTS)

$(GUESTS): ../%: tree/%.c tree/guest.h tree/gpu.h
	$(CC) $(OWN_CFLAGS) $(CFLAGS) -o $@ $< $(LINK) -lcudart
../fill-static-cudart: tree/fill.c tree/guest.h tree/gpu.h lib/libcudart_static.a
	$(CC) $(OWN_CFLAGS) $(CFLAGS) -o $@ $< $(LINK) -lcudart_static -ldl -lrt
../fill-driver ../frees-driver: ../%-driver: tree/%.c tree/guest.h tree/gpu.h
	$(CC) $(OWN_CFLAGS) -DGUEST_OF_DRIVER $(CFLAGS) -o $@ $< $(LINK) -lcuda
$(SCRIPTS): ../%: tree/%
	install $< $@

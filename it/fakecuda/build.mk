# SPDX-License-Identifier: Apache-2.0
# Run by the Makefile beside it, in OUT/obj.
CC = gcc
CFLAGS = -O2 -g
# The first: the same sources give the same libraries, wherever they are built.
OWN_CFLAGS = '-ffile-prefix-map=$(CURDIR)=fakecuda' -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -fPIC -pthread -MMD -MP -Itree/include -Itree/src/card
LDFLAGS = -Wl,-z,relro,-z,now,-z,defs -pthread -Wl,--as-needed
# -Bsymbolic: a library's own calls never leave it for a preloaded one.
SHARED = $(CC) -shared -Wl,-soname,$(@F) -Wl,-Bsymbolic $(LDFLAGS)

objects = $(patsubst tree/src/%.c,%.o,$(wildcard tree/src/$(1)/*.c))
CARD = $(call objects,card)
DRIVER = $(call objects,driver)
RUNTIME = $(call objects,runtime)
NVML = $(call objects,nvml)
STAT = $(call objects,stat)
LIBRARIES = ../libcuda.so.1 ../libcudart.so.13 ../libcudart_static.a ../libnvidia-ml.so.1
LINKS = ../libcuda.so ../libcudart.so ../libnvidia-ml.so
TESTS = $(patsubst tree/test/%.c,test/%,$(wildcard tree/test/test_*.c))

.PHONY: all test bench
.DELETE_ON_ERROR:
all: $(LIBRARIES) $(LINKS) ../fakecuda-stat
test: all $(TESTS)
	@tree/test/run.sh $(TESTS)
bench: all test/bench_pair
	@tree/test/run.sh test/bench_pair

../libcuda.so.1: $(DRIVER) $(CARD)
	$(SHARED) -o $@ $^
# The driver it opens lies beside it, unless LD_LIBRARY_PATH says otherwise.
../libcudart.so.13: $(RUNTIME)
	$(SHARED) -Wl,-rpath,'$$ORIGIN' -o $@ $^ -ldl
../libnvidia-ml.so.1: $(NVML) $(CARD)
	$(SHARED) -o $@ $^
# One object whose only global names are the API: the archive must not clash with names of the program.
../libcudart_static.a: $(RUNTIME)
	$(LD) -r -o cudart.o $^
	objcopy --localize-hidden cudart.o
	rm -f $@
	$(AR) rcs $@ cudart.o
../fakecuda-stat: $(STAT) $(CARD)
	$(CC) $(LDFLAGS) -o $@ $^
$(LINKS): $(LIBRARIES)
	@ln -sf $(notdir $(filter $@.%,$^)) $@

# Initial-exec: the driver's few thread-local words fit in what the loader keeps for libraries opened later.
$(DRIVER): OWN_CFLAGS += -DFAKECUDA_DRIVER -ftls-model=initial-exec
$(CARD) $(DRIVER) $(RUNTIME) $(NVML) $(STAT): %.o: tree/src/%.c
	@mkdir -p $(@D)
	$(CC) $(OWN_CFLAGS) -fvisibility=hidden $(CFLAGS) -c -o $@ $<

test/%: tree/test/%.c $(LIBRARIES) $(LINKS)
	@mkdir -p $(@D)
	$(CC) $(OWN_CFLAGS) $(CFLAGS) -o $@ $< -L.. -lcuda -lcudart -lnvidia-ml

-include $(wildcard */*.d)

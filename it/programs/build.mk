# SPDX-License-Identifier: Apache-2.0
# Run by the Makefile beside it, in OUT/obj.
CC = gcc
CFLAGS = -O2 -g
OWN_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread -Iinclude -Itree
# Found without LD_LIBRARY_PATH where the build puts them: build/programs beside build/fakecuda.
LINK = -Llib -Wl,-rpath,'$$ORIGIN/../fakecuda'
COMPILE = $(CC) $(OWN_CFLAGS) $(CFLAGS)
DRIVER = $(COMPILE) -DGUEST_OF_DRIVER

# What a program is linked with; the runtime, where nothing else is said.
OF_DRIVER = devices manners nulls forks interrupted cancelled numbers shares
libraries = $(if $(filter $(1),$(OF_DRIVER)),-lcuda) $(if $(filter $(1),numbers nulls),-lnvidia-ml) -lcudart -ldl

GUESTS = $(patsubst tree/%.c,../%,$(wildcard tree/*.c))
# The same sources again, as other builds make them.
FILLS = ../fill-static-cudart ../fill-driver ../fill-driver-now ../fill-async ../fill-async-ptds ../fill-static-cudart-ptds
FAMILIES = ../families-driver ../families-runtime
REACH = ../reach ../reach-runpath ../plugins/libguest_plugin.so ../witness.so ../tomorrow/libcuda.so.1
SCRIPTS = $(patsubst tree/%.py,../%.py,$(wildcard tree/*.py)) ../driver.py
HEADERS = $(wildcard tree/*.h tree/*/*.h)

.PHONY: all
.DELETE_ON_ERROR:
all: $(GUESTS) $(FILLS) ../frees-driver $(FAMILIES) $(REACH) ../wall.so ../tsan $(SCRIPTS)

$(GUESTS): ../%: tree/%.c $(HEADERS)
	$(COMPILE) -o $@ $< $(LINK) -Wl,--as-needed $(call libraries,$*)

../fill-driver ../frees-driver: ../%-driver: tree/%.c $(HEADERS)
	$(DRIVER) -o $@ $< $(LINK) -Wl,-z,lazy -lcuda
../fill-driver-now: tree/fill.c $(HEADERS)
	$(DRIVER) -o $@ $< $(LINK) -Wl,-z,now -lcuda
../fill-async: tree/fill.c $(HEADERS)
	$(COMPILE) -DGUEST_ASYNC -o $@ $< $(LINK) -lcudart
# As nvcc --default-stream per-thread builds them.
PTDS = -DCUDA_API_PER_THREAD_DEFAULT_STREAM -DGUEST_ASYNC
../fill-async-ptds: tree/fill.c $(HEADERS)
	$(COMPILE) $(PTDS) -o $@ $< $(LINK) -lcudart
../fill-static-cudart: tree/fill.c $(HEADERS) lib/libcudart_static.a
	$(COMPILE) -o $@ $< $(LINK) -lcudart_static -ldl -lrt
../fill-static-cudart-ptds: tree/fill.c $(HEADERS) lib/libcudart_static.a
	$(COMPILE) $(PTDS) -o $@ $< $(LINK) -lcudart_static -ldl -lrt

../families-driver: tree/families/main.c tree/families/driver.c $(HEADERS)
	$(DRIVER) -o $@ $(filter %.c,$^) $(LINK) -Wl,-z,lazy -lcuda
../families-runtime: tree/families/main.c tree/families/runtime.c $(HEADERS)
	$(COMPILE) -o $@ $(filter %.c,$^) $(LINK) -lcudart

# These find the driver at run time, by themselves or by what they open.
../reach: tree/reach/reach.c $(HEADERS)
	$(DRIVER) -o $@ $< -ldl
../reach-runpath: tree/reach/reach.c $(HEADERS)
	$(DRIVER) -o $@ $< -Wl,-rpath,'$$ORIGIN/plugins',--enable-new-dtags -ldl
../plugins/libguest_plugin.so: tree/reach/plugin.c $(HEADERS)
	@mkdir -p $(@D)
	$(DRIVER) -fPIC -shared -o $@ $< $(LINK) -lcuda -ldl
../witness.so: tree/reach/witness.c
	$(COMPILE) -fPIC -shared -fvisibility=hidden -o $@ $< -ldl
../wall.so: tree/preloads/wall.c
	$(COMPILE) -fPIC -shared -fvisibility=hidden -o $@ $<
../tomorrow/libcuda.so.1: tree/reach/tomorrow.c $(HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) -fPIC -shared -Wl,-soname,$(@F) -o $@ $< -ldl

# A program under ThreadSanitizer, whose runtime lives beside whatever is preloaded.
../tsan: tree/spawns.c $(HEADERS)
	$(COMPILE) -fsanitize=thread -o $@ $< $(LINK) -Wl,--as-needed -lcudart

../driver.py: tree/reach/driver.py
	install $< $@
$(filter-out ../driver.py,$(SCRIPTS)): ../%: tree/%
	install $< $@

# SPDX-License-Identifier: Apache-2.0
# Run by the Makefile beside it, in OUT/obj.
CC = gcc
CFLAGS = -O2 -g
OWN_CFLAGS = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread -MMD -MP -Icuda -Idifferential -Itree

# The operations are the differential test's.
PARTS = guest.o $(addprefix differential-,arrays.o contexts.o graphs.o linear.o physical.o pools.o world.o)

.PHONY: all
.DELETE_ON_ERROR:
all: ../chaos-guest ../stops.jar

../chaos-guest: $(PARTS)
	$(CC) $(CFLAGS) -pthread -rdynamic -o $@ $^ -Llib -Wl,-rpath,'$$ORIGIN/../fakecuda' -lcuda
guest.o: tree/guest.c
	$(CC) $(OWN_CFLAGS) $(CFLAGS) -c -o $@ $<
differential-%.o: differential/%.c
	$(CC) $(OWN_CFLAGS) $(CFLAGS) -c -o $@ $<

../stops.jar: tree/stops/StopPoints.java
	@mkdir -p stops
	"$(JDK)/bin/javac" -d stops $<
	echo 'Premain-Class: StopPoints' > stops.manifest
	"$(JDK)/bin/jar" --create --file $@ --manifest stops.manifest -C stops .

-include $(wildcard *.d)

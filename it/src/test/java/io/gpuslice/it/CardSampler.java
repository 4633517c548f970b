// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAccumulator;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Looks into the simulated card's file, again and again, at what the processes of one {@code FAKECUDA_GROUP} hold on
 * device 0. Layout and who writes when: {@code fakecuda_card.h}. The card strikes off the dead before it lets the sum
 * rise above its highest, so a sum above a limit is memory that the living held.
 */
final class CardSampler implements AutoCloseable {
    private static final int GROUP_COUNT = 256;
    private static final long CURRENT = 64;
    private static final long PEAK = CURRENT + 8;
    private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

    private final Arena arena = Arena.ofShared();
    private final MemorySegment group;
    private final Thread thread;
    private final AtomicLong samples = new AtomicLong();
    private final LongAccumulator highest = new LongAccumulator(Math::max, 0);
    private volatile boolean over;

    /**
     * Begins at once.
     *
     * @param tree where the layout is
     * @param group some process of it has used the card already
     */
    CardSampler(Tree tree, Path card, String group) {
        try (FileChannel file = FileChannel.open(card)) {
            String layout = Files.readString(tree.root().resolve("it/fakecuda/include/fakecuda_card.h"));
            this.group = find(layout, file.map(MapMode.READ_ONLY, 0, file.size(), arena), group);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        thread = Thread.ofPlatform().daemon().start(this::sample);
    }

    private static MemorySegment find(String layout, MemorySegment card, String name) {
        long groups = asserted(layout, "__builtin_offsetof(struct fakecuda_card, groups)");
        long size = asserted(layout, "sizeof(struct fakecuda_group)");
        for (int i = 0; i < GROUP_COUNT; i++) {
            MemorySegment group = card.asSlice(groups + i * size, size);
            if (group.getString(0).equals(name)) {
                return group;
            }
        }
        throw new IllegalArgumentException("no process of group " + name + " has used the card");
    }

    /** What the compiler has checked is so. */
    private static long asserted(String layout, String what) {
        Matcher number = Pattern.compile(Pattern.quote(what) + " == (\\d+)").matcher(layout);
        if (!number.find()) {
            throw new IllegalStateException("fakecuda_card.h does not assert " + what);
        }
        return Long.parseLong(number.group(1));
    }

    private void sample() {
        while (!over) {
            highest.accumulate((long) WORD.getVolatile(group, CURRENT));
            samples.incrementAndGet();
            LockSupport.parkNanos(100_000);
        }
    }

    /** How often it has looked. */
    long samples() {
        return samples.get();
    }

    /** The most that it saw held, in bytes. */
    long highest() {
        return highest.get();
    }

    /** The most that was ever held by the card's own account, in bytes. */
    long peak() {
        return (long) WORD.getVolatile(group, PEAK);
    }

    @Override
    public void close() {
        over = true;
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        arena.close();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;

/**
 * Waits for many descriptors at once; each is reported once, when it becomes readable. One thread waits; any thread may
 * add, remove and wake it up.
 */
public final class Epoll implements AutoCloseable {
    private static final int EPOLL_CLOEXEC = 02000000;
    private static final int EFD_CLOEXEC = 02000000;
    private static final int EFD_NONBLOCK = 04000;
    private static final int EPOLL_CTL_ADD = 1;
    private static final int EPOLL_CTL_DEL = 2;
    private static final int EPOLLIN = 1;
    private static final int EPOLLONESHOT = 1 << 30;
    private static final int BATCH = 64;
    // struct epoll_event is packed on x86-64 alone.
    private static final int DATA = Machine.IS_ARM ? 8 : 4;
    private static final int EVENT_SIZE = DATA + 8;

    private static final NativeFunction EPOLL_CREATE = NativeFunction.returningInt("epoll_create1");
    private static final NativeFunction EPOLL_CTL = NativeFunction.returningInt("epoll_ctl");
    private static final NativeFunction EPOLL_WAIT = NativeFunction.returningInt("epoll_wait");
    private static final NativeFunction EVENTFD = NativeFunction.returningInt("eventfd");
    private static final NativeFunction EVENTFD_READ = NativeFunction.returningInt("eventfd_read");
    private static final NativeFunction EVENTFD_WRITE = NativeFunction.returningInt("eventfd_write");

    /** The key of the descriptor that wakes the waiting thread up. */
    private static final long WAKE_UP = Long.MIN_VALUE;

    private final int epoll;
    private final int alarm;

    private Epoll(int epoll, int alarm) {
        this.epoll = epoll;
        this.alarm = alarm;
    }

    public static Epoll create() throws LinuxException {
        int epoll = (int) EPOLL_CREATE.call(EPOLL_CLOEXEC, EPOLL_CLOEXEC);
        int alarm = -1;
        try {
            alarm = (int) EVENTFD.call(0, 0, EFD_CLOEXEC | EFD_NONBLOCK);
            Epoll created = new Epoll(epoll, alarm);
            created.control(EPOLL_CTL_ADD, alarm, EPOLLIN, WAKE_UP);
            return created;
        } catch (LinuxException e) {
            Fd.close(epoll);
            if (alarm >= 0) {
                Fd.close(alarm);
            }
            throw e;
        }
    }

    /**
     * Reports {@code key} once, when {@code fd} is readable: a {@link Pidfd} is from its process's death on.
     *
     * @param key anything but Long.MIN_VALUE
     */
    public void add(int fd, long key) throws LinuxException {
        if (key == WAKE_UP) {
            throw new IllegalArgumentException("the key " + key + " is taken");
        }
        control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT, key);
    }

    /** Before {@code fd} is closed. A report of it may already be under way. */
    public void remove(int fd) throws LinuxException {
        control(EPOLL_CTL_DEL, fd, 0, 0);
    }

    /**
     * Waits until something is to be reported, {@link #wakeUp} is called, or the time is over.
     *
     * @param timeoutMillis −1 for ever
     * @param ready gets the key of each descriptor that is readable, up to 64 at once
     */
    public void await(int timeoutMillis, LongConsumer ready) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer events = NativeFunction.struct(arena, EVENT_SIZE * BATCH);
            int count = (int) EPOLL_WAIT.restart(epoll, epoll, NativeFunction.address(events), BATCH, timeoutMillis);
            for (int i = 0; i < count; i++) {
                long key = events.getLong(i * EVENT_SIZE + DATA);
                if (key == WAKE_UP) {
                    EVENTFD_READ.call(alarm, alarm, NativeFunction.address(NativeFunction.struct(arena, Long.BYTES)));
                } else {
                    ready.accept(key);
                }
            }
        }
    }

    /** Ends an {@link #await} that is going on, or the next one. */
    public void wakeUp() throws LinuxException {
        EVENTFD_WRITE.call(alarm, alarm, 1);
    }

    private void control(int operation, int fd, int events, long key) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer event =
                    NativeFunction.struct(arena, EVENT_SIZE).putInt(0, events).putLong(DATA, key);
            EPOLL_CTL.call(fd, epoll, operation, fd, NativeFunction.address(event));
        }
    }

    /** No thread may be waiting. The descriptors added stay open: they are the caller's. */
    @Override
    public void close() throws LinuxException {
        Fd.close(alarm);
        Fd.close(epoll);
    }
}

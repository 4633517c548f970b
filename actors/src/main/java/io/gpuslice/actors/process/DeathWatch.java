// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.process;

import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.Pidfd;
import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import java.io.UncheckedIOException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One pidfd among the event loop's descriptors. It becomes readable when the last thread of the process is gone: a
 * leader thread that has ended before the others says nothing, nor does an exec.
 *
 * <p>Owns the pidfd, and closes it when the process is dead or no longer of interest.
 */
final class DeathWatch implements EpollIoHandle {

    private final IoEventLoop loop;
    private final Pidfd pidfd;
    private final FileDescriptor fd;
    private final Runnable died;
    private final Consumer<Throwable> failed;

    /** Only the loop's thread touches it. */
    private @Nullable IoRegistration registration;

    /** As with it; closed before the loop had the descriptor, it is taken out as soon as it is in. */
    private boolean closed;

    /**
     * @param died called on the loop's thread, once
     * @param failed called instead, when the kernel does not take the descriptor
     */
    DeathWatch(IoEventLoop loop, Pidfd pidfd, Runnable died, Consumer<Throwable> failed) {
        this.loop = loop;
        this.pidfd = pidfd;
        this.fd = new FileDescriptor(pidfd.fd());
        this.died = died;
        this.failed = failed;
    }

    void start() {
        loop.register(this).addListener(done -> {
            if (done.isSuccess()) {
                IoRegistration registered = (IoRegistration) done.getNow();
                registration = registered;
                if (closed) {
                    registered.cancel();
                } else {
                    registered.submit(EpollIoOps.EPOLLIN);
                }
            } else {
                closePidfd();
                if (!closed) {
                    failed.accept(done.cause());
                }
            }
        });
    }

    /** Ends the watch. May be called from any thread; a death that was seen before may still be told. */
    void cancel() {
        loop.execute(this::close);
    }

    @Override
    public FileDescriptor fd() {
        return fd;
    }

    @Override
    public void handle(IoRegistration registered, IoEvent event) {
        // A pidfd stays readable: unless it is taken out, the loop would spin.
        registered.cancel();
        died.run();
    }

    @Override
    public void unregistered() {
        closePidfd();
    }

    private void closePidfd() {
        try {
            pidfd.close();
        } catch (LinuxException e) {
            throw new UncheckedIOException("a descriptor of ours could not be closed", e);
        }
    }

    @Override
    public void close() {
        closed = true;
        if (registration != null) {
            registration.cancel();
        }
    }
}

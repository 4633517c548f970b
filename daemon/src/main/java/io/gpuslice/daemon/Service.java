// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.linux.ServiceManager;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells the service manager, if one has started this process, how the daemon does. It is never what the daemon fails of. */
final class Service {
    private static final Logger LOG = LoggerFactory.getLogger(Service.class);

    /** Something that the service manager is told. */
    @FunctionalInterface
    private interface Word {
        void to(ServiceManager manager) throws IOException;
    }

    private final Optional<ServiceManager> manager;

    Service(Optional<ServiceManager> manager) {
        this.manager = manager;
    }

    static Service ofThisProcess() {
        return new Service(
                ServiceManager.of(System.getenv(), ProcessHandle.current().pid()));
    }

    /** The daemon answers; {@code status} is for people, on one line. */
    void ready(String status) {
        say(told -> told.ready(status));
    }

    /** The settings are being read anew, until {@link #ready}. */
    void reloading() {
        say(ServiceManager::reloading);
    }

    /** The daemon ends. */
    void stopping() {
        say(ServiceManager::stopping);
    }

    /**
     * From now on says that the daemon lives, twice in the time the service manager waits for it, as long as it does.
     *
     * @param missing what does not answer; empty: all does
     * @return ends that; already ended where nobody wants to hear it
     */
    AutoCloseable watch(Supplier<Optional<String>> missing) {
        ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("gpuslice-watchdog").factory());
        manager.flatMap(ServiceManager::watchdog)
                .ifPresentOrElse(within -> every(within.dividedBy(2), clock, missing), clock::shutdown);
        return clock::shutdownNow;
    }

    private void every(Duration interval, ScheduledExecutorService clock, Supplier<Optional<String>> missing) {
        Runnable look = () -> missing.get()
                .ifPresentOrElse(
                        text -> LOG.warn("the service manager is not told that the daemon lives: {}", text),
                        () -> say(ServiceManager::alive));
        var _ = clock.scheduleAtFixedRate(look, interval.toNanos(), interval.toNanos(), TimeUnit.NANOSECONDS);
    }

    private void say(Word word) {
        manager.ifPresent(told -> {
            try {
                word.to(told);
            } catch (IOException e) {
                LOG.warn("the service manager cannot be told how the daemon does: {}", e.getMessage());
            }
        });
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class EpollTest {
    private static final int FOR_EVER = -1;
    private static final int SIGKILL = 9;

    @Test
    void eachDeathIsReportedOnce() throws Exception {
        try (Epoll epoll = Epoll.create();
                Child first = Child.start("exec sleep 1000");
                Child second = Child.start("exec sleep 1000");
                Pidfd firstPidfd = Pidfd.open(first.pid());
                Pidfd secondPidfd = Pidfd.open(second.pid())) {
            epoll.add(firstPidfd.fd(), 1);
            epoll.add(secondPidfd.fd(), Long.MAX_VALUE);
            List<Long> dead = new ArrayList<>();
            epoll.await(0, dead::add);
            assertThat(dead).isEmpty();

            secondPidfd.signal(SIGKILL);
            epoll.await(FOR_EVER, dead::add);
            assertThat(dead).containsExactly(Long.MAX_VALUE);
            epoll.await(0, dead::add);
            assertThat(dead).hasSize(1);

            firstPidfd.signal(SIGKILL);
            epoll.await(FOR_EVER, dead::add);
            assertThat(dead).containsExactly(Long.MAX_VALUE, 1L);
        }
    }

    @Test
    void whatWasDeadAlreadyIsReportedTooAndWhatWasRemovedIsNot() throws Exception {
        try (Epoll epoll = Epoll.create();
                Child child = Child.start("exec sleep 1000");
                Pidfd kept = Pidfd.open(child.pid());
                Pidfd removed = Pidfd.open(child.pid())) {
            epoll.add(removed.fd(), 1);
            epoll.remove(removed.fd());
            kept.signal(SIGKILL);
            epoll.add(kept.fd(), 2);

            List<Long> dead = new ArrayList<>();
            epoll.await(FOR_EVER, dead::add);
            epoll.await(0, dead::add);
            assertThat(dead).containsExactly(2L);
        }
    }

    @Test
    void theWaitingThreadCanBeWokenUpBeforeAndWhileItWaits() throws Exception {
        try (Epoll epoll = Epoll.create()) {
            epoll.wakeUp();
            epoll.await(FOR_EVER, key -> {
                throw new AssertionError("nothing was added, but " + key + " reported");
            });

            CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> {
                try {
                    epoll.await(FOR_EVER, _ -> {});
                } catch (LinuxException e) {
                    throw new AssertionError(e);
                }
            });
            epoll.wakeUp();
            waiting.get(20, TimeUnit.SECONDS);
        }
    }

    @Test
    void theKeyOfTheWakeUpIsRefused() throws Exception {
        try (Epoll epoll = Epoll.create()) {
            assertThatIllegalArgumentException().isThrownBy(() -> epoll.add(0, Long.MIN_VALUE));
        }
    }
}

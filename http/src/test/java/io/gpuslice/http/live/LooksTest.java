// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

class LooksTest {
    private final Queue<CompletableFuture<Look>> asked = new ConcurrentLinkedQueue<>();
    private final Looks looks = new Looks(
            () -> {
                CompletableFuture<Look> look = new CompletableFuture<>();
                asked.add(look);
                return look;
            },
            Runnable::run);

    private CompletableFuture<Look> next() {
        Awaitility.await().until(() -> !asked.isEmpty());
        return asked.remove();
    }

    @Test
    void allWhoComeWhileOneLooksAreShownTheNextLookAndOnlyThatOne() throws Exception {
        CompletableFuture<Look> first = looks.look().toCompletableFuture();
        CompletableFuture<Look> begun = next();
        List<CompletableFuture<Look>> late = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            late.add(looks.look().toCompletableFuture());
        }
        assertThat(asked).isEmpty();
        Look old = Views.look();
        begun.complete(old);
        assertThat(first.get(10, TimeUnit.SECONDS)).isSameAs(old);
        Look fresh = Views.look(Views.session(1, 1, 1));
        CompletableFuture<Look> second = next();
        assertThat(late).noneMatch(CompletableFuture::isDone);
        second.complete(fresh);
        for (CompletableFuture<Look> each : late) {
            assertThat(each.get(10, TimeUnit.SECONDS)).isSameAs(fresh);
        }
        assertThat(asked).isEmpty();
    }

    @Test
    void aLookThatFailsIsTriedAgainByWhoeverComesNext() {
        CompletableFuture<Look> first = looks.look().toCompletableFuture();
        next().completeExceptionally(new IllegalStateException("no answer"));
        assertThat(first).isCompletedExceptionally();
        CompletableFuture<Look> second = looks.look().toCompletableFuture();
        Look look = Views.look();
        next().complete(look);
        assertThat(second).isCompletedWithValue(look);
    }
}

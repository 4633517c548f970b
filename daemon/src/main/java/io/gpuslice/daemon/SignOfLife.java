// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * Whether a restart would help: whether the event loop answers at the door, if only with a refusal, and the actors answer
 * each other. A full disk or too many connections are no reason: the next daemon would fare no better.
 */
final class SignOfLife {
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final SelfTest door;
    private final Supplier<CompletionStage<?>> actors;

    /** @param actors asks them something */
    SignOfLife(SelfTest door, Supplier<CompletionStage<?>> actors) {
        this.door = door;
        this.actors = actors;
    }

    /** What does not answer; empty: everything does. Waits for seconds. */
    Optional<String> missing() {
        try {
            var _ = door.answer();
            var _ = actors.get().toCompletableFuture().get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of("its socket does not answer: " + e.getMessage());
        } catch (ExecutionException | TimeoutException e) {
            return Optional.of("its actors do not answer within " + PATIENCE.toSeconds() + " s");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.of("it is ending");
        }
    }
}

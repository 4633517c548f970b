// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.function.Consumer;
import org.apache.pekko.persistence.typed.javadsl.EffectBuilder;
import org.apache.pekko.persistence.typed.javadsl.EffectFactories;

/**
 * One actor's writes to its journal, one at a time; whoever waits for one that fails hears of it.
 *
 * @param <E> what is written
 * @param <S> what it adds up to
 */
final class Journaling<E, S> {

    private final EffectFactories<E, S> effects = new EffectFactories<>();
    private final JournalFailures failures;
    private Consumer<String> onFailure = _ -> {};

    Journaling(JournalFailures failures) {
        this.failures = failures;
    }

    /** What a command can come to beside a write. */
    EffectFactories<E, S> effects() {
        return effects;
    }

    /**
     * One atomic write of all the events; none where there is nothing to write.
     *
     * @param onFailure hears the reason if it fails; whatever was to follow does not then
     */
    EffectBuilder<E, S> persist(List<E> events, Consumer<String> onFailure) {
        if (events.isEmpty()) {
            return effects.none();
        }
        this.onFailure = onFailure;
        return effects.persist(events).thenRun(_ -> this.onFailure = _ -> {});
    }

    /** As the other one, for somebody who waits for an answer. */
    EffectBuilder<E, S> persist(List<E> events, Refusable request) {
        return persist(events, reason -> request.refuse(ErrorCode.INTERNAL, notRecorded(reason)));
    }

    /** For whom it does not matter, because it will come again by itself. */
    EffectBuilder<E, S> persist(List<E> events) {
        return persist(events, _ -> {});
    }

    /** To be called when the actor restarts: a write that was under way has failed. */
    void restarting() {
        onFailure.accept(failures.last());
        onFailure = _ -> {};
    }

    static String notRecorded(String reason) {
        return "the request could not be recorded: " + reason + "; nothing has changed";
    }
}

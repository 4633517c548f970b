// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.BehaviorInterceptor;
import org.apache.pekko.actor.typed.TypedActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.persistence.JournalProtocol;
import org.apache.pekko.persistence.typed.internal.JournalFailureException;

/**
 * Remembers why the journal could not write, and says it. An event-sourced behaviour whose write failed is restarted without being
 * told why; whoever waits for its answer shall know.
 */
final class JournalFailures extends BehaviorInterceptor<Object, Object> {

    private String last = "its journal failed";

    JournalFailures() {
        super(Object.class);
    }

    /** The reason of the last failure, for people. */
    String last() {
        return last;
    }

    /** The behaviour, listened to. What the journal says comes beside the behaviour's own commands. */
    @SuppressWarnings("unchecked")
    <C> Behavior<C> around(Behavior<C> behavior) {
        return Behaviors.intercept(() -> this, (Behavior<Object>) behavior).narrow();
    }

    @Override
    public Behavior<Object> aroundReceive(
            TypedActorContext<Object> context, Object message, ReceiveTarget<Object> target) {
        switch (message) {
            case JournalProtocol.WriteMessageFailure failure -> last = reason(failure.cause());
            case JournalProtocol.WriteMessageRejected rejected -> last = reason(rejected.cause());
            default -> {}
        }
        try {
            return target.apply(context, message);
        } catch (JournalFailureException e) {
            // A full disk fails again and again: where it was thrown tells nobody anything.
            context.asJava().getLog().warn("the journal failed: {}; the next try is soon", last);
            throw e;
        } catch (RuntimeException e) {
            context.asJava().getLog().error("a defect; it starts again from its journal", e);
            throw e;
        }
    }

    private static String reason(Throwable cause) {
        String message = cause.getMessage();
        return message == null ? cause.getClass().getSimpleName() : message;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.wire.ErrorCode;
import java.util.function.UnaryOperator;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.BehaviorInterceptor;
import org.apache.pekko.actor.typed.TypedActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * Counts the requests that wait while their actor writes to its journal, and refuses what is too many. The journal's
 * own stash drops what does not fit, and nobody would be told.
 *
 * @param <C> the actor's commands
 */
final class Backlog<C> extends BehaviorInterceptor<C, C> {

    /** Below the capacity of the stash behind it (4096), which so never overflows. */
    static final int BOUND = 1024;

    private final UnaryOperator<Refusable> heard;
    private int waiting;
    /** Whether somebody was refused since the last time when there was room. */
    private boolean isFull;

    /** @param heard the request as it is to be refused */
    Backlog(Class<C> commands, UnaryOperator<Refusable> heard) {
        super(commands);
        this.heard = heard;
    }

    /** To be called when a command's turn has come. */
    void taken(C command) {
        if (command instanceof Refusable) {
            waiting--;
        }
    }

    @Override
    public Behavior<C> aroundReceive(TypedActorContext<C> context, C command, ReceiveTarget<C> target) {
        if (command instanceof Refusable request) {
            if (waiting >= BOUND) {
                if (!isFull) {
                    context.asJava()
                            .getLog()
                            .warn("{} requests are waiting: until there is room others are refused", BOUND);
                }
                isFull = true;
                heard.apply(request)
                        .refuse(ErrorCode.OVERLOADED, BOUND + " requests are waiting already: try again in a moment");
                return Behaviors.same();
            }
            isFull &= waiting > BOUND / 2;
            waiting++;
        }
        return target.apply(context, command);
    }
}

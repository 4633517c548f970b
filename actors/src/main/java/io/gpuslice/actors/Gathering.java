// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.SessionId;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** Asks several sessions for their views, hands on what came in time, and ends. */
final class Gathering {

    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private record TimeIsUp() {}

    private Gathering() {}

    /**
     * @param sessions to be asked
     * @param then gets the views in the order of {@code sessions}, and who was silent; runs in this actor
     */
    static Behavior<Object> create(
            Map<SessionId, ActorRef<Session.Command>> sessions, BiConsumer<List<SessionView>, List<SessionId>> then) {
        return Behaviors.setup(context -> {
            sessions.values()
                    .forEach(session ->
                            session.tell(new Session.Describe(context.getSelf().narrow())));
            context.scheduleOnce(PATIENCE, context.getSelf(), new TimeIsUp());
            return gather(sessions, new HashMap<>(), then);
        });
    }

    private static Behavior<Object> gather(
            Map<SessionId, ActorRef<Session.Command>> sessions,
            Map<SessionId, SessionView> views,
            BiConsumer<List<SessionView>, List<SessionId>> then) {
        if (views.size() == sessions.size()) {
            return finish(sessions, views, then);
        }
        return Behaviors.receive(Object.class)
                .onMessage(SessionView.class, view -> {
                    views.put(view.id(), view);
                    return views.size() == sessions.size() ? finish(sessions, views, then) : Behaviors.same();
                })
                .onMessage(TimeIsUp.class, up -> finish(sessions, views, then))
                .build();
    }

    private static Behavior<Object> finish(
            Map<SessionId, ActorRef<Session.Command>> sessions,
            Map<SessionId, SessionView> views,
            BiConsumer<List<SessionView>, List<SessionId>> then) {
        List<SessionView> seen = sessions.keySet().stream()
                .filter(views::containsKey)
                .map(views::get)
                .toList();
        List<SessionId> silent =
                sessions.keySet().stream().filter(id -> !views.containsKey(id)).toList();
        then.accept(seen, silent);
        return Behaviors.stopped();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.Caller;
import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.http.live.Look;
import io.gpuslice.http.live.Looks;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.AskPattern;

/**
 * Who knows the answers. They answer on the event loop, where charges are decided; what becomes of an answer (JSON,
 * hundreds of sessions of it) happens elsewhere.
 */
final class Actors {

    static final Duration PATIENCE = Duration.ofSeconds(5);

    /** Of whom it is known when they looked last. */
    private static final int MOST_CALLERS = 64;

    private final ActorSystem<?> system;
    private final ActorRef<Sessions.Command> sessions;
    private final ActorRef<Devices.Command> devices;
    private final Executor elsewhere;
    private final Map<Caller, Looks> looks = new LinkedHashMap<>(MOST_CALLERS, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Caller, Looks> eldest) {
            return size() > MOST_CALLERS;
        }
    };

    Actors(ActorSystem<?> system, ActorRef<Sessions.Command> sessions, ActorRef<Devices.Command> devices) {
        this.system = system;
        this.sessions = sessions;
        this.devices = devices;
        elsewhere = system.dispatchers().lookup(DispatcherSelector.blocking());
    }

    /** Where what takes its time is done. */
    Executor elsewhere() {
        return elsewhere;
    }

    /** Asks about sessions; what {@code then} does, it does away from the event loop. */
    <T, A> CompletionStage<A> ask(
            Duration patience,
            org.apache.pekko.japi.function.Function<ActorRef<T>, Sessions.Command> question,
            Function<T, CompletionStage<A>> then) {
        return AskPattern.ask(sessions, question, patience, system.scheduler()).thenComposeAsync(then, elsewhere);
    }

    /** The one session that the caller means and may see. */
    CompletionStage<SessionView> session(Caller caller, String selector) {
        return this.<Sessions.InspectReply, SessionView>ask(
                PATIENCE, replyTo -> new Sessions.Inspect(caller, selector, replyTo), reply -> switch (reply) {
                    case Sessions.InspectReply.Seen(var session) -> CompletableFuture.completedFuture(session);
                    case Sessions.InspectReply.Refused(var code, var text) -> refused(code, text);
                });
    }

    /** What the caller may see, in one look for all who ask as the same caller at the same time. */
    CompletionStage<Look> look(Caller caller) {
        Looks its;
        synchronized (looks) {
            its = looks.computeIfAbsent(caller, _ -> new Looks(() -> ask(caller), elsewhere));
        }
        return its.look();
    }

    private CompletionStage<Look> ask(Caller caller) {
        return this.<Sessions.ListReply, Look>ask(
                PATIENCE, replyTo -> new Sessions.ListAll(caller, replyTo), reply -> switch (reply) {
                    case Sessions.ListReply.Listed listed ->
                        devices(devicesOf(listed.sessions())).thenApply(known -> new Look(listed, known));
                    case Sessions.ListReply.Refused(var code, var text) -> refused(code, text);
                });
    }

    /** Those that the sessions use. */
    static List<DeviceId> devicesOf(List<SessionView> sessions) {
        return sessions.stream()
                .flatMap(session -> session.devices().stream())
                .map(DeviceUse::device)
                .distinct()
                .toList();
    }

    /** @param wanted devices that should be among them */
    CompletionStage<Devices.Known> devices(Collection<DeviceId> wanted) {
        return AskPattern.<Devices.Command, Devices.Known>ask(
                        devices, replyTo -> new Devices.Get(wanted, replyTo), PATIENCE, system.scheduler())
                .thenApplyAsync(known -> known, elsewhere);
    }

    static <T> CompletionStage<T> refused(ErrorCode code, String text) {
        return CompletableFuture.failedFuture(Problem.of(code, text));
    }
}

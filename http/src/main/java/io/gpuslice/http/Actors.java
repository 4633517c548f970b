// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.util.Collection;
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

    private final ActorSystem<?> system;
    private final ActorRef<Sessions.Command> sessions;
    private final ActorRef<Devices.Command> devices;
    private final Executor elsewhere;

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

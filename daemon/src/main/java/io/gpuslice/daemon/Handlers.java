// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.actors.Caller;
import io.gpuslice.actors.Clock;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.Supervisor;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.ingress.CallHandler;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.http.Api;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.javadsl.AskPattern;

/** What answers from outside the actors, and asks them, once they are there. */
final class Handlers implements Supervisor.CallHandlers {
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final Duration BEAT = Duration.ofMillis(250);

    /** The metrics show every session. */
    private static final Caller OPERATOR = new Caller(0, 0, true);

    private record Made(
            ActorSystem<?> system, ActorRef<Sessions.Command> sessions, ActorRef<Devices.Command> devices, Api api) {}

    private final OperatorToken token;
    private final Api.About about;
    private final Api.Occurrences occurrences;
    private final Clock clock;
    private final CompletableFuture<Made> made = new CompletableFuture<>();

    Handlers(OperatorToken token, Api.About about, Api.Occurrences occurrences, Clock clock) {
        this.token = token;
        this.about = about;
        this.occurrences = occurrences;
        this.clock = clock;
    }

    @Override
    public CallHandler create(
            ActorSystem<?> system, ActorRef<Sessions.Command> sessions, ActorRef<Devices.Command> devices) {
        Api api = new Api(system, sessions, devices, token, about, occurrences, clock);
        system.scheduler()
                .scheduleAtFixedRate(BEAT, BEAT, api::beat, system.dispatchers().lookup(DispatcherSelector.blocking()));
        made.complete(new Made(system, sessions, devices, api));
        return api;
    }

    /** Waits for it: to be called when the daemon listens. */
    Api api() {
        return made.join().api();
    }

    CompletionStage<Sessions.ListReply> sessions() {
        return made.thenCompose(actors -> AskPattern.ask(
                actors.sessions(),
                replyTo -> new Sessions.ListAll(OPERATOR, replyTo),
                PATIENCE,
                actors.system().scheduler()));
    }

    CompletionStage<Devices.Known> devices() {
        return made.thenCompose(actors -> AskPattern.ask(
                actors.devices(),
                replyTo -> new Devices.Get(List.of(), replyTo),
                PATIENCE,
                actors.system().scheduler()));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.eventloop.EventLoop;
import io.gpuslice.actors.ingress.CallHandler;
import io.gpuslice.actors.ingress.Ingress;
import io.gpuslice.actors.ingress.IngressSettings;
import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.actors.process.PidWatcher;
import io.gpuslice.actors.process.Processes;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.config.Settings;
import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.Done;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.DispatcherSelector;
import org.apache.pekko.actor.typed.SupervisorStrategy;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The guardian. Starts what everything else needs, waits until every session is there again, and only then opens the
 * door: nobody is answered out of half the books.
 */
public final class Supervisor {

    /** What the guardian hears. */
    public sealed interface Command {}

    /** Asks for a sign of life, over the thread that all who decide run on. */
    public record Ping(ActorRef<Done> replyTo) implements Command {}

    /** Puts into force what of these settings may change while sessions run: how many there may be, and the caps. */
    public record Adjust(Settings settings) implements Command {}

    private record Started(Sessions.Start start) implements Command {}

    private record Listens(Ingress.Listening listening) implements Command {}

    /** Makes what answers CALL frames; it lives in a module that this one does not know. */
    @FunctionalInterface
    public interface CallHandlers {
        CallHandler create(
                ActorSystem<?> system, ActorRef<Sessions.Command> sessions, ActorRef<Devices.Command> devices);
    }

    /**
     * The directory that the journals are in.
     *
     * @param id names it
     * @param begun whether it has had a list of sessions before: then an empty one is a loss
     */
    public record State(String id, boolean begun) {}

    /** Why the daemon cannot start. */
    public static final class StartException extends Exception {
        private static final long serialVersionUID = 1L;

        private final boolean ofState;

        StartException(String message, boolean ofState) {
            super(message);
            this.ofState = ofState;
        }

        /** Whether what was journaled is the reason; else the message says what to do. */
        public boolean isOfState() {
            return ofState;
        }
    }

    /** How long an exec that nobody tells of keeps its charge, unless somebody needs it. */
    private static final Duration ROUND_EVERY = Duration.ofSeconds(2);

    /** How often all processes are looked at, at most. */
    private static final Duration CENSUS_EVERY = Duration.ofSeconds(2);

    private final ActorContext<Command> context;
    private final IngressSettings door;
    private final EventLoop loop;
    private final Processes processes;
    private final CallHandlers handlers;
    private final Telemetry telemetry;
    private final CompletableFuture<Path> ready;
    private final ActorRef<Devices.Command> devices;
    private final ActorRef<Sessions.Command> sessions;

    private Supervisor(
            ActorContext<Command> context,
            Settings settings,
            IngressSettings door,
            State state,
            Access access,
            EventLoop loop,
            Processes processes,
            ProcessTable table,
            CallHandlers handlers,
            Telemetry telemetry,
            CompletableFuture<Path> ready) {
        this.context = context;
        this.door = door;
        this.loop = loop;
        this.processes = processes;
        this.handlers = handlers;
        this.telemetry = telemetry;
        this.ready = ready;
        devices = context.spawn(steady(Devices.create(settings.devices())), "devices");
        ActorRef<PidWatcher.Command> pidWatcher =
                context.spawn(steady(PidWatcher.create(loop, processes::open)), "pid-watcher");
        SecureRandom random = new SecureRandom();
        Executor blocking = context.getSystem().dispatchers().lookup(DispatcherSelector.blocking());
        Ports ports = new Ports(
                new MemfdPages(random),
                table,
                Clock.system(processes.bootId()),
                random,
                blocking,
                pidWatcher,
                context.spawn(steady(Census.create(table, Devices.users(), blocking, CENSUS_EVERY)), "census"),
                context.spawn(steady(Shares.create()), "shares"),
                telemetry);
        int snapshotEvery = settings.journal().snapshotEvery();
        Session.Settings each = new Session.Settings(
                Journal.fast(snapshotEvery),
                access,
                settings.sessions().endGrace(),
                settings.sessions().killGrace(),
                ROUND_EVERY);
        Sessions.Settings all = new Sessions.Settings(
                Journal.durable(snapshotEvery),
                state.id(),
                state.begun(),
                settings.sessions().max(),
                Caps.of(settings.access()),
                each);
        sessions = context.spawn(
                Sessions.create(ports, all, devices, context.messageAdapter(Sessions.Start.class, Started::new)),
                "sessions");
    }

    /**
     * The daemon's actors.
     *
     * @param state the directory that the configured journals are in
     * @param access who may do what
     * @param loop must outlive the actor system
     * @param telemetry hears of everything that is decided
     * @param ready is completed once: with the socket when the daemon listens, or with a {@link StartException}
     */
    public static Behavior<Command> create(
            Settings settings,
            State state,
            Access access,
            EventLoop loop,
            CallHandlers handlers,
            Telemetry telemetry,
            CompletableFuture<Path> ready) {
        return Behaviors.setup(context -> {
            try {
                Processes processes = Processes.ofThisMachine();
                Supervisor supervisor = new Supervisor(
                        context,
                        settings,
                        IngressSettings.of(settings, access, Procfs.mostDescriptors()),
                        state,
                        access,
                        loop,
                        processes,
                        new ProcfsTable(processes, settings.deviceNodes()),
                        handlers,
                        telemetry,
                        ready);
                return Behaviors.receive(Command.class)
                        .onAnyMessage(supervisor::on)
                        .build();
            } catch (IOException e) {
                ready.completeExceptionally(new StartException("/proc cannot be read: " + e.getMessage(), false));
                return Behaviors.stopped();
            }
        });
    }

    private Behavior<Command> on(Command command) {
        switch (command) {
            case Started(Sessions.Start.Ready(int count)) -> {
                context.getLog().info("{} sessions restored", count);
                listen();
            }
            case Started(Sessions.Start.Unusable(String reason)) ->
                ready.completeExceptionally(new StartException(reason, true));
            case Listens(Ingress.Listening.Bound(Path socket)) -> ready.complete(socket);
            case Listens(Ingress.Listening.BindFailed(String reason)) ->
                ready.completeExceptionally(new StartException(reason, false));
            case Ping(ActorRef<Done> replyTo) -> replyTo.tell(Done.getInstance());
            case Adjust(Settings settings) ->
                sessions.tell(new Sessions.Adjust(settings.sessions().max(), Caps.of(settings.access())));
        }
        return Behaviors.same();
    }

    private void listen() {
        CallHandler calls = handlers.create(context.getSystem(), sessions, devices);
        context.spawn(
                steady(Ingress.create(
                        door,
                        loop,
                        processes,
                        sessions,
                        calls,
                        telemetry,
                        context.messageAdapter(Ingress.Listening.class, Listens::new))),
                "ingress");
    }

    /** A message that one of these cannot handle costs that message: what they hold (watches, sockets) is needed on. */
    private static <C> Behavior<C> steady(Behavior<C> behavior) {
        return Behaviors.supervise(behavior).onFailure(Exception.class, SupervisorStrategy.resume());
    }
}

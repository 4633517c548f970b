// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.process;

import io.gpuslice.actors.eventloop.EventLoop;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.linux.Pidfd;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * Tells when processes die. The kernel says so, by pidfds in the event loop: nobody is asked again and again, and no
 * pid that was given to another process is mistaken for the old one.
 */
public final class PidWatcher {

    /** How long until a descriptor is tried for again, when there was none left. */
    private static final Duration RETRY = Duration.ofSeconds(1);

    public sealed interface Command {}

    /**
     * Asks for the death of a process. Exactly one {@link Died} follows, at once if the process is dead already,
     * unless {@link Unwatch} comes first. Asked again by the same actor meanwhile, it is the same watch.
     */
    public record Watch(ProcessId process, ActorRef<Died> replyTo) implements Command {}

    /** Takes a {@link Watch} back. */
    public record Unwatch(ProcessId process, ActorRef<Died> replyTo) implements Command {}

    /** The last thread of the process is gone; its memory is being returned or has been. */
    public record Died(ProcessId process) {}

    private record Ended(ProcessId process) implements Command {}

    private record Failed(ProcessId process, Throwable cause) implements Command {}

    private record Retry() implements Command {}

    /** How a process is held. */
    @FunctionalInterface
    public interface Opener {
        /**
         * A pidfd of the process.
         *
         * @return none if it is dead
         * @throws IOException if that cannot be told, or there is no descriptor left
         */
        Optional<Pidfd> open(ProcessId process) throws IOException;
    }

    private static final class Watched {
        final Set<ActorRef<Died>> subscribers = new LinkedHashSet<>();
        Optional<DeathWatch> watch = Optional.empty();
    }

    private final ActorContext<Command> context;
    private final TimerScheduler<Command> timers;
    private final EventLoop loop;
    private final Opener opener;
    private final Map<ProcessId, Watched> watched = new HashMap<>();

    /** Watched, but there was no descriptor left for them. */
    private final Set<ProcessId> unheld = new LinkedHashSet<>();

    private PidWatcher(ActorContext<Command> context, TimerScheduler<Command> timers, EventLoop loop, Opener opener) {
        this.context = context;
        this.timers = timers;
        this.loop = loop;
        this.opener = opener;
    }

    /**
     * Watches nobody yet.
     *
     * @param loop where the pidfds wait
     * @param opener usually {@link Processes#open}
     */
    public static Behavior<Command> create(EventLoop loop, Opener opener) {
        return Behaviors.setup(
                context -> Behaviors.withTimers(timers -> new PidWatcher(context, timers, loop, opener).watching()));
    }

    private Behavior<Command> watching() {
        return Behaviors.receive(Command.class)
                .onAnyMessage(this::on)
                .onSignal(PostStop.class, _ -> stop())
                .build();
    }

    private Behavior<Command> on(Command command) {
        switch (command) {
            case Watch(var process, var replyTo) -> watch(process, replyTo);
            case Unwatch(var process, var replyTo) -> unwatch(process, replyTo);
            case Ended(var process) -> ended(process);
            case Failed(var process, var cause) -> retryLater(process, cause);
            case Retry() -> retry();
        }
        return Behaviors.same();
    }

    private void watch(ProcessId process, ActorRef<Died> replyTo) {
        Watched known = watched.get(process);
        if (known != null) {
            known.subscribers.add(replyTo);
            return;
        }
        Watched fresh = new Watched();
        fresh.subscribers.add(replyTo);
        watched.put(process, fresh);
        hold(process, fresh);
    }

    private void hold(ProcessId process, Watched entry) {
        try {
            Optional<Pidfd> pidfd = opener.open(process);
            if (pidfd.isEmpty()) {
                tell(process);
                return;
            }
            ActorRef<Command> self = context.getSelf();
            DeathWatch watch = new DeathWatch(
                    loop.io(),
                    pidfd.get(),
                    () -> self.tell(new Ended(process)),
                    cause -> self.tell(new Failed(process, cause)));
            entry.watch = Optional.of(watch);
            watch.start();
        } catch (IOException e) {
            retryLater(process, e);
        }
    }

    /**
     * Start times count hundredths of a second: where pids are few, another process may have the pid, and the same start time
     * beside it, before this one's death is told. Then it is that one's death that is waited for: told now, it would be
     * taken for its own.
     */
    private void ended(ProcessId process) {
        Watched entry = watched.get(process);
        if (entry != null) {
            hold(process, entry);
        }
    }

    /** Giving up would leave the charge of this process taken for ever. */
    private void retryLater(ProcessId process, Throwable cause) {
        unheld.add(process);
        if (!timers.isTimerActive(Retry.class)) {
            context.getLog()
                    .warn(
                            "The end of {} cannot be watched yet ({}); trying again every {} s. If descriptors are short,"
                                    + " raise the daemon's limit (ulimit -n, LimitNOFILE=).",
                            process,
                            cause.getMessage(),
                            RETRY.toSeconds());
            timers.startSingleTimer(Retry.class, new Retry(), RETRY);
        }
    }

    private void retry() {
        List<ProcessId> again = List.copyOf(unheld);
        unheld.clear();
        for (ProcessId process : again) {
            Watched entry = watched.get(process);
            if (entry != null) {
                hold(process, entry);
            }
        }
    }

    private void unwatch(ProcessId process, ActorRef<Died> replyTo) {
        Watched entry = watched.get(process);
        if (entry != null && entry.subscribers.remove(replyTo) && entry.subscribers.isEmpty()) {
            watched.remove(process);
            unheld.remove(process);
            entry.watch.ifPresent(DeathWatch::cancel);
        }
    }

    private void tell(ProcessId process) {
        Watched entry = watched.remove(process);
        if (entry != null) {
            entry.subscribers.forEach(subscriber -> subscriber.tell(new Died(process)));
        }
    }

    private Behavior<Command> stop() {
        watched.values().forEach(entry -> entry.watch.ifPresent(DeathWatch::cancel));
        return Behaviors.same();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * Looks through all processes of the machine for those of sessions, and for those of them that the limit does not
 * reach: one look for all sessions that want to know, and a pause between two looks.
 */
final class Census {

    /** What it hears. */
    sealed interface Command {}

    /**
     * A session wants to know who belongs to it. One answer follows, after the next look; none if that fails.
     *
     * @param members those of {@code roots} that the limit reaches for certain
     * @param roots processes that are known to belong to the session
     */
    record Visit(SessionId session, Set<ProcessId> members, Set<ProcessId> roots, ActorRef<Found> replyTo)
            implements Command {
        Visit {
            members = Set.copyOf(members);
            roots = Set.copyOf(roots);
        }
    }

    private record Looked() implements Command {}

    private record Failed(Throwable cause) implements Command {}

    private record Rested() implements Command {}

    /**
     * What was found.
     *
     * @param relatives the session's living processes, members included
     * @param unenforced those of them that the limit does not reach
     */
    record Found(Set<ProcessId> relatives, Map<ProcessId, Unenforced> unenforced) {}

    private final ActorContext<Command> context;
    private final TimerScheduler<Command> timers;
    private final ProcessTable table;
    private final DeviceUsers devices;
    private final Executor blocking;
    private final Duration pause;
    private final Map<SessionId, Visit> waiting = new LinkedHashMap<>();
    private boolean resting;

    private Census(
            ActorContext<Command> context,
            TimerScheduler<Command> timers,
            ProcessTable table,
            DeviceUsers devices,
            Executor blocking,
            Duration pause) {
        this.context = context;
        this.timers = timers;
        this.table = table;
        this.devices = devices;
        this.blocking = blocking;
        this.pause = pause;
    }

    /**
     * The census.
     *
     * @param devices tells who uses any
     * @param blocking runs the looks
     * @param pause between two of them
     */
    static Behavior<Command> create(ProcessTable table, DeviceUsers devices, Executor blocking, Duration pause) {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            Census census = new Census(context, timers, table, devices, blocking, pause);
            return Behaviors.receive(Command.class)
                    .onAnyMessage(command -> {
                        census.on(command);
                        return Behaviors.same();
                    })
                    .build();
        }));
    }

    private void on(Command command) {
        switch (command) {
            case Visit visit -> waiting.put(visit.session(), visit);
            case Looked _ -> rest();
            case Failed failed -> {
                context.getLog()
                        .warn("the processes of sessions cannot be looked for; it is tried again", failed.cause());
                rest();
            }
            case Rested _ -> resting = false;
        }
        if (!resting && !waiting.isEmpty()) {
            look();
        }
    }

    private void rest() {
        timers.startSingleTimer(this, new Rested(), pause);
    }

    private void look() {
        resting = true;
        List<Visit> visits = new ArrayList<>(waiting.values());
        waiting.clear();
        context.pipeToSelf(
                CompletableFuture.runAsync(() -> answer(visits), blocking),
                (_, cause) -> cause == null ? new Looked() : new Failed(cause));
    }

    private void answer(List<Visit> visits) {
        Map<SessionId, Set<ProcessId>> roots = new HashMap<>();
        visits.forEach(visit -> roots.put(visit.session(), visit.roots()));
        Map<SessionId, List<ProcessId>> found;
        try {
            found = table.relatives(roots);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Map<SessionId, List<ProcessId>> strangers = new HashMap<>();
        for (Visit visit : visits) {
            strangers.put(
                    visit.session(),
                    found.getOrDefault(visit.session(), List.of()).stream()
                            .filter(process -> !visit.members().contains(process))
                            .toList());
        }
        // Asking for them takes long on some drivers, and most sessions have members only.
        Set<Integer> users = strangers.values().stream().allMatch(List::isEmpty) ? Set.of() : devices.pids();
        for (Visit visit : visits) {
            Map<ProcessId, Unenforced> unenforced = new LinkedHashMap<>();
            strangers
                    .getOrDefault(visit.session(), List.of())
                    .forEach(process -> table.unenforced(process, users.contains(process.pid()))
                            .ifPresent(past -> unenforced.put(process, past)));
            List<ProcessId> relatives = found.getOrDefault(visit.session(), List.of());
            visit.replyTo().tell(new Found(Set.copyOf(relatives), unenforced));
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Who keeps a session alive beside its members: its leader, and processes that have its name in their environment and
 * may become members yet. Knows when nobody does, and what an asked-for end still waits for.
 */
final class Vigil {

    /** Why the environments of all processes are looked through. */
    sealed interface Scan {
        /** Nobody that is known keeps the session alive. */
        record First() implements Scan {}

        /** The same, and the grace is over. */
        record AfterGrace() implements Scan {}

        /** Somebody asks for the end. */
        record ForRemoval(Sessions.Remove request) implements Scan {}

        /** Whoever was asked to end has had the time to. */
        record ForKill() implements Scan {}
    }

    /** What the session has to do after a scan. */
    sealed interface Next {
        /** Nobody is left. */
        record Close() implements Next {}

        /** Nobody is left, but somebody may come yet. */
        record Grace() implements Next {}

        /** Their deaths are to be waited for. */
        record Wait(List<ProcessId> watch) implements Next {}

        /** They are to be told to end, and their deaths to be waited for until that timer. */
        record End(List<ProcessId> processes, ProcessTable.Urgency urgency, Timer next) implements Next {}
    }

    /** What a session's clock can say. */
    enum Timer {
        SCAN,
        GRACE,
        KILL,
        GIVE_UP,
        ANNOUNCE
    }

    private final SessionId session;
    private final SessionChronicle chronicle;
    private final Set<ProcessId> others = new HashSet<>();
    private final List<Sessions.Remove> removals = new ArrayList<>();
    private final Set<Integer> removers = new HashSet<>();
    private boolean removing;
    private ProcessTable.Urgency urgency = ProcessTable.Urgency.ASK;

    Vigil(SessionId session, SessionChronicle chronicle) {
        this.session = session;
        this.chronicle = chronicle;
    }

    /** The process keeps the session alive, member or not. */
    void keepAliveBy(ProcessId process) {
        others.add(process);
    }

    void gone(ProcessId process) {
        others.remove(process);
    }

    /** Whether nobody but members keeps the session alive. */
    boolean isOver() {
        return others.isEmpty();
    }

    /** Whether the session is being ended by force. */
    boolean isRemoving() {
        return removing;
    }

    /**
     * What follows from a scan.
     *
     * @param found with the session in their environment
     * @param members of the session
     */
    Next scanned(Scan scan, List<ProcessId> found, List<ProcessId> members) {
        if (scan instanceof Scan.ForRemoval(Sessions.Remove request)) {
            removers.add(request.caller().pid());
        }
        Set<ProcessId> alive = new LinkedHashSet<>(members);
        alive.addAll(others);
        for (ProcessId process : found) {
            // Who asks for the end of its own session is not in its way.
            if (!(removing || scan instanceof Scan.ForRemoval) || !removers.contains(process.pid())) {
                alive.add(process);
            }
        }
        return switch (scan) {
            case Scan.First first when removing -> alive.isEmpty() ? new Next.Close() : end(alive);
            case Scan.First first -> alive.isEmpty() ? new Next.Grace() : await(alive);
            case Scan.AfterGrace over -> alive.isEmpty() ? new Next.Close() : await(alive);
            case Scan.ForKill kill -> {
                urgency = ProcessTable.Urgency.MAKE;
                yield alive.isEmpty() ? new Next.Close() : end(alive);
            }
            case Scan.ForRemoval(Sessions.Remove request) -> {
                if (!alive.isEmpty() && !request.force()) {
                    refuse(request, alive);
                    yield new Next.Wait(List.of());
                }
                removals.add(request);
                removing = true;
                yield alive.isEmpty() ? new Next.Close() : end(alive);
            }
        };
    }

    private Next await(Set<ProcessId> alive) {
        others.addAll(alive);
        return new Next.Wait(List.copyOf(alive));
    }

    private Next end(Set<ProcessId> alive) {
        others.addAll(alive);
        return new Next.End(
                List.copyOf(alive), urgency, urgency == ProcessTable.Urgency.ASK ? Timer.KILL : Timer.GIVE_UP);
    }

    private void refuse(Sessions.Remove request, Set<ProcessId> alive) {
        String text = "session " + session + " has " + alive.size() + " living process"
                + (alive.size() == 1 ? "" : "es") + " (" + pids(alive)
                + "): let them end first, or end them with `gpuslice rm --force " + session + "`";
        chronicle.notRemoved(request, ErrorCode.FORBIDDEN, text);
        request.replyTo().tell(new Sessions.RemoveReply.Busy(session, List.copyOf(alive), text));
    }

    private static String pids(Set<ProcessId> processes) {
        return processes.stream().map(ProcessId::toString).collect(Collectors.joining(", "));
    }

    /** Those who wait for the end hear that it takes longer; it still comes. */
    void giveUp() {
        String text = "session " + session + " still has processes that SIGKILL has not ended yet (" + pids(others)
                + "); their charges count until they are dead, and then the session closes by itself";
        removals.forEach(request -> {
            chronicle.notRemoved(request, ErrorCode.INTERNAL, text);
            request.refuse(ErrorCode.INTERNAL, text);
        });
        removals.clear();
    }

    /** The end could not be recorded: those who wait for it hear why, and the session goes on. */
    void notEnded(String reason) {
        removals.forEach(request -> {
            chronicle.notRemoved(request, ErrorCode.INTERNAL, reason);
            request.refuse(ErrorCode.INTERNAL, reason);
        });
        removals.clear();
        removing = false;
    }

    /** Who asked for the end first, of those that wait for it. */
    Optional<Caller> remover() {
        return removals.stream().findFirst().map(Sessions.Remove::caller);
    }

    /** Those who wait for the end hear that it has come. */
    void removed() {
        removals.forEach(request -> request.replyTo().tell(new Sessions.RemoveReply.Removed(session)));
        removals.clear();
    }
}

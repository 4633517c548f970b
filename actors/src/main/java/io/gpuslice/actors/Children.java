// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.SessionId;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/** The actors of the sessions, and the clocks of those that expire. */
final class Children {

    /**
     * Timers stand still while the machine sleeps, and TTLs go on. None is set for longer than this, so a session whose time
     * was over meanwhile has expired this much after the machine is awake again.
     */
    private static final Duration LONGEST_TIMER = Duration.ofMinutes(1);

    private record Child(ActorRef<Session.Command> session, OptionalLong deadline) {}

    /** What a restart of the list's actor must not lose. */
    static final class Lasting {
        private final Map<SessionId, Child> children = new HashMap<>();
        /** Slots whose actors are still there: two must never write to one. */
        private final Set<Integer> busySlots = new HashSet<>();
    }

    private final ActorContext<Sessions.Command> context;
    private final TimerScheduler<Sessions.Command> timers;
    private final Ports ports;
    private final Session.Settings settings;
    private final GuestTotals totals;
    private final Lasting lasting;

    Children(
            ActorContext<Sessions.Command> context,
            TimerScheduler<Sessions.Command> timers,
            Ports ports,
            Session.Settings settings,
            GuestTotals totals,
            Lasting lasting) {
        this.context = context;
        this.timers = timers;
        this.ports = ports;
        this.settings = settings;
        this.totals = totals;
        this.lasting = lasting;
    }

    int count() {
        return lasting.children.size();
    }

    boolean has(SessionId id) {
        return lasting.children.containsKey(id);
    }

    /** The actor of a session that is on the list, and so has one. */
    ActorRef<Session.Command> of(SessionId id) {
        return child(id).session();
    }

    /** Slots that a new session cannot have yet. */
    Set<Integer> busySlots() {
        return lasting.busySlots;
    }

    /** Starts the actor of a session that was opened just now. */
    void open(Register.Entry entry) {
        spawn(entry);
        arm(entry);
    }

    /**
     * Starts the actor of a session that was there before, unless it has one.
     *
     * @return whether it was started
     */
    boolean revive(Register.Entry entry) {
        boolean isMissing = !has(entry.id());
        if (isMissing) {
            spawn(entry);
        }
        arm(entry);
        return isMissing;
    }

    /** Tells the session's actor what the list says now. */
    void follow(Register.Entry entry) {
        of(entry.id()).tell(new Session.Follow(terms(entry, child(entry.id()).deadline())));
    }

    /** As {@link #follow}, where the session has a new TTL, or none any more. */
    void renew(Register.Entry entry) {
        lasting.children.put(entry.id(), new Child(of(entry.id()), deadline(entry)));
        arm(entry);
        follow(entry);
    }

    /** Whether the session's time is over; if not, its clock is wound up again. */
    boolean isOver(Register.Entry entry) {
        OptionalLong deadline = child(entry.id()).deadline();
        boolean over =
                deadline.isPresent() && deadline.getAsLong() - ports.clock().nanos() <= 0;
        if (!over) {
            arm(entry);
        }
        return over;
    }

    /** The session is off the list: its actor is to go. */
    void stop(SessionId id) {
        timers.cancel(id);
        Child child = lasting.children.get(id);
        if (child != null) {
            child.session().tell(new Session.Stop());
        }
    }

    /** The actor has gone. */
    void gone(SessionId id, int slot) {
        lasting.children.remove(id);
        lasting.busySlots.remove(slot);
    }

    private Child child(SessionId id) {
        return Objects.requireNonNull(lasting.children.get(id), "a session without its actor");
    }

    private void spawn(Register.Entry entry) {
        OptionalLong deadline = deadline(entry);
        ActorRef<Session.Command> session = context.spawn(
                Session.create(terms(entry, deadline), ports, settings, totals, context.getSelf()),
                "session-" + entry.id());
        context.watchWith(session, new Sessions.Gone(entry.id(), entry.slot()));
        lasting.busySlots.add(entry.slot());
        lasting.children.put(entry.id(), new Child(session, deadline));
    }

    /** Read once: after a start of the machine it is the wall clock that is asked, and that one may be set again. */
    private OptionalLong deadline(Register.Entry entry) {
        return entry.deadline().stream()
                .mapToLong(end -> end.nanos(ports.clock()))
                .findFirst();
    }

    /** Sets the session's timer to its deadline, or as far as a timer goes. */
    private void arm(Register.Entry entry) {
        OptionalLong deadline = child(entry.id()).deadline();
        if (deadline.isEmpty() || entry.expired()) {
            timers.cancel(entry.id());
            return;
        }
        Duration left = Duration.ofNanos(
                Math.max(0, deadline.getAsLong() - ports.clock().nanos()));
        timers.startSingleTimer(
                entry.id(),
                new Sessions.TimeIsUp(entry.id()),
                left.compareTo(LONGEST_TIMER) > 0 ? LONGEST_TIMER : left);
    }

    private static Session.Terms terms(Register.Entry entry, OptionalLong deadline) {
        return new Session.Terms(
                entry.id(),
                entry.slot(),
                entry.name(),
                entry.uid(),
                entry.limit(),
                entry.limits(),
                Set.copyOf(entry.tokens()),
                entry.flags(),
                entry.leader(),
                entry.created(),
                deadline,
                entry.expired(),
                entry.version());
    }
}

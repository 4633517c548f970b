// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionsEvent.Closed;
import io.gpuslice.actors.SessionsEvent.Expired;
import io.gpuslice.actors.SessionsEvent.Founded;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PreRestart;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.persistence.typed.PersistenceId;
import org.apache.pekko.persistence.typed.RecoveryCompleted;
import org.apache.pekko.persistence.typed.RecoveryFailed;
import org.apache.pekko.persistence.typed.javadsl.CommandHandlerWithReply;
import org.apache.pekko.persistence.typed.javadsl.EventHandler;
import org.apache.pekko.persistence.typed.javadsl.EventSourcedBehaviorWithEnforcedReplies;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;
import org.apache.pekko.persistence.typed.javadsl.RetentionCriteria;
import org.apache.pekko.persistence.typed.javadsl.SignalHandler;

/**
 * Keeps the list of sessions. Every change of it is on the disk before it is answered. Its children are the sessions;
 * they survive its own restarts.
 */
final class SessionsActor extends EventSourcedBehaviorWithEnforcedReplies<Sessions.Command, SessionsEvent, Register> {

    /** What a restart of the actor must not lose. */
    private static final class Lasting {
        private final Children.Lasting children = new Children.Lasting();
        private final Selection selection;
        private final GuestTotals totals = new GuestTotals();
        /** Sessions that the start waits for. */
        private final Set<SessionId> awaited = new HashSet<>();

        private boolean started;
        /** How many there may be. */
        private Sessions.Adjust most;

        Lasting(Sessions.Settings settings) {
            selection = new Selection(settings.each().access());
            most = new Sessions.Adjust(settings.max(), settings.caps());
        }
    }

    private final ActorContext<Sessions.Command> context;
    private final Sessions.Settings settings;
    private final ActorRef<Sessions.Start> start;
    private final ActorRef<Shares.Command> shares;
    private final Lasting lasting;
    private final Selection selection;
    private final Children children;
    private final Opening opening;
    private final Journaling<SessionsEvent, Register> journaling;
    private final ListChronicle chronicle;
    private final Backlog<Sessions.Command> backlog;

    static Behavior<Sessions.Command> create(
            Ports ports,
            Sessions.Settings settings,
            ActorRef<Devices.Command> devices,
            ActorRef<Sessions.Start> start) {
        return Behaviors.setup(_ -> {
            Lasting lasting = new Lasting(settings);
            return Behaviors.supervise(Behaviors.<Sessions.Command>setup(context -> Behaviors.withTimers(timers -> {
                        JournalFailures failures = new JournalFailures();
                        Journaling<SessionsEvent, Register> journaling = new Journaling<>(failures);
                        Children children =
                                new Children(context, timers, ports, settings.each(), lasting.totals, lasting.children);
                        ListChronicle chronicle = new ListChronicle(ports);
                        Opening opening = new Opening(
                                context,
                                ports,
                                settings.each().access(),
                                () -> lasting.most,
                                devices,
                                journaling,
                                chronicle,
                                lasting.selection,
                                children);
                        Backlog<Sessions.Command> backlog = new Backlog<>(
                                Sessions.Command.class, request -> chronicle.heard(Register.BLANK, request));
                        SessionsActor sessions = new SessionsActor(
                                context,
                                settings,
                                start,
                                ports.shares(),
                                lasting,
                                children,
                                opening,
                                journaling,
                                chronicle,
                                backlog);
                        return failures.around(Behaviors.intercept(() -> backlog, sessions));
                    })))
                    .onFailure(Exception.class, Journal.backoff().withStopChildren(false));
        });
    }

    private SessionsActor(
            ActorContext<Sessions.Command> context,
            Sessions.Settings settings,
            ActorRef<Sessions.Start> start,
            ActorRef<Shares.Command> shares,
            Lasting lasting,
            Children children,
            Opening opening,
            Journaling<SessionsEvent, Register> journaling,
            ListChronicle chronicle,
            Backlog<Sessions.Command> backlog) {
        super(PersistenceId.ofUniqueId("sessions"), Journal.backoff().withStopChildren(false));
        this.context = context;
        this.settings = settings;
        this.start = start;
        this.shares = shares;
        this.lasting = lasting;
        this.selection = lasting.selection;
        this.children = children;
        this.opening = opening;
        this.journaling = journaling;
        this.chronicle = chronicle;
        this.backlog = backlog;
    }

    @Override
    public Register emptyState() {
        return Register.BLANK;
    }

    @Override
    public String journalPluginId() {
        return settings.journal().journalPlugin();
    }

    @Override
    public String snapshotPluginId() {
        return settings.journal().snapshotPlugin();
    }

    @Override
    public RetentionCriteria retentionCriteria() {
        return settings.journal().retention();
    }

    @Override
    public EventHandler<Register, SessionsEvent> eventHandler() {
        return Register::apply;
    }

    @Override
    public CommandHandlerWithReply<Sessions.Command, SessionsEvent, Register> commandHandler() {
        return this::handle;
    }

    @Override
    public SignalHandler<Register> signalHandler() {
        return newSignalHandlerBuilder()
                .onSignal(RecoveryCompleted.instance(), this::recovered)
                .onSignal(
                        RecoveryFailed.class,
                        (_, failed) ->
                                unusable(String.valueOf(failed.getFailure().getMessage())))
                .onSignal(PreRestart.instance(), _ -> journaling.restarting())
                .build();
    }

    private ReplyEffect<SessionsEvent, Register> handle(Register register, Sessions.Command command) {
        backlog.taken(command);
        return switch (command) {
            case Sessions.Find find -> find(register, find);
            case Sessions.Open open -> opening.open(register, open);
            case Sessions.OpenOn on -> opening.open(register, on.open(), on.devices());
            case Sessions.Join join -> opening.join(register, join);
            case Sessions.Update update -> opening.update(register, update);
            case Sessions.UpdateOn on -> opening.update(register, on.update(), on.devices());
            case Sessions.ListAll list -> list(register, list);
            case Sessions.Inspect inspect -> inspect(register, inspect);
            case Sessions.Allocations list ->
                forward(
                        selection.toSee(register, list.caller(), list.selector(), chronicle.heard(register, list)),
                        new Session.ListAllocations(list));
            case Sessions.Remove remove -> remove(register, remove);
            case Sessions.Begin _ -> begin();
            case Sessions.Adjust adjust -> {
                lasting.most = adjust;
                yield Effect().noReply();
            }
            case Sessions.Restored restored -> restored(restored.id());
            case Sessions.Unreadable unreadable -> unreadable(unreadable);
            case Sessions.TimeIsUp up -> timeIsUp(register, up.id());
            case Sessions.Ended ended -> ended(register, ended);
            case Sessions.Gone gone -> gone(register, gone);
        };
    }

    // ----------------------------------------------------------------- start

    private void recovered(Register register) {
        if (register.state().isEmpty() && !settings.begun()) {
            context.getSelf().tell(new Sessions.Begin());
        } else if (register.state().isEmpty()) {
            unusable("the list of sessions is empty, although there was one");
        } else if (!register.state().get().equals(settings.state())) {
            unusable("the list of sessions belongs to another state directory (it is of "
                    + register.state().get() + ", this one is " + settings.state() + ")");
        } else {
            register.sessions().values().forEach(this::revive);
            startIfAllAreThere();
        }
    }

    private void revive(Register.Entry entry) {
        if (children.revive(entry)) {
            lasting.awaited.add(entry.id());
        }
    }

    private void unusable(String reason) {
        context.getLog().error("the list of sessions cannot be used: {}", reason);
        if (!lasting.started) {
            start.tell(new Sessions.Start.Unusable(reason));
        }
    }

    private ReplyEffect<SessionsEvent, Register> begin() {
        return journaling
                .persist(List.of(new Founded(settings.state())))
                .thenRun(this::startIfAllAreThere)
                .thenNoReply();
    }

    private ReplyEffect<SessionsEvent, Register> restored(SessionId id) {
        selection.readable(id);
        lasting.awaited.remove(id);
        startIfAllAreThere();
        return Effect().noReply();
    }

    private ReplyEffect<SessionsEvent, Register> unreadable(Sessions.Unreadable unreadable) {
        context.getLog()
                .atError()
                .addKeyValue("session_id", unreadable.id())
                .setCause(unreadable.cause())
                .log("the books of session {} cannot be read", unreadable.id());
        selection.unreadable(unreadable.id(), String.valueOf(unreadable.cause().getMessage()));
        lasting.awaited.remove(unreadable.id());
        startIfAllAreThere();
        return Effect().noReply();
    }

    private void startIfAllAreThere() {
        if (!lasting.started && lasting.awaited.isEmpty()) {
            lasting.started = true;
            shares.tell(new Shares.Ready());
            start.tell(new Sessions.Start.Ready(children.count()));
        }
    }

    // ----------------------------------------------------------------- views

    private ReplyEffect<SessionsEvent, Register> find(Register register, Sessions.Find find) {
        Optional<String> problem = selection.problem(find.id());
        if (problem.isPresent()) {
            find.refuse(ErrorCode.INTERNAL, problem.get());
        } else if (register.sessions().containsKey(find.id())) {
            return Effect().reply(find.replyTo(), new Sessions.FindReply.Found(children.of(find.id())));
        } else if (children.has(find.id()) || register.closed().contains(find.id())) {
            find.refuse(ErrorCode.SESSION_CLOSED, "session " + find.id() + " has ended: open another one");
        } else {
            find.refuse(ErrorCode.SESSION_UNKNOWN, "there is no session " + find.id() + ": `gpuslice ps` lists them");
        }
        return Effect().noReply();
    }

    private ReplyEffect<SessionsEvent, Register> list(Register register, Sessions.ListAll list) {
        Map<SessionId, ActorRef<Session.Command>> visible = new LinkedHashMap<>();
        selection.visible(register, list.caller()).forEach(entry -> visible.put(entry.id(), children.of(entry.id())));
        context.spawnAnonymous(Gathering.create(
                visible,
                (views, silent) ->
                        list.replyTo().tell(new Sessions.ListReply.Listed(views, silent, lasting.totals.now()))));
        return Effect().noReply();
    }

    private ReplyEffect<SessionsEvent, Register> inspect(Register register, Sessions.Inspect inspect) {
        selection
                .toSee(register, inspect.caller(), inspect.selector(), chronicle.heard(register, inspect))
                .map(Register.Entry::id)
                .ifPresent(id ->
                        context.spawnAnonymous(Gathering.create(Map.of(id, children.of(id)), (views, silent) -> {
                            if (silent.isEmpty()) {
                                inspect.replyTo().tell(new Sessions.InspectReply.Seen(views.getFirst()));
                            } else {
                                inspect.refuse(ErrorCode.INTERNAL, "session " + id + " does not answer");
                            }
                        })));
        return Effect().noReply();
    }

    private ReplyEffect<SessionsEvent, Register> remove(Register register, Sessions.Remove remove) {
        Optional<Register.Entry> entry =
                selection.toChange(register, remove.caller(), remove.selector(), chronicle.heard(register, remove));
        if (entry.isPresent() && entry.get().isOutdated(remove.versions())) {
            chronicle.outdated(remove, entry.get());
            remove.replyTo()
                    .tell(new Sessions.RemoveReply.Outdated(
                            entry.get().id(), entry.get().version()));
            return Effect().noReply();
        }
        return forward(entry, new Session.Remove(remove));
    }

    private ReplyEffect<SessionsEvent, Register> forward(Optional<Register.Entry> to, Session.Command command) {
        to.ifPresent(entry -> children.of(entry.id()).tell(command));
        return Effect().noReply();
    }

    // ------------------------------------------------------------------- end

    private ReplyEffect<SessionsEvent, Register> timeIsUp(Register register, SessionId id) {
        Register.Entry entry = register.sessions().get(id);
        if (entry == null || entry.expired() || !children.isOver(entry)) {
            return Effect().noReply();
        }
        // If it cannot be recorded, the restart of this actor finds the deadline passed and tries again.
        return journaling
                .persist(List.of(new Expired(id)), reason -> chronicle.failed(Operation.EXPIRE, id, reason))
                .thenRun(after -> {
                    chronicle.expired(id);
                    children.follow(after.entry(id));
                })
                .thenNoReply();
    }

    private ReplyEffect<SessionsEvent, Register> ended(Register register, Sessions.Ended ended) {
        SessionId id = ended.id();
        if (!register.sessions().containsKey(id)) {
            children.stop(id);
            return Effect().noReply();
        }
        return journaling
                .persist(List.of(new Closed(id)), reason -> chronicle.failed(Operation.CLOSE, id, reason))
                .thenRun(_ -> {
                    chronicle.closed(id, ended.by());
                    children.stop(id);
                })
                .thenNoReply();
    }

    private ReplyEffect<SessionsEvent, Register> gone(Register register, Sessions.Gone gone) {
        children.gone(gone.id(), gone.slot());
        Register.Entry entry = register.sessions().get(gone.id());
        if (entry != null) {
            context.getLog().warn("the actor of session {} has ended by itself; it is started again", gone.id());
            revive(entry);
        }
        return Effect().noReply();
    }
}

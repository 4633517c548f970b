// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.SlotTaken;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.domain.Change;
import io.gpuslice.domain.Decision;
import io.gpuslice.domain.Decisions;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.domain.Status;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.PreRestart;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;
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
 * One session: it alone decides about its limit, one request at a time. What a decision changes is in the journal before
 * it is in a page, and in the page before it is answered.
 *
 * <p>Its journal is a slot that other sessions used before it; the first event of its own is {@link SlotTaken}.
 */
final class SessionActor extends EventSourcedBehaviorWithEnforcedReplies<Session.Command, SessionEvent, Books> {

    /** The most live allocations that one listing has. */
    private static final int LISTED = 10_000;

    private final SessionScope scope;
    private final Members members;
    private final Ending ending;
    private final Relatives relatives;
    private final Lingering lingering;
    private final Rounds rounds;
    private final Sharing sharing;
    private final Backlog<Session.Command> backlog;

    /** False from the start until every page that can be found is mapped: nothing is decided before. */
    private boolean attached;

    static Behavior<Session.Command> create(
            Session.Terms terms,
            Ports ports,
            Session.Settings settings,
            GuestTotals totals,
            ActorRef<Sessions.Command> sessions) {
        return Behaviors.setup(_ -> {
            SessionScope.Lasting lasting = new SessionScope.Lasting(terms, ports, totals);
            return Behaviors.supervise(Behaviors.<Session.Command>setup(context -> Behaviors.withTimers(timers -> {
                        JournalFailures failures = new JournalFailures();
                        SessionScope scope = new SessionScope(context, ports, settings, sessions, failures, lasting);
                        Backlog<Session.Command> backlog =
                                new Backlog<>(Session.Command.class, scope.chronicle()::heard);
                        SessionActor session = new SessionActor(scope, timers, backlog);
                        return failures.around(Behaviors.intercept(() -> backlog, session));
                    })))
                    .onFailure(Exception.class, Journal.backoff());
        });
    }

    private SessionActor(SessionScope scope, TimerScheduler<Session.Command> timers, Backlog<Session.Command> backlog) {
        super(PersistenceId.ofUniqueId("session-" + scope.terms().slot()), Journal.backoff());
        this.scope = scope;
        this.ending = new Ending(scope, timers);
        this.relatives = new Relatives(scope);
        this.lingering = new Lingering(scope, relatives, timers);
        this.rounds = new Rounds(scope, timers, relatives, lingering);
        this.sharing = new Sharing(scope);
        this.members = new Members(scope, ending, rounds, relatives, lingering, sharing);
        this.backlog = backlog;
    }

    @Override
    public Books emptyState() {
        return Books.BLANK;
    }

    @Override
    public String journalPluginId() {
        return scope.settings().journal().journalPlugin();
    }

    @Override
    public String snapshotPluginId() {
        return scope.settings().journal().snapshotPlugin();
    }

    @Override
    public RetentionCriteria retentionCriteria() {
        return scope.settings().journal().retention();
    }

    @Override
    public EventHandler<Books, SessionEvent> eventHandler() {
        return Books::apply;
    }

    @Override
    public CommandHandlerWithReply<Session.Command, SessionEvent, Books> commandHandler() {
        return this::handle;
    }

    @Override
    public SignalHandler<Books> signalHandler() {
        return newSignalHandlerBuilder()
                .onSignal(RecoveryCompleted.instance(), this::attach)
                .onSignal(
                        RecoveryFailed.class,
                        (_, failed) -> scope.report(
                                new Sessions.Unreadable(scope.terms().id(), failed.getFailure())))
                .onSignal(PreRestart.instance(), _ -> restarting())
                .onSignal(PostStop.instance(), _ -> ended())
                .build();
    }

    private ReplyEffect<SessionEvent, Books> handle(Books slot, Session.Command command) {
        if (!attached && !(command instanceof Session.Attached || command instanceof Session.Failure)) {
            return Effect().stash();
        }
        backlog.taken(command);
        Books books = scope.mine(slot);
        return switch (command) {
            case Session.Charge charge -> charge(books, charge, true);
            case Session.MakeRound _ -> rounds.make(books);
            case Session.Looked looked -> looked(books, looked);
            case Session.Query query -> query(books, query);
            case Session.Hello hello -> members.hello(books, hello);
            case Session.Prepared prepared -> members.prepared(books, prepared);
            case Session.Unprepared unprepared -> members.unprepared(unprepared);
            case Session.Disconnected end -> members.disconnected(books, end);
            case Session.Execed execed -> members.execed(books, execed);
            case Session.Died died -> members.died(books, died);
            case Session.LookedAgain looked -> members.lookedAgain(books, looked);
            case Session.Sought sought -> members.sought(books, sought);
            case Session.Unsought failed -> lingering.unsought(failed);
            case Session.LookedForKeepers looked -> lingering.looked(books, looked);
            case Session.Share said -> sharing.share(books, said);
            case Session.TakeOver request -> sharing.takeOver(books, request);
            case Session.HandedOver done -> sharing.handedOver(books, done);
            case Session.Surveyed(Census.Found found) -> relatives.surveyed(books, found);
            case Session.Attached found -> attached(books, found);
            case Session.Follow follow -> follow(books, follow.terms());
            case Session.Describe describe -> Effect().reply(describe.replyTo(), view(books));
            case Session.ListAllocations list -> allocations(books, list);
            case Session.Remove remove -> ending.remove(remove);
            case Session.Scanned scanned -> {
                ReplyEffect<SessionEvent, Books> next = ending.scanned(books, scanned);
                rounds.begin(books);
                yield next;
            }
            case Session.Unscanned failed -> ending.unscanned(failed);
            case Session.TimeIsUp up -> ending.timeIsUp(books, up.timer());
            case Session.Stop _ -> ending.stop();
            case Session.Failure failure -> failed(failure);
        };
    }

    // ---------------------------------------------------------------- memory

    /** @param mayLook whether the members may be looked at before it is denied */
    private ReplyEffect<SessionEvent, Books> charge(Books books, Session.Charge charge, boolean mayLook) {
        Optional<Member> member = books.ledger().member(charge.process());
        if (member.isEmpty() || !member.get().image().equals(charge.image())) {
            scope.chronicle()
                    .heard(charge)
                    .refuse(
                            ErrorCode.FORBIDDEN,
                            charge.process() + " is no member of session "
                                    + scope.terms().id() + " with this program: HELLO first");
            return scope.effects().noReply();
        }
        Decision decision = decide(books.ledger(), charge);
        if (isOverTheLimit(decision)
                && (lingering.defer(books, charge) || (mayLook && rounds.lookFor(books, charge)))) {
            // What was collected for it is not journaled, as after a failed write: the pages stay below the books.
            return scope.effects().noReply();
        }
        Session.ChargeReply reply = switch (decision) {
            case Decision.Granted granted ->
                new Session.ChargeReply.Granted(charge.seq(), charge.device(), granted.charge());
            case Decision.Denied denied ->
                new Session.ChargeReply.Denied(
                        charge.seq(), charge.device(), denied.code(), denied.asked(), denied.used(), denied.limit());
        };
        return scope.persist(SessionScope.booked(decision.change()), reason -> {
                    scope.chronicle().undecided(books, charge, scope.pages(), reason);
                    charge.refuse(ErrorCode.INTERNAL, Journaling.notRecorded(reason));
                })
                .thenRun(_ -> {
                    scope.pages().write(decision.change().writes());
                    scope.chronicle().decided(books, charge, decision);
                })
                .thenReply(charge.replyTo(), after -> reply);
    }

    private Decision decide(Ledger ledger, Session.Charge charge) {
        return charge.held()
                ? Decisions.hold(ledger, charge.process(), charge.device(), charge.bytes(), scope.pages())
                : Decisions.charge(ledger, charge.process(), charge.device(), charge.bytes(), scope.pages());
    }

    private static boolean isOverTheLimit(Decision decision) {
        return decision instanceof Decision.Denied denied && denied.code() == ErrorCode.QUOTA_EXCEEDED;
    }

    /** What waited for the look is decided afresh: others were served meanwhile, and it may be no member any more. */
    private ReplyEffect<SessionEvent, Books> looked(Books books, Session.Looked looked) {
        rounds.looked();
        return looked.waiting().isPresent()
                ? charge(books, looked.waiting().get(), false)
                : scope.effects().noReply();
    }

    private ReplyEffect<SessionEvent, Books> query(Books books, Session.Query query) {
        Optional<Member> member = books.ledger().member(query.process());
        if (member.isEmpty()) {
            query.refuse(
                    ErrorCode.FORBIDDEN,
                    query.process() + " is no member of session "
                            + scope.terms().id() + ": HELLO first");
            return scope.effects().noReply();
        }
        Status status = Status.of(books.ledger(), scope.pages());
        List<DeviceUse> devices = member.get().devices().stream()
                .map(device -> Views.use(status.on(device, books.ledger().limits())))
                .toList();
        long ttl = scope.terms()
                .ttlLeft(scope.ports().clock())
                .map(Duration::toMillis)
                .orElse(-1L);
        return Effect()
                .reply(
                        query.replyTo(),
                        new Session.QueryReply.Status(
                                query.seq(),
                                books.ledger().state(),
                                scope.terms().flags(),
                                ttl,
                                devices));
    }

    // ------------------------------------------------- restart, other terms

    private void attach(Books slot) {
        Books books = scope.mine(slot);
        scope.recovered(slot);
        List<Member> missing = books.ledger().members().stream()
                .filter(member -> scope.pages().of(member.process()) == null)
                .toList();
        Set<ProcessId> roots = relatives.roots(books);
        Set<ProcessId> members = Relatives.members(books);
        scope.pipe(
                () -> find(missing, members, roots),
                "the pages of session " + scope.terms().id());
    }

    private Session.Command find(List<Member> missing, Set<ProcessId> members, Set<ProcessId> roots) {
        Map<ProcessId, MemberPage> found = new HashMap<>();
        List<Member> dead = new ArrayList<>();
        List<Member> execed = new ArrayList<>();
        for (Member member : missing) {
            ProcessId process = member.process();
            if (!scope.ports().processes().isAlive(process)) {
                dead.add(member);
                continue;
            }
            Optional<MemberPage> page = scope.ports().pages().reopen(process, member.devices(), member.page());
            if (page.isPresent()) {
                found.put(process, page.get());
            } else if (!scope.ports().processes().hasPageOf(process, member.image())) {
                execed.add(member);
            }
        }
        List<Member> gone = new ArrayList<>(dead);
        gone.addAll(execed);
        return new Session.Attached(found, dead, execed, keepers(gone, members, roots));
    }

    private List<ProcessId> keepers(List<Member> gone, Set<ProcessId> members, Set<ProcessId> roots) {
        if (gone.stream().noneMatch(Lingering::isCharged)) {
            return List.of();
        }
        try {
            return Lingering.keepers(scope.ports().processes(), scope.terms().id(), roots, members);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private ReplyEffect<SessionEvent, Books> attached(Books books, Session.Attached found) {
        found.pages().forEach(scope.pages()::putFound);
        List<SessionEvent> events = new ArrayList<>();
        Books after = books;
        for (Member member : found.dead()) {
            if (found.keepers().isEmpty() && Sharing.paysFor(books, member.process())) {
                // It leaves when that is handed over, for which the other sessions must be there: watched, it dies
                // again.
                continue;
            }
            Change change = found.keepers().isEmpty()
                    ? Decisions.died(after.ledger(), member.process())
                    : Decisions.lingers(after.ledger(), member.process(), scope.pages());
            after = without(after, change, events);
        }
        for (Member member : found.execed()) {
            if (Sharing.paysFor(books, member.process())) {
                scope.self().tell(new Session.Execed(member.process(), member.image(), found.keepers()));
                continue;
            }
            after = found.keepers().isEmpty()
                    ? without(after, Decisions.execed(after.ledger(), member.process(), member.image()), events)
                    : outlived(after, member, events);
        }
        events.addAll(SessionScope.booked(reconciled(after)));
        return scope.persist(events, _ -> scope.chronicle().unrecorded(books, events))
                .thenRun(slot -> {
                    Books now = scope.mine(slot);
                    attached = true;
                    scope.chronicle().recorded(books, events);
                    scope.pages().write(now.ledger().pageWrites());
                    now.ledger().members().forEach(member -> scope.watch(member.process()));
                    scope.terms().leader().ifPresent(scope::keepAliveBy);
                    found.keepers().forEach(scope::keepAliveBy);
                    sharing.announce(now);
                    scope.report(new Sessions.Restored(scope.terms().id()));
                    ending.consider(now);
                    rounds.begin(now);
                })
                .thenNoReply()
                .thenUnstashAll();
    }

    /** @param events also get what is to be journaled when the member leaves */
    private Books without(Books books, Change change, List<SessionEvent> events) {
        List<SessionEvent> leaving = members.departures(books, change);
        leaving.addAll(SessionScope.booked(change));
        events.addAll(leaving);
        return fold(books, leaving);
    }

    private Books outlived(Books books, Member member, List<SessionEvent> events) {
        Change change = Decisions.outlived(books.ledger(), member.process(), member.image(), scope.pages());
        List<SessionEvent> leaving = members.outlives(books, member.process(), change);
        events.addAll(leaving);
        return fold(books, leaving);
    }

    private ReplyEffect<SessionEvent, Books> follow(Books books, Session.Terms terms) {
        scope.follow(terms);
        Change change = reconciled(books);
        List<SessionEvent> events = SessionScope.booked(change);
        return scope.persist(events)
                .thenRun(slot -> {
                    scope.pages().write(change.writes());
                    scope.chronicle().recorded(books, events);
                    ending.consider(scope.mine(slot));
                })
                .thenNoReply();
    }

    /** The list of sessions is durable and says what the limits are and whether the TTL is over: the ledger follows. */
    private Change reconciled(Books books) {
        Ledger ledger = books.ledger();
        List<LedgerEvent> events = new ArrayList<>();
        if (!ledger.limits().equals(scope.terms().limits())) {
            events.addAll(Decisions.resize(ledger, scope.terms().limits(), scope.pages())
                    .events());
            ledger = books.ledger().apply(events);
        }
        if (scope.terms().expired() && ledger.state() == SessionState.ACTIVE) {
            events.addAll(Decisions.expire(ledger, scope.pages()).events());
        } else if (!scope.terms().expired() && ledger.state() == SessionState.EXPIRED) {
            events.addAll(Decisions.renew(ledger).events());
        }
        return new Change(events, books.ledger().apply(events).pageWrites());
    }

    private void restarting() {
        attached = false;
        lingering.restarting();
        sharing.restarting();
        scope.restarting();
    }

    private void ended() {
        scope.pages().clear();
        scope.freshPages().close();
    }

    private static Books fold(Books books, List<SessionEvent> events) {
        Books after = books;
        for (SessionEvent event : events) {
            after = after.apply(event);
        }
        return after;
    }

    private ReplyEffect<SessionEvent, Books> failed(Session.Failure failure) {
        if (!attached) {
            // Without its pages it cannot decide anything: begin again, in a while.
            throw new IllegalStateException(failure.what() + " cannot be had", failure.cause());
        }
        scope.complain(failure);
        return Effect().noReply();
    }

    // ----------------------------------------------------------------- views

    private SessionView view(Books books) {
        return Views.of(
                scope.terms(),
                books,
                scope.pages(),
                scope.ports().clock(),
                scope.chronicle().refusals(),
                relatives.unenforced());
    }

    private ReplyEffect<SessionEvent, Books> allocations(Books books, Session.ListAllocations list) {
        // The members are immutable and a page's snapshot may be taken anywhere: it is copied away from the loop.
        Map<Member, MemberPage> pages = new HashMap<>();
        for (Member member : books.ledger().members()) {
            MemberPage page = scope.pages().of(member.process());
            if (page != null) {
                pages.put(member, page);
            }
        }
        SessionId id = scope.terms().id();
        scope.ports().blocking().execute(() -> {
            try {
                list.request().replyTo().tell(Views.allocations(id, pages, LISTED));
            } catch (IOException e) {
                list.refuse(ErrorCode.INTERNAL, "the allocations could not be read: " + e.getMessage());
            }
        });
        return scope.effects().noReply();
    }
}

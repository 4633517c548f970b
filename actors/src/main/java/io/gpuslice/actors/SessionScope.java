// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.actors.SessionEvent.SlotTaken;
import io.gpuslice.actors.process.PidWatcher;
import io.gpuslice.domain.Change;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.wire.Abi;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.persistence.typed.javadsl.EffectBuilder;
import org.apache.pekko.persistence.typed.javadsl.EffectFactories;
import org.slf4j.spi.LoggingEventBuilder;

/** What the parts of one session's actor share: its terms and pages, its journal, and the ways out of it. */
final class SessionScope {

    /** What a restart of the actor must not lose. */
    static final class Lasting {
        private final MemberPages pages;
        private final FreshPages freshPages = new FreshPages();
        private final SessionChronicle chronicle;
        private final Vigil vigil;
        private Session.Terms terms;

        Lasting(Session.Terms terms, Ports ports, GuestTotals totals) {
            this.terms = terms;
            this.pages = new MemberPages(totals);
            this.chronicle = new SessionChronicle(terms, ports);
            this.vigil = new Vigil(terms.id(), chronicle);
        }
    }

    private final ActorContext<Session.Command> context;
    private final Ports ports;
    private final Session.Settings settings;
    private final ActorRef<Sessions.Command> sessions;
    private final ActorRef<PidWatcher.Died> deaths;
    private final Journaling<SessionEvent, Books> journaling;
    private final Lasting lasting;

    /** Whether the first event of this session is in its slot. */
    private boolean slotTaken;

    SessionScope(
            ActorContext<Session.Command> context,
            Ports ports,
            Session.Settings settings,
            ActorRef<Sessions.Command> sessions,
            JournalFailures failures,
            Lasting lasting) {
        this.context = context;
        this.ports = ports;
        this.settings = settings;
        this.sessions = sessions;
        this.journaling = new Journaling<>(failures);
        this.lasting = lasting;
        this.deaths = context.messageAdapter(
                PidWatcher.Died.class,
                died -> new Session.Died(died.process(), ports.clock().nanos()));
    }

    Session.Terms terms() {
        return lasting.terms;
    }

    void follow(Session.Terms terms) {
        lasting.terms = terms;
    }

    MemberPages pages() {
        return lasting.pages;
    }

    FreshPages freshPages() {
        return lasting.freshPages;
    }

    SessionChronicle chronicle() {
        return lasting.chronicle;
    }

    Vigil vigil() {
        return lasting.vigil;
    }

    Ports ports() {
        return ports;
    }

    Session.Settings settings() {
        return settings;
    }

    /** Tells the list of sessions. */
    void report(Sessions.Command command) {
        sessions.tell(command);
    }

    ActorRef<Session.Command> self() {
        return context.getSelf();
    }

    // --------------------------------------------------------------- journal

    EffectFactories<SessionEvent, Books> effects() {
        return journaling.effects();
    }

    /** Reads from what was recovered whether the slot is this session's already. */
    void recovered(Books slot) {
        slotTaken = slot.tenant().equals(Optional.of(terms().id()));
    }

    /** What the slot says about this session: nothing, as long as an earlier session's books are in it. */
    Books mine(Books slot) {
        return slot.tenant().equals(Optional.of(terms().id())) ? slot : Books.BLANK.apply(taken());
    }

    /** One atomic write of all the events; {@code onFailure} hears why it failed. */
    EffectBuilder<SessionEvent, Books> persist(List<SessionEvent> events, Consumer<String> onFailure) {
        return journaling.persist(whole(events), onFailure).thenRun(_ -> slotTaken |= !events.isEmpty());
    }

    /** As the other one, for somebody who waits for an answer. */
    EffectBuilder<SessionEvent, Books> persist(List<SessionEvent> events, Refusable request) {
        return journaling.persist(whole(events), request).thenRun(_ -> slotTaken |= !events.isEmpty());
    }

    /** For whom it does not matter, because it will come again by itself. */
    EffectBuilder<SessionEvent, Books> persist(List<SessionEvent> events) {
        return persist(events, _ -> {});
    }

    void restarting() {
        journaling.restarting();
    }

    static List<SessionEvent> booked(Change change) {
        List<SessionEvent> events = new ArrayList<>();
        change.events().forEach(event -> events.add(new Booked(event)));
        return events;
    }

    private List<SessionEvent> whole(List<SessionEvent> events) {
        if (slotTaken || events.isEmpty()) {
            return events;
        }
        List<SessionEvent> all = new ArrayList<>(events);
        all.addFirst(taken());
        return all;
    }

    private SlotTaken taken() {
        return new SlotTaken(terms().id(), terms().limits(), terms().has(Abi.FLAG_STRICT));
    }

    // ------------------------------------------------------------- the world

    /** Makes commands of what others say. */
    <T> ActorRef<T> adapter(Class<T> type, Function<T, Session.Command> command) {
        return context.messageAdapter(type, command::apply);
    }

    /** As long as this process lives the session does not end, and its death will come as a command. */
    void keepAliveBy(ProcessId process) {
        vigil().keepAliveBy(process);
        watch(process);
    }

    /** The process's death will come as a command. */
    void watch(ProcessId process) {
        ports.pidWatcher().tell(new PidWatcher.Watch(process, deaths));
    }

    /** Runs what may block away from the loop; its result comes back as a command. */
    void pipe(Supplier<Session.Command> work, String what) {
        pipe(work, cause -> new Session.Failure(what, cause));
    }

    /** As the other one, where a failure has consequences. */
    void pipe(Supplier<Session.Command> work, Function<Throwable, Session.Command> onFailure) {
        context.pipeToSelf(
                CompletableFuture.supplyAsync(work, ports.blocking()),
                (command, cause) -> cause == null ? command : onFailure.apply(cause));
    }

    /** A line about what is not as it should be with a process. */
    LoggingEventBuilder warn(ProcessId process) {
        return context.getLog().atWarn().addKeyValue("session_id", terms().id()).addKeyValue("pid", process.pid());
    }

    /** A line about something that this session could not do. */
    void complain(Session.Failure failure) {
        context.getLog()
                .atError()
                .addKeyValue("session_id", terms().id())
                .setCause(failure.cause())
                .log("{} failed", failure.what());
    }
}

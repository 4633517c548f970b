// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.SessionEvent.Shared;
import io.gpuslice.actors.SessionEvent.Unshared;
import io.gpuslice.actors.Stake.Role;
import io.gpuslice.domain.Change;
import io.gpuslice.domain.Imports;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.PageWrite;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.ShareKey;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;

/**
 * What the members of a session share with other processes. Memory that one of them lets go of while others use it is
 * handed over before it is returned: for an instant it counts twice, and never not at all.
 */
final class Sharing {

    private final SessionScope scope;
    /** Who is just handing over, and what is to be heard after that. */
    private final Map<ProcessId, List<Session.Command>> waiting = new HashMap<>();
    /** Who was told of that too much is shared. */
    private final Set<ProcessId> overflowing = new HashSet<>();

    Sharing(SessionScope scope) {
        this.scope = scope;
    }

    // ----------------------------------------------------- what members say

    ReplyEffect<SessionEvent, Books> share(Books books, Session.Share said) {
        ProcessId process = said.process();
        Optional<Member> member =
                books.ledger().member(process).filter(known -> known.image().equals(said.image()));
        if (waits(process, said)) {
            return scope.effects().noReply();
        }
        if (member.isEmpty()) {
            // What it shared went with it.
            return scope.effects().reply(said.replyTo(), new Session.ShareHeard());
        }
        Stakes stakes = Stakes.hear(books.stakes(process), member.get(), said.frames());
        if (stakes.overflows() && overflowing.add(process)) {
            scope.warn(process)
                    .log("{} shares more than {} blocks: further ones are not followed", process, Stakes.MOST);
        }
        List<SessionEvent> events = new ArrayList<>();
        if (!stakes.changed().isEmpty()) {
            events.add(new Shared(process, stakes.changed()));
        }
        if (!stakes.gone().isEmpty()) {
            events.add(new Unshared(process, stakes.gone()));
        }
        return scope.persist(events, _ -> scope.self().tell(said))
                .thenRun(_ -> {
                    tell(process, stakes.changed());
                    leave(process, stakes.gone());
                    if (stakes.ended().isEmpty()) {
                        said.replyTo().tell(new Session.ShareHeard());
                    } else {
                        handOver(process, stakes.ended());
                        waits(process, new Session.Share(process, said.image(), stakes.rest(), said.replyTo()));
                    }
                })
                .thenNoReply();
    }

    // ------------------------------------------------------------ hand over

    /**
     * Whether the command has to wait because memory that counts for the process, and that others may use, is handed over
     * first. It then comes again.
     */
    boolean handsOver(Books books, ProcessId process, Session.Command next) {
        if (!waits(process, next) && paysFor(books, process)) {
            handOver(
                    process,
                    only(books.stakes(process), entry -> entry.getValue().pays()));
            waits(process, next);
        }
        return waiting.containsKey(process);
    }

    /** Whether memory that others may use counts for the process. */
    static boolean paysFor(Books books, ProcessId process) {
        return books.stakes(process).values().stream().anyMatch(Stake::pays);
    }

    private static Map<ShareKey, Stake> only(Map<ShareKey, Stake> stakes, Predicate<Map.Entry<ShareKey, Stake>> which) {
        return stakes.entrySet().stream()
                .filter(which)
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    private boolean waits(ProcessId process, Session.Command next) {
        List<Session.Command> others = waiting.get(process);
        if (others != null) {
            others.add(next);
        }
        return others != null;
    }

    private void handOver(ProcessId process, Map<ShareKey, Stake> stakes) {
        waiting.put(process, new ArrayList<>());
        Map<ShareKey, Shares.Block> blocks = new HashMap<>();
        stakes.forEach((key, stake) -> blocks.put(key, new Shares.Block(stake.device(), stake.bytes())));
        scope.ports().shares().tell(new Shares.HandOver(party(process), blocks));
    }

    ReplyEffect<SessionEvent, Books> handedOver(Books books, Session.HandedOver done) {
        ProcessId process = done.process();
        Map<ShareKey, Stake> over =
                only(books.stakes(process), entry -> done.keys().contains(entry.getKey()));
        List<SessionEvent> events = new ArrayList<>();
        Ledger ledger = books.ledger();
        List<PageWrite> writes = List.of();
        for (Stake stake : over.values()) {
            if (stake.role() == Role.HEIR) {
                Change change = Imports.letGo(ledger, process, stake.device(), stake.bytes());
                ledger = ledger.apply(change.events());
                events.addAll(SessionScope.booked(change));
                writes = ledger.pageWrites();
            }
        }
        if (!over.isEmpty()) {
            events.add(new Unshared(process, over.keySet()));
        }
        List<PageWrite> last = writes;
        return scope.persist(events)
                .thenRun(_ -> {
                    scope.pages().write(last);
                    over.values().stream()
                            .filter(stake -> stake.role() == Role.HEIR)
                            .forEach(stake -> scope.chronicle().letGo(books, process, stake));
                    List<Session.Command> next = waiting.remove(process);
                    if (next != null) {
                        next.forEach(scope.self()::tell);
                    }
                })
                .thenNoReply();
    }

    /** A member uses memory that somebody else lets go of: it counts for the member from now on. */
    ReplyEffect<SessionEvent, Books> takeOver(Books books, Session.TakeOver request) {
        ProcessId process = request.who().process();
        Stake stake = books.stakes(process).get(request.key());
        if (stake == null || stake.role() != Role.IMPORTER) {
            boolean already = stake != null && stake.role() == Role.HEIR;
            return scope.effects().reply(request.replyTo(), answer(request, already));
        }
        Shares.Block block = request.block();
        Change change = Imports.takeOver(books.ledger(), process, block.device(), block.bytes(), scope.pages());
        if (change.events().isEmpty()) {
            return scope.effects().reply(request.replyTo(), answer(request, false));
        }
        Stake heir = new Stake(Role.HEIR, block.device(), block.bytes(), false);
        List<SessionEvent> events = SessionScope.booked(change);
        events.add(new Shared(process, Map.of(request.key(), heir)));
        return scope.persist(events, _ -> scope.self().tell(request))
                .thenRun(_ -> {
                    scope.pages().write(change.writes());
                    scope.chronicle().recorded(books, events);
                    scope.chronicle().tookOver(books, process, heir);
                })
                .thenReply(request.replyTo(), _ -> answer(request, true));
    }

    private static Shares.Taken answer(Session.TakeOver request, boolean taken) {
        return new Shares.Taken(request.who(), request.key(), taken);
    }

    // ------------------------------------------------------- the directory

    /** Tells the directory all that the books say, and goes on with what was being handed over. */
    void announce(Books books) {
        books.stakes().forEach((process, stakes) -> {
            tell(process, stakes);
            Map<ShareKey, Stake> ended = only(stakes, entry -> entry.getValue().ended());
            if (!ended.isEmpty()) {
                handOver(process, ended);
            }
        });
    }

    /** To be called when members may have left. */
    void left(Books before, Books after) {
        before.stakes().forEach((process, stakes) -> {
            if (after.stakes(process).isEmpty()) {
                overflowing.remove(process);
                leave(process, stakes.keySet());
            }
        });
    }

    /** To be called when the actor restarts, as after a failed write: what waits is heard again. */
    void restarting() {
        waiting.values().forEach(commands -> commands.forEach(scope.self()::tell));
        waiting.clear();
    }

    private void tell(ProcessId process, Map<ShareKey, Stake> stakes) {
        stakes.forEach((key, stake) -> scope.ports()
                .shares()
                .tell(
                        switch (stake.role()) {
                            case EXPORTER -> new Shares.Pays(party(process), key, false);
                            case HEIR -> new Shares.Pays(party(process), key, true);
                            case IMPORTER -> new Shares.Uses(party(process), key, stake.bytes());
                        }));
    }

    private void leave(ProcessId process, Set<ShareKey> keys) {
        if (!keys.isEmpty()) {
            scope.ports().shares().tell(new Shares.Leaves(party(process), keys));
        }
    }

    private Shares.Party party(ProcessId process) {
        return new Shares.Party(scope.terms().id(), scope.terms().uid(), process, scope.self());
    }
}

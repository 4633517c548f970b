// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.ShareKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.actor.typed.javadsl.TimerScheduler;

/**
 * The directory of the memory that processes share: whom it counts for, and who else uses it. It brings together what
 * the sessions know, each of its own members; they tell it all of that again when they start.
 *
 * <p>Memory that somebody lets go of while others use it is handed over: the first of them counts for it from then on.
 * Only processes of one user share.
 */
final class Shares {

    /** What it hears. */
    sealed interface Command {}

    /** A member of a session. */
    record Party(SessionId session, int uid, ProcessId process, ActorRef<Session.Command> ref) {}

    /** Memory, and how much of it there is in bytes. */
    record Block(DeviceId device, long bytes) {}

    /** Every session has told what it knows: from now on something may be handed over. */
    record Ready() implements Command {}

    /**
     * The memory counts for that one.
     *
     * @param inherited it has taken it over; else it says that the memory is its own
     */
    record Pays(Party who, ShareKey key, boolean inherited) implements Command {}

    /** @param bytes as far as it can tell, else 0 */
    record Uses(Party who, ShareKey key, long bytes) implements Command {}

    /** That one has nothing to do with these any more, and has nothing to hand over. */
    record Leaves(Party who, Set<ShareKey> keys) implements Command {
        Leaves {
            keys = Set.copyOf(keys);
        }
    }

    /**
     * That one lets go of what counts for it. {@link Session.HandedOver} follows as soon as everybody who counts for
     * some of it now has that in its journal, at the latest after {@link #PATIENCE}.
     */
    record HandOver(Party from, Map<ShareKey, Block> blocks) implements Command {
        HandOver {
            blocks = Map.copyOf(blocks);
        }
    }

    /** The answer to {@link Session.TakeOver}. */
    record Taken(Party who, ShareKey key, boolean taken) implements Command {}

    private record TimeIsUp(Request request) implements Command {}

    /** Less than a HELLO waits, which may wait for this. */
    static final Duration PATIENCE = Duration.ofSeconds(1);

    /** Blocks that are remembered although nobody is known to use them: who does may only be about to say so. */
    private static final int ORPHANS = 4096;

    /** What one user calls a key. Another user's cannot be the same memory, so it must be a tale. */
    private record Name(int uid, ShareKey key) {}

    /** Somebody who lets go, and what of it is not handed over yet. */
    private static final class Request {
        private final HandOver asked;
        private final Set<ShareKey> open;

        Request(HandOver asked) {
            this.asked = asked;
            this.open = new HashSet<>(asked.blocks().keySet());
        }
    }

    /** A block on its way to {@code asked}. */
    private record Transfer(Block block, Optional<Request> request, Party asked) {}

    private static final class Entry {
        /** Only one, but for an heir that a daemon before did not see the end of when the next one had taken over. */
        private final Set<Party> payers = new HashSet<>();
        /** In the order in which they came. */
        private final Map<Party, Long> users = new LinkedHashMap<>();

        private Optional<Transfer> transfer = Optional.empty();

        boolean isOver() {
            return payers.isEmpty() && users.isEmpty() && transfer.isEmpty();
        }
    }

    private final ActorContext<Command> context;
    private final TimerScheduler<Command> timers;
    private final Map<Name, Entry> entries = new HashMap<>();
    private final Map<Name, Block> orphans = new LinkedHashMap<>();
    private final List<HandOver> early = new ArrayList<>();
    private boolean ready;

    private Shares(ActorContext<Command> context, TimerScheduler<Command> timers) {
        this.context = context;
        this.timers = timers;
    }

    /** The directory of one daemon. */
    static Behavior<Command> create() {
        return Behaviors.setup(context -> Behaviors.withTimers(timers -> {
            Shares shares = new Shares(context, timers);
            return Behaviors.receive(Command.class)
                    .onAnyMessage(command -> {
                        shares.on(command);
                        return Behaviors.same();
                    })
                    .build();
        }));
    }

    private void on(Command command) {
        switch (command) {
            case Ready _ -> {
                ready = true;
                early.forEach(this::handOver);
                early.clear();
            }
            case Pays(Party who, ShareKey key, boolean inherited) -> pays(who, key, inherited);
            case Uses(Party who, ShareKey key, long bytes) -> uses(who, key, bytes);
            case Leaves(Party who, Set<ShareKey> keys) -> keys.forEach(key -> leaves(who, key));
            case HandOver handOver when !ready -> early.add(handOver);
            case HandOver handOver -> handOver(handOver);
            case Taken answer -> taken(answer);
            case TimeIsUp(Request request) -> giveUp(request);
        }
    }

    /**
     * The first exporter is believed: a second one tells a tale, or hands over what it has to an heir that is known. That
     * somebody is an heir is in the journal.
     */
    private void pays(Party who, ShareKey key, boolean inherited) {
        Name name = new Name(who.uid(), key);
        orphans.remove(name);
        Entry entry = entry(name);
        if (inherited || entry.payers.isEmpty()) {
            entry.payers.add(who);
            entry.users.remove(who);
        }
    }

    private void uses(Party who, ShareKey key, long bytes) {
        Name name = new Name(who.uid(), key);
        Entry entry = entry(name);
        if (!entry.payers.contains(who)) {
            entry.users.put(who, bytes);
        }
        if (entry.payers.isEmpty() && entry.transfer.isEmpty() && orphans.containsKey(name)) {
            handOn(name, entry, orphans.remove(name), Optional.empty());
        }
    }

    private void leaves(Party who, ShareKey key) {
        Name name = new Name(who.uid(), key);
        Entry entry = entry(name);
        entry.users.remove(who);
        entry.payers.remove(who);
        entry.transfer
                .filter(transfer -> transfer.asked().equals(who))
                .ifPresent(transfer -> handOn(name, entry, transfer.block(), transfer.request()));
        forget(name, entry);
    }

    private void handOver(HandOver asked) {
        Request request = new Request(asked);
        asked.blocks().forEach((key, block) -> {
            Name name = new Name(asked.from().uid(), key);
            Entry entry = entry(name);
            entry.users.remove(asked.from());
            if (entry.payers.remove(asked.from()) && entry.payers.isEmpty()) {
                handOn(name, entry, block, Optional.of(request));
            } else {
                request.open.remove(key);
                forget(name, entry);
            }
        });
        if (request.open.isEmpty()) {
            answer(request);
        } else {
            timers.startSingleTimer(request, new TimeIsUp(request), PATIENCE);
        }
    }

    /** Asks the next who uses it. */
    private void handOn(Name name, Entry entry, Block block, Optional<Request> request) {
        Optional<Map.Entry<Party, Long>> next = entry.users.entrySet().stream().findFirst();
        entry.transfer = next.map(user -> new Transfer(block, request, user.getKey()));
        if (next.isPresent()) {
            Party heir = next.get().getKey();
            long told = next.get().getValue();
            long bytes = told > 0 ? Math.min(told, block.bytes()) : block.bytes();
            heir.ref()
                    .tell(new Session.TakeOver(heir, name.key(), new Block(block.device(), bytes), context.getSelf()));
        } else {
            keep(name, block);
            request.ifPresent(asked -> settle(asked, name.key()));
            forget(name, entry);
        }
    }

    private void keep(Name name, Block block) {
        orphans.put(name, block);
        if (orphans.size() > ORPHANS) {
            orphans.remove(orphans.keySet().iterator().next());
        }
    }

    private void taken(Taken answer) {
        Name name = new Name(answer.who().uid(), answer.key());
        Entry entry = entry(name);
        entry.transfer.filter(transfer -> transfer.asked().equals(answer.who())).ifPresent(transfer -> {
            entry.users.remove(answer.who());
            if (answer.taken()) {
                entry.payers.add(answer.who());
                entry.transfer = Optional.empty();
                transfer.request().ifPresent(asked -> settle(asked, answer.key()));
            } else {
                handOn(name, entry, transfer.block(), transfer.request());
            }
        });
        forget(name, entry);
    }

    private void settle(Request request, ShareKey key) {
        if (request.open.remove(key) && request.open.isEmpty() && timers.isTimerActive(request)) {
            timers.cancel(request);
            answer(request);
        }
    }

    /** Whoever is asked takes it over yet, but nobody waits for it. */
    private void giveUp(Request request) {
        context.getLog()
                .warn(
                        "{} blocks that {} shared are not taken over after {} ms by those that use them: they count for"
                                + " nobody until then",
                        request.open.size(),
                        request.asked.from().process(),
                        PATIENCE.toMillis());
        answer(request);
    }

    private static void answer(Request request) {
        Party from = request.asked.from();
        from.ref()
                .tell(new Session.HandedOver(
                        from.process(), request.asked.blocks().keySet()));
    }

    private Entry entry(Name name) {
        return entries.computeIfAbsent(name, _ -> new Entry());
    }

    private void forget(Name name, Entry entry) {
        if (entry.isOver()) {
            entries.remove(name);
        }
    }
}

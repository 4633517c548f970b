// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Recent.Numbered;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.domain.SessionId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.pekko.http.scaladsl.model.sse.ServerSentEvent;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * The last occurrences that streams tell, as text, each made once for all. What every allocation may cause is not among
 * them: {@link Usage} has the sums. One writes at a time, on the event loop at that; those who read take no lock.
 */
final class News implements Consumer<Numbered> {

    /** How many are kept: some hundred bytes each, and as many again of those that a stream has told. */
    static final int MOST = 2048;

    private static final Set<Operation> TRAFFIC = EnumSet.of(Operation.GRANT, Operation.FREE, Operation.COLLECT);

    /**
     * One of them.
     *
     * @param place counted from 1 without gaps, unlike the occurrence's number
     * @param owner of its session, where that was known then
     * @param text made when it is first wanted; two may make it at the same time: it is the same
     */
    record Item(long place, Numbered numbered, OptionalInt owner, AtomicReference<@Nullable ByteString> text) {}

    /**
     * Those that come next.
     *
     * @param lost how many were to come before them, and are forgotten
     * @param last the place that they end at
     */
    record Batch(long lost, List<Item> items, long last) {}

    private final AtomicReferenceArray<@Nullable Item> kept = new AtomicReferenceArray<>(MOST);
    private final Map<SessionId, Integer> owners = new ConcurrentHashMap<>();
    private final String daemon;
    private final Function<Numbered, String> json;
    private final Runnable told;
    private Set<SessionId> unlisted = Set.of();
    private volatile long last;
    /** The occurrence's number of the last one that is forgotten, and how many are. */
    private volatile Forgotten forgotten = new Forgotten(0, 0);

    private record Forgotten(long number, long count) {}

    /**
     * None yet.
     *
     * @param daemon its life, for ids: those of another one are no ids of this one's
     * @param json what is told of one
     * @param told is run after each; must neither block nor throw
     */
    News(String daemon, Function<Numbered, String> json, Runnable told) {
        this.daemon = daemon;
        this.json = json;
        this.told = told;
    }

    @Override
    public void accept(Numbered numbered) {
        Occurrence occurrence = numbered.occurrence();
        if (TRAFFIC.contains(occurrence.operation())) {
            return;
        }
        long place = last + 1;
        Item before = item(place - MOST);
        if (before != null) {
            forgotten = new Forgotten(before.numbered().number(), before.place());
        }
        kept.set((int) (place % MOST), new Item(place, numbered, owner(occurrence), new AtomicReference<>()));
        last = place;
        told.run();
    }

    private OptionalInt owner(Occurrence occurrence) {
        if (occurrence.session().isEmpty()) {
            return OptionalInt.empty();
        }
        SessionId session = occurrence.session().get();
        boolean done = occurrence.result() == Result.OK;
        if (done && occurrence.operation() == Operation.OPEN) {
            owners.put(session, occurrence.uid());
        }
        Integer owner =
                done && occurrence.operation() == Operation.CLOSE ? owners.remove(session) : owners.get(session);
        return owner == null ? OptionalInt.empty() : OptionalInt.of(owner);
    }

    /** Whose those sessions are that were open before the daemon started; and which are no more. */
    synchronized void learn(List<SessionView> sessions, Collection<SessionId> silent) {
        Set<SessionId> there = new HashSet<>(silent);
        for (SessionView session : sessions) {
            there.add(session.id());
            owners.putIfAbsent(session.id(), session.uid());
        }
        Set<SessionId> missing = new HashSet<>(owners.keySet());
        missing.removeAll(there);
        // Missing once it may be too young for that list.
        unlisted.stream().filter(missing::contains).forEach(owners::remove);
        unlisted = missing;
    }

    /** The place of the last one; 0: there was none yet. */
    long last() {
        return last;
    }

    /** Whether something after that place is forgotten. */
    boolean isPast(long place) {
        return place < forgotten.count();
    }

    /** The place after which a stream goes on that was told those up to the occurrence of that number. */
    long place(long number) {
        long place = last;
        for (Item item = item(place); item != null && item.numbered().number() > number; item = item(place)) {
            place--;
        }
        return place;
    }

    /** Of those up to {@link #place}, how many a stream that was told up to that number was not told; at most. */
    long missed(long number) {
        Forgotten past = forgotten;
        return Math.max(0, Math.min(past.count(), past.number() - number));
    }

    private @Nullable Item item(long place) {
        Item item = place <= 0 ? null : kept.get((int) (place % MOST));
        return item == null || item.place() != place ? null : item;
    }

    /** Up to {@code most} of those after a place. */
    Batch after(long place, int most) {
        List<Item> items = new ArrayList<>();
        long end = last;
        long at = Math.max(place, end - MOST);
        long lost = at - place;
        while (at < end && items.size() < most) {
            at++;
            Item item = item(at);
            if (item == null) {
                // Overtaken just now by whoever writes.
                lost++;
            } else {
                items.add(item);
            }
        }
        return new Batch(lost, items, at);
    }

    /** Whether that one may be told. */
    boolean isFor(Viewer viewer, Item item) {
        return viewer.hears(item.numbered().occurrence(), item.owner().isPresent() ? item.owner() : known(item));
    }

    private OptionalInt known(Item item) {
        return item.numbered()
                .occurrence()
                .session()
                .map(owners::get)
                .map(OptionalInt::of)
                .orElse(OptionalInt.empty());
    }

    /** As it goes out. */
    ByteString text(Item item) {
        ByteString text = item.text().get();
        if (text == null) {
            Numbered numbered = item.numbered();
            text = ServerSentEvent.apply(
                            json.apply(numbered),
                            scala.Option.apply(numbered.occurrence().operation().toString()),
                            scala.Option.apply(daemon + "-" + numbered.number()),
                            scala.Option.empty())
                    .encode();
            item.text().set(text);
        }
        return text;
    }
}

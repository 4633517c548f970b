// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.Limits;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * The list of sessions, as journaled. Immutable.
 *
 * @param state names the directory that the list belongs to; none: nothing was written yet
 * @param sessions that have not ended, in the order in which they were opened
 * @param closed the last that have, oldest first
 */
public record Register(Optional<String> state, Map<SessionId, Entry> sessions, List<SessionId> closed) {

    /** Ended sessions that are remembered, so that who comes late hears "closed" and not "unknown". */
    private static final int REMEMBERED = 256;

    /** Tokens of one session that are kept: the one it was opened with, and the youngest. */
    static final int KEPT_TOKENS = 4096;

    private static final int VERSION_DIGITS = 16;

    /** Before the first event. */
    public static final Register BLANK = new Register(Optional.empty(), Map.of(), List.of());

    /**
     * One session.
     *
     * @param deadline when it expires; none: it does not
     * @param expired whether that has happened
     * @param tokens hashes of those that open it, oldest first
     */
    public record Entry(
            SessionId id,
            int slot,
            String name,
            int uid,
            String limit,
            Limits limits,
            Optional<Deadline> deadline,
            boolean expired,
            Optional<ProcessId> leader,
            List<TokenHash> tokens,
            int flags,
            Instant created) {

        public Entry {
            tokens = List.copyOf(tokens);
        }

        /**
         * Is another one after each {@link Sessions.Update}, and the same after a restart; no two sessions have the same.
         */
        String version() {
            String terms = id + "\n" + limit + "\n"
                    + deadline.map(end -> end.bootId() + " " + end.nanos()).orElse("");
            return TokenHash.of(terms).hex().substring(0, VERSION_DIGITS);
        }

        /** @param versions that will do; none: whichever */
        boolean isOutdated(List<String> versions) {
            return !versions.isEmpty() && !versions.contains(version());
        }

        private Entry with(TokenHash token) {
            List<TokenHash> more = new ArrayList<>(tokens);
            if (more.size() >= KEPT_TOKENS) {
                // Not the first: the program that the session was opened for lives longest.
                more.remove(1);
            }
            more.add(token);
            return new Entry(id, slot, name, uid, limit, limits, deadline, expired, leader, more, flags, created);
        }

        private Entry with(String otherLimit, Limits otherLimits) {
            return new Entry(
                    id, slot, name, uid, otherLimit, otherLimits, deadline, expired, leader, tokens, flags, created);
        }

        private Entry with(Optional<Deadline> otherDeadline, boolean hasExpired) {
            return new Entry(
                    id, slot, name, uid, limit, limits, otherDeadline, hasExpired, leader, tokens, flags, created);
        }
    }

    public Register {
        sessions = Collections.unmodifiableMap(new LinkedHashMap<>(sessions));
        closed = List.copyOf(closed);
    }

    /** The session with that id, which must be there. */
    Entry entry(SessionId id) {
        Entry entry = sessions.get(id);
        if (entry == null) {
            throw new IllegalStateException("no session " + id);
        }
        return entry;
    }

    /** The lowest slot that no session uses and that is not in {@code taken}. */
    int freeSlot(Set<Integer> taken) {
        Set<Integer> used = sessions.values().stream().map(Entry::slot).collect(Collectors.toSet());
        int slot = 0;
        while (used.contains(slot) || taken.contains(slot)) {
            slot++;
        }
        return slot;
    }

    /**
     * The sessions that a selector can mean: the one with that id, else those with that name, else those whose id begins
     * with it.
     */
    List<Entry> matching(String selector) {
        if (selector.isEmpty()) {
            return List.of();
        }
        Entry exact = sessions.get(new SessionId(selector));
        if (exact != null) {
            return List.of(exact);
        }
        List<Entry> named = sessions.values().stream()
                .filter(entry -> entry.name().equals(selector))
                .toList();
        return named.isEmpty()
                ? sessions.values().stream()
                        .filter(entry -> entry.id().text().startsWith(selector))
                        .toList()
                : named;
    }

    /**
     * The list after this event.
     *
     * @throws IllegalStateException if it cannot have happened to this list
     */
    public Register apply(SessionsEvent event) {
        if (state.isPresent() == event instanceof SessionsEvent.Founded) {
            throw impossible(event);
        }
        return switch (event) {
            case SessionsEvent.Founded founded -> new Register(Optional.of(founded.state()), Map.of(), List.of());
            case SessionsEvent.Opened opened -> open(opened);
            case SessionsEvent.TokenAdded added -> change(added.session(), event, entry -> entry.with(added.token()));
            case SessionsEvent.Resized resized ->
                change(resized.session(), event, entry -> entry.with(resized.limit(), resized.limits()));
            case SessionsEvent.Renewed renewed ->
                change(renewed.session(), event, entry -> entry.with(renewed.deadline(), false));
            case SessionsEvent.Expired expired ->
                change(expired.session(), event, entry -> entry.with(entry.deadline(), true));
            case SessionsEvent.Closed gone -> close(gone);
        };
    }

    private Register open(SessionsEvent.Opened event) {
        if (sessions.containsKey(event.session())
                || sessions.values().stream().anyMatch(entry -> entry.slot() == event.slot())) {
            throw impossible(event);
        }
        Map<SessionId, Entry> more = new LinkedHashMap<>(sessions);
        more.put(
                event.session(),
                new Entry(
                        event.session(),
                        event.slot(),
                        event.name(),
                        event.uid(),
                        event.limit(),
                        event.limits(),
                        event.deadline(),
                        false,
                        event.leader(),
                        List.of(event.token()),
                        event.flags(),
                        event.at()));
        return new Register(state, more, closed);
    }

    private Register close(SessionsEvent.Closed event) {
        Map<SessionId, Entry> fewer = new LinkedHashMap<>(sessions);
        if (fewer.remove(event.session()) == null) {
            throw impossible(event);
        }
        List<SessionId> late = new ArrayList<>(closed);
        late.add(event.session());
        return new Register(state, fewer, late.subList(Math.max(0, late.size() - REMEMBERED), late.size()));
    }

    private Register change(SessionId session, SessionsEvent event, UnaryOperator<Entry> change) {
        Entry entry = sessions.get(session);
        if (entry == null) {
            throw impossible(event);
        }
        Map<SessionId, Entry> others = new LinkedHashMap<>(sessions);
        others.put(session, change.apply(entry));
        return new Register(state, others, closed);
    }

    private IllegalStateException impossible(SessionsEvent event) {
        return new IllegalStateException("This cannot have happened to the list of sessions: " + event
                + (state.isEmpty() ? "; it has lost its beginning" : ""));
    }
}

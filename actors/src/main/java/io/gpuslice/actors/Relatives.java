// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.Member;
import io.gpuslice.domain.ProcessId;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.persistence.typed.javadsl.ReplyEffect;

/** The processes that belong to a session without being its members, and those of them that the limit does not reach. */
final class Relatives {

    private final SessionScope scope;
    private final ActorRef<Census.Found> found;
    /** As last seen: whoever is left behind by its parents is still known by this. */
    private Set<ProcessId> known = Set.of();

    private final Map<ProcessId, Unenforced> unenforced = new LinkedHashMap<>();

    Relatives(SessionScope scope) {
        this.scope = scope;
        this.found = scope.adapter(Census.Found.class, Session.Surveyed::new);
    }

    /** To be called in each round: the answer comes as {@link Session.Surveyed}. */
    void visitCensus(Books books) {
        scope.ports().census().tell(new Census.Visit(scope.terms().id(), members(books), roots(books), found));
    }

    ReplyEffect<SessionEvent, Books> surveyed(Books books, Census.Found seen) {
        known = seen.relatives();
        Set<ProcessId> members = members(books);
        // Whoever was found once stays on the list until it is gone: that it holds nothing any more cannot be seen.
        unenforced.keySet().removeIf(process -> !known.contains(process) || members.contains(process));
        seen.unenforced().forEach((process, past) -> {
            if (!members.contains(process) && unenforced.putIfAbsent(process, past) == null) {
                scope.chronicle().unenforced(process, past);
            }
        });
        return scope.effects().noReply();
    }

    /** The living ones that the limit does not reach. */
    List<Unenforced> unenforced() {
        return List.copyOf(unenforced.values());
    }

    void gone(ProcessId process) {
        unenforced.remove(process);
    }

    /** Who belongs to the session for certain: members, leader, and whoever was seen to. */
    Set<ProcessId> roots(Books books) {
        Set<ProcessId> roots = new HashSet<>(members(books));
        roots.addAll(known);
        scope.terms().leader().ifPresent(roots::add);
        return roots;
    }

    static Set<ProcessId> members(Books books) {
        return books.ledger().members().stream().map(Member::process).collect(Collectors.toSet());
    }
}

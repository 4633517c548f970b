// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class CensusTest {

    private static final Duration PAUSE = Duration.ofMillis(10);
    private static final SessionId A = new SessionId("a");
    private static final SessionId B = new SessionId("b");

    private final ActorTestKit kit = ActorTestKit.create(World.config());
    private final World.Table table = new World.Table();
    private final World.Blocking blocking = new World.Blocking();
    private final ActorRef<Census.Command> census = kit.spawn(Census.create(table, this::users, blocking, PAUSE));
    private final AtomicInteger asked = new AtomicInteger();
    private final TestProbe<Census.Found> a = kit.createTestProbe();
    private final TestProbe<Census.Found> b = kit.createTestProbe();

    @AfterEach
    void end() {
        kit.shutdownTestKit();
    }

    @Test
    void oneLookAnswersAllSessionsThatWait() {
        ProcessId member = process(1);
        ProcessId stray = process(2);
        table.parents.put(stray, member);
        Unenforced past = new Unenforced(2, "./stray", "its program is static");
        table.unenforced.put(stray, past);
        table.unenforced.put(member, new Unenforced(1, "./member", "it is a member"));
        blocking.hold();
        visit(A, member, a);
        blocking.awaitWork();
        visit(A, member, a);
        visit(B, process(3), b);
        blocking.release();

        a.expectMessage(new Census.Found(Set.of(member, stray), Map.of(stray, past)));
        a.expectMessage(new Census.Found(Set.of(member, stray), Map.of(stray, past)));
        b.expectMessage(new Census.Found(Set.of(process(3)), Map.of()));
        assertThat(table.surveys).hasValue(2);
    }

    @Test
    void aLookThatFailsIsFollowedByAnother() {
        table.blindness.set(1);
        visit(A, process(1), a);
        await().until(() -> table.blindness.get() == 0);

        visit(A, process(1), a);

        a.expectMessage(new Census.Found(Set.of(process(1)), Map.of()));
    }

    @Test
    void aProcessThatTheDriverListsButThatNeverJoinedIsPastTheLimit() {
        ProcessId member = process(1);
        ProcessId hidden = process(2);
        table.parents.put(hidden, member);
        table.users.addAll(Set.of(1, 2, 3));

        visit(A, member, a);

        a.expectMessage(new Census.Found(
                Set.of(member, hidden),
                Map.of(
                        hidden,
                        new Unenforced(
                                2,
                                "train --epochs 3",
                                "the driver lists it on a device, but it never became a member"))));
    }

    @Test
    void theDriverIsNotAskedWhereAllAreMembers() {
        visit(A, process(1), a);

        a.expectMessage(new Census.Found(Set.of(process(1)), Map.of()));
        assertThat(asked).hasValue(0);
    }

    private Set<Integer> users() {
        asked.incrementAndGet();
        return Set.copyOf(table.users);
    }

    private void visit(SessionId session, ProcessId member, TestProbe<Census.Found> probe) {
        census.tell(new Census.Visit(session, Set.of(member), Set.of(member), probe.getRef()));
    }

    private ProcessId process(int pid) {
        ProcessId process = new ProcessId("boot", pid, 7);
        table.alive.add(process);
        return process;
    }
}

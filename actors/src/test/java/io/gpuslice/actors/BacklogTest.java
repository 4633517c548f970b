// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Sessions.FindReply;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.BehaviorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.junit.jupiter.api.Test;

class BacklogTest {

    private final Backlog<Sessions.Command> backlog = new Backlog<>(Sessions.Command.class, request -> request);
    private final List<Sessions.Command> stashed = new ArrayList<>();
    private final BehaviorTestKit<Sessions.Command> actor =
            BehaviorTestKit.create(Behaviors.intercept(() -> backlog, Behaviors.receiveMessage(command -> {
                stashed.add(command);
                return Behaviors.same();
            })));
    private final TestInbox<FindReply> inbox = TestInbox.create();

    @Test
    void oneRequestTooManyIsRefusedAsOverloaded() {
        for (int i = 0; i < Backlog.BOUND; i++) {
            actor.run(find());
        }
        assertThat(inbox.hasMessages()).isFalse();

        actor.run(find());

        assertThat(inbox.receiveMessage())
                .isEqualTo(new FindReply.Refused(
                        ErrorCode.OVERLOADED, Backlog.BOUND + " requests are waiting already: try again in a moment"));
        assertThat(stashed).hasSize(Backlog.BOUND);
    }

    @Test
    void aRequestWhoseTurnHasComeMakesRoomForAnother() {
        for (int i = 0; i < Backlog.BOUND; i++) {
            actor.run(find());
        }

        backlog.taken(stashed.getFirst());
        actor.run(find());

        assertThat(inbox.hasMessages()).isFalse();
        assertThat(stashed).hasSize(Backlog.BOUND + 1);
    }

    @Test
    void whatNobodyWaitsForIsNeverRefused() {
        for (int i = 0; i < Backlog.BOUND; i++) {
            actor.run(find());
        }

        actor.run(new Sessions.Restored(new SessionId("a")));

        assertThat(stashed).hasSize(Backlog.BOUND + 1);
    }

    private Sessions.Find find() {
        return new Sessions.Find(new SessionId("a"), inbox.getRef());
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.DEVICE;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.ShareKey;
import java.util.Map;
import java.util.Set;
import org.apache.pekko.actor.testkit.typed.javadsl.BehaviorTestKit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestInbox;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The directory alone, each session a letter box. */
class SharesTest {

    private static final ShareKey KEY = new ShareKey("01");
    private static final Shares.Block BLOCK = new Shares.Block(DEVICE, 8);

    private final BehaviorTestKit<Shares.Command> directory = BehaviorTestKit.create(Shares.create());
    private final TestInbox<Session.Command> a = TestInbox.create();
    private final TestInbox<Session.Command> b = TestInbox.create();
    private final Shares.Party exporter = party(a, 1, 1000);
    private final Shares.Party importer = party(b, 2, 1000);
    private final Shares.Party other = party(b, 3, 1000);

    @BeforeEach
    void allSessionsAreThere() {
        directory.run(new Shares.Ready());
    }

    @Test
    void theExporterHearsWhenTheImporterHasTakenItOverAndNotBefore() {
        share(exporter, importer);

        handOver(exporter);

        assertThat(a.hasMessages()).isFalse();
        b.expectMessage(takeOver(importer, 8));
        directory.run(new Shares.Taken(importer, KEY, true));
        a.expectMessage(handedOver(exporter));
    }

    @Test
    void theNextImporterIsAskedWhereTheFirstCannotOrHasLeft() {
        share(exporter, importer, other);
        handOver(exporter);
        b.expectMessage(takeOver(importer, 8));

        directory.run(new Shares.Taken(importer, KEY, false));
        b.expectMessage(takeOver(other, 8));
        directory.run(new Shares.Leaves(other, Set.of(KEY)));

        a.expectMessage(handedOver(exporter));
        assertThat(b.hasMessages()).isFalse();
    }

    @Test
    void whoTellsATaleOfAnothersExportHasNothingToHandOver() {
        share(exporter, importer);
        directory.run(new Shares.Pays(other, KEY, false));

        handOver(other);

        b.expectMessage(handedOver(other));
        assertThat(b.hasMessages()).isFalse();
    }

    @Test
    void anotherUsersKeyIsAnotherKey() {
        Shares.Party stranger = party(b, 4, 1001);
        share(exporter, stranger);

        handOver(exporter);

        a.expectMessage(handedOver(exporter));
        assertThat(b.hasMessages()).isFalse();
    }

    @Test
    void aHeirThatIsKnownBeforeTheExporterAfterARestartIsNotAskedAgain() {
        directory.run(new Shares.Pays(importer, KEY, true));
        directory.run(new Shares.Uses(other, KEY, 0));
        directory.run(new Shares.Pays(exporter, KEY, false));

        handOver(exporter);

        a.expectMessage(handedOver(exporter));
        assertThat(b.hasMessages()).isFalse();
    }

    /** The daemon died when the second heir had it in its journal, and the first one's own end was not in its. */
    @Test
    void aHeirWhoHandedOnBeforeARestartHasNothingMoreToHandOver() {
        Shares.Party third = party(b, 5, 1000);
        for (boolean firstComesFirst : new boolean[] {true, false}) {
            BehaviorTestKit<Shares.Command> restarted = BehaviorTestKit.create(Shares.create());
            restarted.run(new Shares.Pays(firstComesFirst ? importer : other, KEY, true));
            restarted.run(new Shares.Uses(third, KEY, 0));
            restarted.run(new Shares.Pays(firstComesFirst ? other : importer, KEY, true));
            restarted.run(new Shares.Ready());

            restarted.run(new Shares.HandOver(importer, Map.of(KEY, BLOCK)));

            b.expectMessage(handedOver(importer));
            assertThat(b.hasMessages()).isFalse();
        }
    }

    @Test
    void nothingIsHandedOverBeforeAllSessionsAreThere() {
        BehaviorTestKit<Shares.Command> early = BehaviorTestKit.create(Shares.create());
        early.run(new Shares.Pays(exporter, KEY, false));
        early.run(new Shares.HandOver(exporter, Map.of(KEY, BLOCK)));
        early.run(new Shares.Uses(importer, KEY, 0));
        assertThat(a.hasMessages() || b.hasMessages()).isFalse();

        early.run(new Shares.Ready());

        b.receiveMessage();
        early.run(new Shares.Taken(importer, KEY, true));
        a.expectMessage(handedOver(exporter));
    }

    @Test
    void whatIsExportedAnewUnderAnOldKeyIsNotWhatNobodyUsed() {
        share(exporter);
        handOver(exporter);
        a.expectMessage(handedOver(exporter));
        directory.run(new Shares.Pays(exporter, KEY, false));

        directory.run(new Shares.Uses(importer, KEY, 0));

        assertThat(b.hasMessages()).isFalse();
    }

    private void share(Shares.Party payer, Shares.Party... users) {
        directory.run(new Shares.Pays(payer, KEY, false));
        for (Shares.Party user : users) {
            directory.run(new Shares.Uses(user, KEY, 0));
        }
    }

    private void handOver(Shares.Party from) {
        directory.run(new Shares.HandOver(from, Map.of(KEY, BLOCK)));
    }

    private Session.TakeOver takeOver(Shares.Party who, long bytes) {
        return new Session.TakeOver(who, KEY, new Shares.Block(DEVICE, bytes), directory.getRef());
    }

    private static Session.HandedOver handedOver(Shares.Party from) {
        return new Session.HandedOver(from.process(), Set.of(KEY));
    }

    private static Shares.Party party(TestInbox<Session.Command> session, int pid, int uid) {
        return new Shares.Party(
                new SessionId(session.getRef().path().name()), uid, new ProcessId("boot", pid, 1), session.getRef());
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static io.gpuslice.actors.World.DEVICE;
import static io.gpuslice.actors.World.MIB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Session.ChargeReply;
import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.actors.World.TestPage;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.LedgerEvent.Imported;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.ShareKey;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.Frame.Share.What;
import java.util.List;
import java.util.Map;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Memory that processes share: whoever uses it when its exporter lets go of it counts for it. */
class SessionSharingTest extends SessionFixture {

    private static final Session.Terms A = keeping(terms("a", 64 * MIB));
    private static final Session.Terms B = inSlot(1, keeping(terms("b", 8 * MIB)));
    private static final ShareKey KEY = key(1);
    private static final ShareKey OTHER = key(2);
    private static final ImageId EXPORTER = World.image(1);
    private static final ImageId IMPORTER = World.image(2);
    private static final ImageId THIRD = World.image(3);

    @BeforeEach
    void allSessionsAreThere() {
        world.shares.tell(new Shares.Ready());
    }

    // -------------------------------------------------------- who lets go

    @Test
    void whatADeadExporterSharedCountsForTheImporterInItsOwnSessionOverItsLimit() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        ProcessId importer = importer(b, IMPORTER, KEY);
        TestPage page = world.memory.last();

        world.kill(exporter);

        await().until(() -> describe(a).members().isEmpty());
        assertThat(describe(b).remainders())
                .as("it was handed over before it was returned")
                .containsExactly(new Remainder(importer, DEVICE, 30 * MIB, Remainder.Reason.IMPORTED));
        assertThat(describe(b).devices()).containsExactly(new DeviceUse(DEVICE, 8 * MIB, 30 * MIB, 30 * MIB));
        assertThat(page.isGated()).isTrue();
        assertThat(charge(b, importer, IMPORTER, MIB)).isInstanceOf(ChargeReply.Denied.class);
        assertThat(describe(a).devices()).isEmpty();
        assertThat(said(Operation.GRANT))
                .last()
                .isEqualTo(
                        "grant ok session b pid " + importer.pid() + " uid 1000 device 0 " + 30 * MIB + ": IMPORTED");
    }

    @Test
    void anExportThatNobodyUsesGoesWithItsExporter() {
        ActorRef<Session.Command> a = open(A);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);

        world.kill(exporter);

        await().until(() -> describe(a).members().isEmpty());
        assertThat(describe(a).devices()).isEmpty();
        assertThat(describe(a).remainders()).isEmpty();
    }

    @Test
    void whatAnExporterFreesCountsForTheImporterOfTheSameSession() {
        ActorRef<Session.Command> a = open(A);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        TestPage page = world.memory.last();
        ProcessId importer = importer(a, IMPORTER, KEY);

        say(a, exporter, EXPORTER, What.RELEASED, KEY, 0);
        page.used[0] = 10 * MIB;

        await().until(() -> !describe(a).remainders().isEmpty());
        assertThat(describe(a).remainders())
                .containsExactly(new Remainder(importer, DEVICE, 30 * MIB, Remainder.Reason.IMPORTED));
        assertThat(describe(a).devices().getFirst().used()).isEqualTo(40 * MIB);
    }

    @Test
    void whatAnExporterHasExecedAwayCountsForTheImporter() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);

        world.exec(exporter);
        a.tell(new Session.Disconnected(exporter, EXPORTER));

        await().until(() -> describe(a).members().isEmpty());
        assertThat(imported(b)).isEqualTo(30 * MIB);
    }

    @Test
    void aNewProgramOfTheExporterIsWelcomedWhenTheOldOnesSharesAreHandedOver() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);

        join(a, exporter, THIRD);

        assertThat(imported(b)).isEqualTo(30 * MIB);
        assertThat(describe(a).devices()).containsExactly(new DeviceUse(DEVICE, 64 * MIB, 0, 0));
        assertThat(stakes()).as("a key is free for the new program").isEmpty();
    }

    @Test
    void whatLingersIsHandedOverWhenNobodyKeepsItAnyLonger() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);
        ProcessId child = world.process();
        world.table.environments.put(child, new SessionId("a"));
        world.table.holders.add(child);

        world.kill(exporter);
        await().until(() -> !describe(a).remainders().isEmpty());
        assertThat(imported(b)).as("it counts for the dead one yet").isZero();
        world.awaitWatched(child);
        world.table.holders.remove(child);
        world.kill(child);

        await().until(() -> describe(a).remainders().isEmpty());
        assertThat(imported(b)).isEqualTo(30 * MIB);
    }

    @Test
    void theExportersChargeIsReturnedWhenTheImporterHasItInItsJournalAndNotBefore() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);
        journal.failNextPersisted("session-1");

        world.kill(exporter);

        await().until(() -> describe(a).members().isEmpty());
        assertThat(imported(b)).as("although its first write failed").isEqualTo(30 * MIB);
    }

    @Test
    void anImporterThatDoesNotAnswerKeepsTheExportersChargeForAWhileOnly() {
        ActorRef<Session.Command> a = open(A);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        TestProbe<Session.Command> silent = kit.createTestProbe();
        Shares.Party party = new Shares.Party(new SessionId("b"), World.OWNER, world.process(), silent.getRef());
        world.shares.tell(new Shares.Uses(party, KEY, 0));

        world.kill(exporter);
        silent.expectMessageClass(Session.TakeOver.class);

        assertThat(describe(a).members()).hasSize(1);
        await().until(() -> describe(a).members().isEmpty());
    }

    /** Its guest credits the bytes then, and may use them again at once. */
    @Test
    void aReleaseIsHeardWhenTheImporterHasTheMemoryInItsJournalAndNotBefore() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);
        journal.failNextPersisted("session-1");

        say(a, exporter, EXPORTER, What.RELEASED, KEY, 0);

        assertThat(imported(b)).as("although its first write failed").isEqualTo(30 * MIB);
        assertThat(stakes()).as("nothing is left of the export").isEmpty();
    }

    /** In one session it counts twice for that long, which may be more than the limit; it ends when the exporter credits. */
    @Test
    void aFullSessionWhoseMemoryChangesHandsHasRoomAgainAsSoonAsItIsCredited() {
        ActorRef<Session.Command> a = open(A);
        ProcessId exporter = exporter(a, 60 * MIB, KEY, 30 * MIB);
        TestPage page = world.memory.last();
        ProcessId importer = importer(a, IMPORTER, KEY);

        say(a, exporter, EXPORTER, What.RELEASED, KEY, 0);
        assertThat(charge(a, exporter, EXPORTER, MIB)).isInstanceOf(ChargeReply.Denied.class);
        page.used[0] = 30 * MIB;

        assertThat(charge(a, exporter, EXPORTER, 4 * MIB)).isInstanceOf(ChargeReply.Granted.class);
        page.used[0] = 34 * MIB;
        assertThat(charge(a, importer, IMPORTER, MIB)).isInstanceOf(ChargeReply.Denied.class);
    }

    // ---------------------------------------------------------- who inherits

    @Test
    void whenTheHeirClosesItTheNextOneCountsForItAndAfterTheLastNobody() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        ProcessId first = importer(b, IMPORTER, KEY);
        ProcessId second = importer(a, THIRD, KEY);
        world.kill(exporter);
        await().until(() -> imported(b) == 30 * MIB);

        say(b, first, IMPORTER, What.CLOSED, KEY, 0);

        await().until(() -> imported(b) == 0);
        assertThat(describe(a).remainders())
                .containsExactly(new Remainder(second, DEVICE, 30 * MIB, Remainder.Reason.IMPORTED));
        assertThat(said(Operation.FREE))
                .containsExactly(
                        "free ok session b pid " + first.pid() + " uid 1000 device 0 " + 30 * MIB + ": IMPORTED");
        assertThat(charge(b, first, IMPORTER, MIB)).as("there is room again").isInstanceOf(ChargeReply.Granted.class);

        world.kill(second);

        await().until(() -> describe(a).remainders().isEmpty());
        assertThat(said(Operation.RECLAIM))
                .contains("reclaim ok session a pid " + second.pid() + " uid 1000 device 0 " + 30 * MIB + ": IMPORTED");
        assertThat(describe(b).remainders()).isEmpty();
    }

    @Test
    void anImportThatIsClosedWhileItsExporterLivesIsNothingToTakeOver() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        ProcessId importer = importer(b, IMPORTER, KEY);
        say(b, importer, IMPORTER, What.CLOSED, KEY, 0);

        world.kill(exporter);

        await().until(() -> describe(a).members().isEmpty());
        assertThat(describe(b).remainders()).isEmpty();
    }

    @Test
    void anImporterThatSaysSoOnlyAfterItsExporterIsGoneCountsForItAllTheSame() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        world.kill(exporter);
        await().until(() -> describe(a).members().isEmpty());

        importer(b, IMPORTER, KEY);

        await().until(() -> imported(b) == 30 * MIB);
    }

    @Test
    void anImporterThatKnowsItsSizeCountsForNoMore() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        ProcessId importer = world.process();
        join(b, importer, IMPORTER);
        say(b, importer, IMPORTER, What.IMPORTED, KEY, 2 * MIB);

        world.kill(exporter);

        await().until(() -> describe(a).members().isEmpty());
        assertThat(imported(b)).isEqualTo(2 * MIB);
    }

    @Test
    void whatAProcessTellsOfMemoryThatItDoesNotHaveIsIgnored() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId forger = exporter(a, 2 * MIB, KEY, 65 * MIB);
        importer(b, IMPORTER, KEY);

        world.kill(forger);

        await().until(() -> describe(a).members().isEmpty());
        assertThat(describe(b).remainders()).isEmpty();
        assertThat(stakes()).isEmpty();
    }

    @Test
    void whoeverIsNoMemberSharesNothing() {
        ActorRef<Session.Command> a = open(A);

        say(a, world.process(), EXPORTER, What.EXPORTED, KEY, MIB);

        assertThat(stakes()).isEmpty();
    }

    @Test
    void aKeyThatIsReleasedAndExportedAgainInOneBreathIsExported() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);

        say(
                a,
                exporter,
                EXPORTER,
                List.of(
                        frame(What.RELEASED, KEY, 0),
                        frame(What.EXPORTED, KEY, 5 * MIB),
                        frame(What.EXPORTED, OTHER, MIB)));

        assertThat(imported(b)).isEqualTo(30 * MIB);
        assertThat(stakes())
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        KEY, new Stake(Stake.Role.EXPORTER, DEVICE, 5 * MIB, false),
                        OTHER, new Stake(Stake.Role.EXPORTER, DEVICE, MIB, false)));
    }

    // ------------------------------------------------------------- restarts

    @Test
    void whatIsSharedIsKnownAfterARestart() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        ProcessId importer = importer(b, IMPORTER, KEY);

        restart(a, b);
        ActorRef<Session.Command> a2 = open(A);
        ActorRef<Session.Command> b2 = open(B);
        world.shares.tell(new Shares.Ready());
        world.kill(exporter);

        await().until(() -> describe(a2).members().isEmpty());
        assertThat(describe(b2).remainders())
                .containsExactly(new Remainder(importer, DEVICE, 30 * MIB, Remainder.Reason.IMPORTED));
    }

    @Test
    void anExporterThatDiedWhileThereWasNoDaemonIsChargedUntilAllSessionsAreThereAgain() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);

        restart(a, b);
        world.kill(exporter);
        ActorRef<Session.Command> a2 = open(A);
        assertThat(describe(a2).devices().getFirst().used()).isGreaterThanOrEqualTo(40 * MIB);
        ActorRef<Session.Command> b2 = open(B);
        assertThat(describe(a2).members()).hasSize(1);
        world.shares.tell(new Shares.Ready());

        await().until(() -> describe(a2).members().isEmpty());
        assertThat(imported(b2)).isEqualTo(30 * MIB);
    }

    @Test
    void anExporterThatExecedWhileThereWasNoDaemonIsHandedOverToo() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);

        restart(a, b);
        world.exec(exporter);
        ActorRef<Session.Command> b2 = open(B);
        ActorRef<Session.Command> a2 = open(A);
        world.shares.tell(new Shares.Ready());

        await().until(() -> describe(a2).members().isEmpty());
        assertThat(imported(b2)).isEqualTo(30 * MIB);
    }

    @Test
    void aHeirThatDiedWhileThereWasNoDaemonCountsForNothingAnyMore() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        ProcessId heir = importer(b, IMPORTER, KEY);
        world.kill(exporter);
        await().until(() -> imported(b) == 30 * MIB);

        restart(a, b);
        world.kill(heir);
        ActorRef<Session.Command> b2 = open(B);
        world.shares.tell(new Shares.Ready());

        await().until(() -> describe(b2).members().isEmpty());
        assertThat(describe(b2).devices()).isEmpty();
    }

    /**
     * The daemon is killed after every write of a hand-over in turn: whatever is in the two journals by then, in the end
     * the exporter is gone, and the importer counts for the bytes, once.
     */
    @Test
    void aKillBetweenAnyTwoWritesOfAHandOverLosesNothingAndCountsNothingTwice() {
        List<List<Object>> written = handOver();
        int exporters = written.get(0).size();
        int importers = written.get(1).size();
        int kills = 0;
        for (int mine = begun(written.get(0), SessionEvent.Shared.class); mine <= exporters; mine++) {
            for (int theirs = begun(written.get(1), SessionEvent.Shared.class); theirs <= importers; theirs++) {
                if (isTorn(written.get(0).get(mine - 1))
                        || isTorn(written.get(1).get(theirs - 1))) {
                    continue;
                }
                boolean isReturned =
                        written.get(0).subList(0, mine).stream().anyMatch(SessionEvent.Unshared.class::isInstance);
                boolean isTaken = written.get(1).subList(0, theirs).stream().anyMatch(SessionSharingTest::isImport);
                if (isReturned && !isTaken) {
                    continue; // Never: that is the order of the writes.
                }
                kills++;
                recover(written.get(0).subList(0, mine), written.get(1).subList(0, theirs));
            }
        }
        assertThat(kills).isGreaterThan(4);
    }

    private List<List<Object>> handOver() {
        ActorRef<Session.Command> a = open(A);
        ActorRef<Session.Command> b = open(B);
        ProcessId exporter = exporter(a, 40 * MIB, KEY, 30 * MIB);
        importer(b, IMPORTER, KEY);
        say(a, exporter, EXPORTER, What.RELEASED, KEY, 0);
        await().until(() -> imported(b) == 30 * MIB);
        await().until(() -> stakes().isEmpty());
        world.kill(exporter);
        await().until(() -> describe(a).members().isEmpty());
        List<List<Object>> written = List.of(journal.persistedInStorage(SLOT), journal.persistedInStorage("session-1"));
        kit.stop(a);
        kit.stop(b);
        return written;
    }

    private void recover(List<Object> a, List<Object> b) {
        journal.clearAll();
        journal.persistForRecovery(SLOT, List.copyOf(a));
        journal.persistForRecovery("session-1", List.copyOf(b));
        restart();
        ActorRef<Session.Command> a2 = open(A);
        ActorRef<Session.Command> b2 = open(B);
        world.shares.tell(new Shares.Ready());
        await(a + " and " + b).until(() -> describe(a2).members().isEmpty());
        await(a + " and " + b).until(() -> imported(b2) == 30 * MIB);
        assertThat(describe(a2).devices()).isEmpty();
        kit.stop(a2);
        kit.stop(b2);
    }

    private static int begun(List<Object> events, Class<?> first) {
        for (int i = 0; i < events.size(); i++) {
            if (first.isInstance(events.get(i))) {
                return i + 1;
            }
        }
        throw new AssertionError("no " + first + " in " + events);
    }

    /** Whether there is more in the same atomic write. */
    private static boolean isTorn(Object last) {
        return last instanceof SessionEvent.Departed || isImport(last);
    }

    private static boolean isImport(Object event) {
        return event instanceof Booked(LedgerEvent booked) && booked instanceof Imported;
    }

    // ----------------------------------------------------------------- tools

    private static ShareKey key(int number) {
        return new ShareKey("%02x".formatted(number));
    }

    private static Frame.Share frame(What what, ShareKey key, long bytes) {
        return new Frame.Share(
                what, 0, bytes, key.hex() + "00".repeat(Abi.KEY_SIZE - key.hex().length() / 2));
    }

    /** What the first session's journal says of shared memory. */
    private static Map<ShareKey, Stake> stakes() {
        Books books = Books.BLANK;
        for (Object event : journaled()) {
            books = books.apply((SessionEvent) event);
        }
        return books.stakes().values().stream().findFirst().orElse(Map.of());
    }

    private long imported(ActorRef<Session.Command> session) {
        return describe(session).remainders().stream()
                .filter(remainder -> remainder.reason() == Remainder.Reason.IMPORTED)
                .mapToLong(Remainder::bytes)
                .sum();
    }

    /** The daemon is killed. */
    private void restart(ActorRef<?>... running) {
        List.of(running).forEach(kit::stop);
        world.forgetShares();
    }

    private ProcessId exporter(ActorRef<Session.Command> session, long held, ShareKey key, long bytes) {
        ProcessId process = fill(session, EXPORTER, held);
        say(session, process, EXPORTER, What.EXPORTED, key, bytes);
        return process;
    }

    private ProcessId importer(ActorRef<Session.Command> session, ImageId image, ShareKey key) {
        ProcessId process = world.process();
        join(session, process, image);
        say(session, process, image, What.IMPORTED, key, 0);
        return process;
    }

    private void say(
            ActorRef<Session.Command> session, ProcessId process, ImageId image, What what, ShareKey key, long bytes) {
        say(session, process, image, List.of(frame(what, key, bytes)));
    }

    private void say(ActorRef<Session.Command> session, ProcessId process, ImageId image, List<Frame.Share> frames) {
        TestProbe<Session.ShareHeard> heard = kit.createTestProbe();
        session.tell(new Session.Share(process, image, frames, heard.getRef()));
        heard.receiveMessage();
    }
}

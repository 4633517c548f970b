// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who a process is, where that is not simple: its charge is returned once, when it is gone, and never before. */
class IdentityTest {
    private static final long LIMIT = 64 * Rig.MIB;
    private static final long HELD = 8 * Rig.MIB;

    @AutoClose
    private final Rig rig = Rig.idle().with("GPUSLICE_SESSIONS_END_GRACE", "100ms");

    /** What a sibling gets while the others hold {@code held}: all the rest, and not a byte more. */
    private void assertTheRestIsFree(Rig.Opened session, long held) {
        assertTheRestIsFree(session, held, List.of());
    }

    private void assertTheRestIsFree(Rig.Opened session, long held, List<String> through) {
        Rig.eventually(() -> rig.used(session.id()) == held);
        assertThat(rig.in(session, through, "fill").finish().output())
                .contains("held=" + (LIMIT - held) / Rig.MIB + " refused=2");
    }

    private void assertAllComesBack(Rig.Opened session) {
        assertAllComesBack(session, List.of());
    }

    private void assertAllComesBack(Rig.Opened session, List<String> through) {
        Rig.eventually(() -> rig.charge(session.id()) == 0);
        assertTheRestIsFree(session, 0, through);
    }

    private static void kill(long pid) {
        assertThat(ProcessHandle.of(pid).orElseThrow().destroyForcibly()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"leader", "daemon", "chain", "thread"})
    void howeverAProcessHasComeToBeItsChargeIsItsOwnOverADaemonsDeathAndReturnedAtItsOwn(String way) {
        Guest daemon = rig.daemon();
        Rig.Opened session = rig.open("64MB");
        Guest guest = way.equals("chain") ? rig.in(session, "ways", way, 30) : rig.in(session, "ways", way);

        String ready = guest.await("ready");
        assertThat(ready).contains("held=8 refused=0");
        if (way.equals("daemon")) {
            assertThat(guest.exitCode()).as("its parents are gone").isZero();
        }
        long pid = Guest.number(ready, "pid");
        assertTheRestIsFree(session, HELD);
        JsonNode processes = rig.inspect(session.id()).path("processes");
        assertThat(processes).hasSize(1);
        assertThat(processes.path(0).path("pid").asLong()).isEqualTo(pid);

        daemon.kill().exitCode();
        rig.daemon();
        Rig.eventually(() -> rig.charge(session.id()) >= HELD);
        long charge = rig.charge(session.id());
        assertThat(rig.used(session.id())).isBetween(HELD, charge);
        assertThat(rig.in(session, "fill").finish().output())
                .as("a sibling, after the restart")
                .contains("held=" + (LIMIT - rig.used(session.id())) / Rig.MIB + " refused=2");

        kill(pid);
        assertAllComesBack(session);
        assertThat(rig.heldOnCard()).isZero();
    }

    @Test
    void aZombieHoldsNothingWhetherADaemonSawItDieOrNot() {
        Guest daemon = rig.daemon();
        Rig.Opened session = rig.open("64MB");
        // A shell that becomes a program which reaps nobody.
        List<String> parent = List.of("sh", "-c", "exec 3<&0; \"$@\" <&3 & echo child=$!; exec sleep 1000", "sh");
        Guest first = rig.in(session, parent, "holder", "--count", 8);
        long seen = Guest.number(first.await("child="), "child");
        first.await("ready held=8");
        Guest second = rig.in(session, parent, "holder", "--count", 20);
        long unseen = Guest.number(second.await("child="), "child");
        second.await("ready held=20");

        kill(seen);
        assertTheRestIsFree(session, 20 * Rig.MIB);
        daemon.kill().exitCode();
        kill(unseen);
        rig.daemon();
        assertAllComesBack(session);

        assertThat(List.of(seen, unseen)).allMatch(IdentityTest::isZombie);
    }

    private static boolean isZombie(long pid) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "stat"))
                    .contains(") Z ");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aProgramInAPidNamespaceOfItsOwnIsAMemberByThePidThatTheDaemonSees() {
        Namespaces.need();
        Guest daemon = rig.daemon();
        Rig.Opened session = rig.open("64MB");
        Guest holder = rig.in(session, Namespaces.inPidNamespace(), "holder", "--count", 8);
        holder.await("ready held=8");
        assertTheRestIsFree(session, HELD);
        JsonNode member = rig.inspect(session.id()).path("processes").path(0);
        assertThat(member.path("pid").asLong()).isEqualTo(Namespaces.firstOf(holder));

        daemon.kill().exitCode();
        rig.daemon();
        assertTheRestIsFree(session, HELD);

        holder.kill();
        assertAllComesBack(session);
    }

    @Test
    void whoLivesWhereTheDaemonCannotSeeIsRefusedAndToldWhy() {
        Namespaces.need();
        Guest daemon = rig.daemon(Namespaces.inPidNamespace());
        Rig.Opened session = rig.open("64MB");

        Guest outside = rig.in(session, "fill").finish();
        assertThat(outside.output()).contains("held=0 refused=2");
        assertThat(outside.errors()).contains("pid namespace that the daemon cannot see");
        Rig.Result command = rig.run("ps");
        assertThat(command.code()).isEqualTo(1);
        assertThat(command.err()).contains("pid namespace that the daemon cannot see");

        Guest inside = rig.in(session, Namespaces.beside(daemon), "fill").finish();
        assertThat(inside.output()).contains("held=64 refused=2");
        assertAllComesBack(session, Namespaces.beside(daemon));
    }

    @Test
    void aPidThatIsGivenAgainAtOnceIsAnotherProcess() {
        Namespaces.need();
        Guest daemon = rig.daemon(Namespaces.inPidNamespace());
        List<String> beside = Namespaces.beside(daemon);
        Rig.Opened session = rig.open("64MB");

        Guest parent = rig.in(session, beside, "ways", "reuse");
        String reused = parent.await("reused");
        assertThat(Guest.number(reused, "pid")).as("%s", reused).isPositive();

        Rig.eventually(() -> rig.used(session.id()) == HELD);
        JsonNode processes = rig.inspect(session.id()).path("processes");
        assertThat(processes).hasSize(1);
        assertThat(processes.path(0).path("pid").asLong()).isEqualTo(Guest.number(reused, "pid"));
        assertTheRestIsFree(session, HELD, beside);

        parent.finish().exitCode();
        assertAllComesBack(session, beside);
    }
}

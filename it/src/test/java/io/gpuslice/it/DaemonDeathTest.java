// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** The daemon dies, stops, or is not there: programs live, nothing is lost, nothing is granted twice. */
class DaemonDeathTest {
    private static final long LIMIT = 64 * Rig.MIB;

    @AutoClose
    private final Rig rig = Rig.idle();

    @Test
    void killedUnderLoadAgainAndAgainTheBooksAreRightEveryTime() {
        int kills = Integer.getInteger("gpuslice.kills", 10);
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Guest daemon = rig.daemon();
        Rig.Opened opened = rig.open("64MB");
        String session = opened.id();
        List<Guest> guests = IntStream.range(0, 3)
                .mapToObj(i -> rig.modestly(opened, "churn", "--seed", i, "--most", "2M", "--threads", 2))
                .toList();
        guests.forEach(guest -> guest.await("ready first=0"));
        for (int kill = 1; kill <= kills; kill++) {
            // The moment is what is random here, not something waited for.
            LockSupport.parkNanos(random.nextInt(50_000_000));
            daemon.kill().exitCode();
            daemon = rig.daemon();
            assertTheBooksAreTheCards(session, guests, "kill %d, seed %d".formatted(kill, seed));
        }
        guests.forEach(Guest::kill);
        Rig.eventually(() -> rig.charge(session) == 0);
        assertThat(rig.in(session, "fill").finish().output())
                .as("seed %d", seed)
                .contains("held=64 refused=2");
    }

    /**
     * Frozen, the guests' bytes on the card are what the daemon says. A freeze may catch a thread between its books and the
     * card: the books then say more, never less. Another freeze, a moment later, catches it elsewhere.
     */
    private void assertTheBooksAreTheCards(String session, List<Guest> guests, String when) {
        Rig.eventually(() -> {
            guests.forEach(guest ->
                    assertThat(guest.alive()).as("%s\n%s", when, guest.errors()).isTrue());
            guests.forEach(Guest::freeze);
            JsonNode books = rig.inspect(session);
            long held = rig.heldOnCard();
            guests.forEach(Guest::thaw);
            long used = books.path("used_bytes").asLong();
            long charge = books.path("charge_bytes").asLong();
            assertThat(books.path("processes")).as(when).hasSize(guests.size());
            assertThat(charge).as(when).isBetween(1L, LIMIT);
            assertThat(held).as(when).isBetween(1L, Math.min(used, charge));
            return used == held;
        });
    }

    @Test
    void aRestartedDaemonKnowsLimitsChargesAndMembersAndTheDead() {
        Guest daemon = rig.daemon();
        String session = rig.create("64MB", "--name", "kept");
        Guest living = rig.in(session, "holder", "--count", 20);
        living.await("ready held=20");
        Guest dying = rig.in(session, "holder", "--count", 30);
        dying.await("ready held=30");

        daemon.kill().exitCode();
        dying.kill().exitCode();
        rig.daemon();

        Rig.eventually(() -> rig.charge(session) == 20 * Rig.MIB);
        JsonNode view = rig.inspect("kept");
        assertThat(view.path("id").asText()).isEqualTo(session);
        assertThat(view.path("devices").path(0).path("limit_bytes").asLong()).isEqualTo(LIMIT);
        assertThat(view.path("used_bytes").asLong()).isEqualTo(20 * Rig.MIB);
        assertThat(view.path("processes")).hasSize(1);
        assertThat(view.path("processes").path(0).path("pid").asLong()).isEqualTo(living.pid());
        living.say("more 100");
        assertThat(living.await("held")).startsWith("held=64 refused=2");
    }

    @Test
    void whileTheDaemonIsAwayCreditIsUsableAndNothingElse() {
        rig.with("GPUSLICE_IPC_WAIT", "300ms");
        Guest daemon = rig.daemon();
        Guest holder = rig.gpuslice(
                "run", "--limit", "64MB", "--name", "alone", "--", rig.tree.program("holder"), "--count", 10);
        holder.await("ready held=10");

        daemon.kill().exitCode();

        holder.say("less 5");
        holder.await("held=5 refused=0");
        holder.say("more 59");
        holder.await("held=64 refused=0");
        holder.say("more 1");
        assertThat(holder.await("held")).startsWith("held=64 refused=2");
        holder.say("more 1");
        assertThat(Guest.numbers(holder.await("held")))
                .as("denied at once after the first wait")
                .containsEntry("refused", 2L);
        rig.daemon();
        rig.run("update", "alone", "--limit", "80MB").ok();
        Rig.eventually(() -> {
            holder.say("more 1");
            return holder.await("held").startsWith("held=65 refused=0");
        });
    }

    @Test
    void aStoppedDaemonDeniesWithinTheBoundedWait() {
        Guest daemon = rig.daemon();
        Guest holder =
                rig.gpuslice("run", "--limit", "64MB", "--strict", "--", rig.tree.program("holder"), "--count", 10);
        holder.await("ready held=10");
        daemon.freeze();

        holder.say("more 1");
        String refused = holder.await("held=10 refused=2");
        assertThat(Guest.number(refused, "ms"))
                .isBetween(500L, Duration.ofSeconds(8).toMillis());

        daemon.thaw();
        Rig.eventually(() -> {
            holder.say("more 60");
            return holder.await("held").startsWith("held=64 refused=2");
        });
    }

    @Test
    void aLateDenialIsNotMistakenForTheAnswerToTheNextRequest() {
        Guest daemon = rig.daemon();
        Audit audit = rig.audit();
        String session = rig.create("64MB");
        Guest sibling = rig.in(session, "holder", "--count", 30);
        sibling.await("ready held=30");
        Guest asking = rig.in(session, "holder", "--count", 1, "--size", "20M");
        asking.await("ready held=1");
        daemon.freeze();
        asking.say("more 1");
        asking.await("held=1 refused=2"); // by its own patience: nobody has answered yet
        assertThat(audit.lines()).noneMatch(Audit.says("deny", "denied"));

        daemon.thaw();
        audit.await(Audit.says("deny", "denied").and(Audit.about(asking.pid())));
        // Answered after that denial, which is therefore on its way: else the guest takes the daemon for silent, and
        // does not ask.
        sibling.say("more 30");
        sibling.await("held=44 refused=2");
        sibling.say("less 44");
        sibling.await("held=0");

        asking.say("more 1");
        assertThat(asking.await("held")).startsWith("held=2 refused=0");
    }

    @Test
    void aGuestThatClosedItsDescriptorsCountsItsWholeChargeUntilItComesBack() {
        Guest daemon = rig.daemon();
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 20);
        holder.await("ready held=20");
        holder.say("less 5");
        holder.await("held=15");
        holder.say("close");
        holder.await("held=15");

        daemon.kill().exitCode();
        rig.daemon();
        JsonNode lost = rig.inspect(session).path("processes").path(0);
        assertThat(lost.path("page").asText()).isEqualTo("lost");
        assertThat(lost.path("charge_bytes").asLong()).isEqualTo(LIMIT);
        assertThat(lost.path("used_bytes").asLong()).isEqualTo(LIMIT);
        assertThat(rig.in(session, "fill").finish().output())
                .as("a sibling gets none of it")
                .contains("held=0 refused=2");

        holder.say("more 100"); // it comes back when it asks, and it asks when its credit is used up
        assertThat(holder.await("held")).startsWith("held=64 refused=2");
        holder.say("less 39");
        holder.await("held=25");
        JsonNode back = rig.inspect(session).path("processes").path(0);
        assertThat(back.path("page").asText()).isEqualTo("ok");
        assertThat(back.path("used_bytes").asLong()).isEqualTo(25 * Rig.MIB).isEqualTo(rig.heldOnCard());
        assertThat(rig.in(session, "fill").finish().output()).contains("held=39 refused=2");
    }

    @Test
    void withNoDaemonAtAllAProgramIsDeniedAndToldWhy() {
        rig.with("GPUSLICE_IPC_WAIT", "200ms");
        var environment = rig.environmentOf("0123456789abcdef", "0".repeat(64));

        Guest guest = rig.start(List.of(rig.tree.program("fill").toString()), environment)
                .finish();

        assertThat(guest.output()).contains("held=0 refused=2");
        assertThat(guest.exitCode()).isZero();
        assertThat(guest.errors()).contains("gpuslice:").contains(rig.socket().toString());
    }

    @Test
    void aSecondDaemonOnTheSameStateIsRefusedAndTheFirstServesOn() {
        rig.daemon();
        Guest second = rig.start(List.of(rig.tree.bin("gpusliced").toString()), rig.environment());

        assertThat(second.exitCode()).isNotZero();
        assertThat(second.errors()).contains("another gpusliced (pid ");
        rig.run("info").ok();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The daemon dies, stops, or is not there: programs live, nothing is lost, nothing is granted twice. */
class DaemonDeathTest {
    private static final long LIMIT = 64 * Rig.MIB;

    private Rig rig;

    @BeforeEach
    void start() {
        rig = Rig.idle();
    }

    @AfterEach
    void stop() {
        rig.close();
    }

    @Test
    void killedUnderLoadThirtyTimesTheBooksAreRightEveryTime() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Guest daemon = rig.daemon();
        String session = rig.create("64MB");
        List<Guest> guests = IntStream.range(0, 3)
                .mapToObj(i -> rig.in(session, "churn", "--seed", i, "--most", "2M", "--threads", 2))
                .toList();
        guests.forEach(guest -> guest.await("ready first=0"));
        for (int kill = 1; kill <= 30; kill++) {
            // The moment is what is random here, not something waited for.
            LockSupport.parkNanos(random.nextInt(50_000_000));
            daemon.kill().exitCode();
            daemon = rig.daemon();
            JsonNode view = rig.inspect(session);
            assertThat(view.path("charge_bytes").asLong()).as("kill %d, seed %d", kill, seed).isBetween(1L, LIMIT);
            assertThat(rig.heldOnCard()).as("kill %d, seed %d", kill, seed).isBetween(1L, LIMIT);
            assertThat(view.path("processes")).hasSize(3);
            guests.forEach(guest -> assertThat(guest.alive()).as(guest.errors()).isTrue());
        }
        // Quiet: stopped, the processes' bytes on the card are what the daemon says.
        guests.forEach(guest -> signal("STOP", guest));
        Rig.eventually(() -> rig.used(session) == rig.heldOnCard());
        guests.forEach(Guest::kill);
        Rig.eventually(() -> rig.charge(session) == 0);
        assertThat(rig.in(session, "fill").finish().output()).as("seed %d", seed).contains("held=64 refused=2");
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
        Guest holder = rig.gpuslice("run", "--limit", "64MB", "--", rig.tree.program("holder"), "--count", 10);
        holder.await("ready held=10");

        daemon.kill().exitCode();

        holder.say("less 5");
        holder.await("held=5 refused=0");
        holder.say("more 5");
        holder.await("held=10 refused=0");
        holder.say("more 1");
        assertThat(holder.await("held")).startsWith("held=10 refused=2");
        holder.say("more 1");
        assertThat(Guest.numbers(holder.await("held")))
                .as("denied at once after the first wait")
                .containsEntry("refused", 2L);
        rig.daemon();
        Rig.eventually(() -> {
            holder.say("more 1");
            return holder.await("held").startsWith("held=11 refused=0");
        });
    }

    @Test
    void aStoppedDaemonDeniesWithinTheBoundedWaitAndNoLateAnswerIsMistaken() {
        Guest daemon = rig.daemon();
        Guest holder = rig.gpuslice("run", "--limit", "64MB", "--", rig.tree.program("holder"), "--count", 10);
        holder.await("ready held=10");
        signal("STOP", daemon);

        holder.say("more 1");
        var refused = Guest.numbers(holder.await("held"));
        assertThat(refused).containsEntry("held", 10L).containsEntry("refused", 2L);
        assertThat(refused.get("ms")).as("ms").isBetween(500L, Duration.ofSeconds(8).toMillis());

        signal("CONT", daemon);
        // The late GRANTED for one block must not answer a question for sixty.
        Rig.eventually(() -> {
            holder.say("more 60");
            return holder.await("held").startsWith("held=64 refused=2");
        });
    }

    @Test
    void withNoDaemonAtAllAProgramIsDeniedAndToldWhy() {
        var environment = rig.environment();
        environment.put("GPUSLICE_IPC_WAIT", "200ms");
        environment.put("GPUSLICE_SESSION", "0123456789abcdef");
        environment.put("GPUSLICE_IPC_TOKEN", "0".repeat(64));
        environment.put("LD_PRELOAD", rig.tree.library().toString());

        Guest guest = rig.start(List.of(rig.tree.program("fill").toString()), environment).finish();

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

    static void signal(String name, Guest guest) {
        try {
            assertThat(new ProcessBuilder("kill", "-" + name, Long.toString(guest.pid()))
                            .start()
                            .waitFor())
                    .isZero();
        } catch (java.io.IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}

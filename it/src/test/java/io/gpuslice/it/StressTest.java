// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Ten processes want far more than their session has, and a third of them are killed at it. */
class StressTest {
    private static final int PROCESSES = 10;
    private static final int ALLOCATIONS = 100;
    private static final int VICTIMS = PROCESSES / 3;
    private static final long LIMIT = 64 * Rig.MIB;

    @AutoClose
    private final Rig rig = Rig.idle();

    private record Kill(Guest guest, Instant at) {}

    @Test
    void tenProcessesOfAHundredAllocationsKeepTheirLimitWhileAThirdOfThemIsKilled() {
        long seed = System.nanoTime();
        System.out.println("StressTest: seed " + seed);
        Random random = new Random(seed);
        rig.with("FAKECUDA_GROUP", "stress").with("FAKECUDA_ALLOC_DELAY_US", "500");
        rig.daemon();
        String session = rig.create("64MB");
        List<Guest> guests = IntStream.range(0, PROCESSES)
                .mapToObj(i -> rig.in(
                        session, "steps", "--count", ALLOCATIONS, "--most", "2M", "--seed", random.nextInt(1 << 20)))
                .toList();
        guests.forEach(guest -> guest.await("ready first=0"));
        List<Guest> shuffled = new ArrayList<>(guests);
        Collections.shuffle(shuffled, random);
        List<Guest> victims = shuffled.subList(0, VICTIMS);
        List<Guest> survivors = shuffled.subList(VICTIMS, PROCESSES);

        try (CardSampler card = new CardSampler(rig.tree, rig.dir.resolve("card"), "stress")) {
            guests.forEach(guest -> guest.say("go"));
            List<CompletableFuture<Kill>> kills = victims.stream()
                    .map(victim -> killed(victim, 10 + random.nextInt(ALLOCATIONS - 20)))
                    .toList();

            long refused = survivors.stream()
                    .map(guest -> guest.await("done"))
                    .peek(done -> assertThat(Guest.number(done, "failed")).isZero())
                    .peek(done -> assertThat(Guest.number(done, "allocated")).isEqualTo(ALLOCATIONS))
                    .mapToLong(done -> Guest.number(done, "refused"))
                    .sum();
            kills.forEach(kill -> assertReclaimedInTime(kill.join()));
            survivors.forEach(guest ->
                    assertThat(guest.finish().exitCode()).as(guest.errors()).isZero());

            assertThat(refused).as("the limit was in their way").isPositive();
            assertThat(card.samples()).isGreaterThan(100);
            assertThat(card.highest()).as("seed %d", seed).isBetween(LIMIT / 2, LIMIT);
            assertThat(card.peak()).as("seed %d", seed).isBetween(LIMIT * 3 / 4, LIMIT);
        }
        Rig.eventually(() -> rig.charge(session) == 0);
        JsonNode end = rig.inspect(session);
        assertThat(end.path("used_bytes").asLong()).isZero();
        assertThat(end.path("processes")).isEmpty();
        assertThat(rig.heldOnCard()).isZero();
        assertThat(rig.in(session, "fill").finish().output()).contains("held=64 refused=2");
    }

    /** Not by this thread, which would come late to the second victim. */
    private static CompletableFuture<Kill> killed(Guest victim, int step) {
        return CompletableFuture.supplyAsync(
                () -> {
                    victim.await("step=" + step + " ");
                    Instant now = Instant.now();
                    victim.kill();
                    return new Kill(victim, now);
                },
                task -> Thread.ofPlatform().daemon().start(task));
    }

    private void assertReclaimedInTime(Kill kill) {
        assertThat(kill.guest().exitCode()).isEqualTo(137);
        JsonNode reclaim = rig.audit()
                .await(Audit.says("reclaim", "ok").and(Audit.about(kill.guest().pid())));
        assertThat(reclaim.path("bytes").asLong()).as("it held something").isPositive();
        assertThat(Duration.between(
                        kill.at(), Instant.parse(reclaim.path("time").asText())))
                .isLessThan(Duration.ofSeconds(2));
    }
}

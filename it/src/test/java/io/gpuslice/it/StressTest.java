// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Ten processes want far more than their session has, and a third of them are killed at it: one round, or as many as
 * {@code gpuslice.stress.rounds} says, all on one daemon. A round's seed is in its name, and {@code gpuslice.stress.seed}
 * is the first round's: it fixes what each process asks for, who is killed and behind which of its steps, but not how the
 * machine lets them run.
 */
class StressTest {
    private static final int PROCESSES = 10;
    private static final int ALLOCATIONS = 100;
    private static final int VICTIMS = PROCESSES / 3;
    private static final long LIMIT = 64 * Rig.MIB;

    @AutoClose
    private static final Rig rig = Rig.idle().with("FAKECUDA_ALLOC_DELAY_US", "500");

    private static final Guest daemon = rig.daemon();
    private static final Audit audit = rig.audit();

    private static final List<Duration> reclaims = new ArrayList<>();
    private static long looks;
    private static long refusals;
    private static long highest;

    private record Kill(Guest guest, Instant at) {}

    static LongStream seeds() {
        long first =
                Long.getLong("gpuslice.stress.seed", ThreadLocalRandom.current().nextLong(1L << 32));
        return LongStream.range(first, first + Integer.getInteger("gpuslice.stress.rounds", 1));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void tenProcessesOfAHundredAllocationsKeepTheirLimitWhileAThirdOfThemIsKilled(long seed) throws IOException {
        System.out.println("stress: seed " + seed);
        Random random = new Random(seed);
        String group = "stress-" + seed;
        rig.with("FAKECUDA_GROUP", group);
        Rig.Opened opened = rig.open("64MB");
        String session = opened.id();
        List<Guest> guests = IntStream.range(0, PROCESSES)
                .mapToObj(i -> rig.in(
                        opened, "steps", "--count", ALLOCATIONS, "--most", "2M", "--seed", random.nextInt(1 << 20)))
                .toList();
        guests.forEach(guest -> guest.await("ready first=0"));
        List<Guest> shuffled = new ArrayList<>(guests);
        Collections.shuffle(shuffled, random);
        List<Guest> victims = shuffled.subList(0, VICTIMS);
        List<Guest> survivors = shuffled.subList(VICTIMS, PROCESSES);

        try (CardSampler card = new CardSampler(rig.tree, rig.dir.resolve("card"), group)) {
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
            kills.forEach(kill -> assertReclaimedInTime(session, kill.join()));
            survivors.forEach(guest ->
                    assertThat(guest.finish().exitCode()).as(guest.errors()).isZero());

            assertThat(refused).as("the limit was in their way").isPositive();
            assertThat(card.samples()).isGreaterThan(100);
            assertThat(card.highest()).isBetween(LIMIT / 2, LIMIT);
            assertThat(card.peak()).isBetween(LIMIT * 3 / 4, LIMIT);
            looks += card.samples();
            refusals += refused;
            highest = Math.max(highest, card.peak());
        }
        assertNothingIsLeft(session);
        guests.forEach(Guest::close);
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

    private static void assertReclaimedInTime(String session, Kill kill) {
        assertThat(kill.guest().exitCode()).isEqualTo(137);
        JsonNode reclaim = audit.await(
                session,
                Audit.says("reclaim", "ok").and(Audit.about(kill.guest().pid())));
        assertThat(reclaim.path("bytes").asLong()).as("it held something").isPositive();
        Duration took =
                Duration.between(kill.at(), Instant.parse(reclaim.path("time").asText()));
        assertThat(took).isLessThan(Duration.ofSeconds(2));
        reclaims.add(took);
    }

    private static void assertNothingIsLeft(String session) throws IOException {
        Rig.eventually(() -> rig.charge(session) == 0);
        JsonNode end = rig.inspect(session);
        assertThat(end.path("used_bytes").asLong()).isZero();
        assertThat(end.path("processes")).isEmpty();
        assertThat(end.path("remainders")).isEmpty();
        assertThat(rig.heldOnCard()).isZero();
        assertThat(rig.in(session, "fill").finish().output()).contains("held=64 refused=2");
        rig.run("rm", session).ok();
        Rig.eventually(() -> pagesOfTheDaemon() == 0);
    }

    /** How many ledger pages the daemon has open or mapped. */
    private static long pagesOfTheDaemon() throws IOException {
        Path process = Path.of("/proc", Long.toString(daemon.pid()));
        try (Stream<Path> descriptors = Files.list(process.resolve("fd"));
                Stream<String> mappings = Files.lines(process.resolve("maps"))) {
            return descriptors.filter(StressTest::isPage).count()
                    + mappings.filter(mapping -> mapping.contains("memfd:gpuslice"))
                            .count();
        }
    }

    private static boolean isPage(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().contains("memfd:gpuslice");
        } catch (IOException e) {
            return false; // closed meanwhile
        }
    }

    @AfterAll
    static void report() {
        if (reclaims.isEmpty()) {
            return;
        }
        Collections.sort(reclaims);
        System.out.printf(
                "stress: %d killed; memory back after %s (median), %s (p99), %s (longest)%n",
                reclaims.size(), quantile(0.5), quantile(0.99), quantile(1));
        System.out.printf(
                "stress: limit %d bytes, at most %d held; %d looks at the card, %d refusals%n",
                LIMIT, highest, looks, refusals);
    }

    private static String quantile(double of) {
        int rank = (int) Math.ceil(of * reclaims.size());
        return "%.1f ms".formatted(reclaims.get(Math.max(rank, 1) - 1).toNanos() / 1e6);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Clocks that jump, machines that start again, daemons that stand still: a TTL is what was asked for. */
class TimeTest {
    private static final long HOUR = Duration.ofHours(1).toSeconds();

    @AutoClose
    private final Rig rig = Rig.idle();

    /** Read by whatever is started after {@link #wallAhead}: how many seconds its wall clock is ahead. */
    private final Path ahead = rig.dir.resolve("ahead");

    private void wallAhead(long seconds) throws IOException {
        // In one step, for those that are just reading it.
        Path fresh = Files.writeString(rig.dir.resolve("ahead.new"), Long.toString(seconds));
        Files.move(fresh, ahead, StandardCopyOption.ATOMIC_MOVE);
        rig.with("WALL_AHEAD", ahead.toString())
                .with("LD_PRELOAD", rig.tree.program("wall.so").toString());
    }

    private long ttlLeft(String session) {
        return rig.inspect(session).path("ttl_left_seconds").asLong(-1);
    }

    /** Rounded up, as what is left is rounded down. */
    private static long secondsSince(long nanoTime) {
        return Duration.ofNanos(System.nanoTime() - nanoTime).toSeconds() + 1;
    }

    private String state(String session) {
        return rig.inspect(session).path("state").asText();
    }

    /** What the daemon's wall clock says. */
    private Instant daemonsNow() {
        return Instant.parse(rig.inspect(rig.create("1MB")).path("created_at").asText());
    }

    @Test
    void aWallClockThatJumpsByHoursMovesNoTtlAndNoTimeout() throws IOException {
        wallAhead(0);
        rig.with("GPUSLICE_SESSIONS_END_GRACE", "100ms");
        Guest daemon = rig.daemon();
        long since = System.nanoTime();
        String hour = rig.create("64MB", "--ttl", "1h");
        Guest holder = rig.in(hour, "holder", "--count", 20);
        holder.await("ready held=20");

        for (long jump : new long[] {5 * HOUR, -5 * HOUR, 9000 * 24 * HOUR, -9000 * 24 * HOUR}) {
            wallAhead(jump);
            assertThat(daemonsNow())
                    .as("the daemon's wall clock has jumped")
                    .isBetween(
                            Instant.now().plusSeconds(jump - 60), Instant.now().plusSeconds(jump + 60));
            assertThat(state(hour)).isEqualTo("ACTIVE");
            assertThat(ttlLeft(hour)).isBetween(HOUR - secondsSince(since), HOUR);
            holder.say("more 1");
            assertThat(holder.await("held")).as("after a jump by %d s", jump).contains("refused=0");

            String second = rig.create("64MB", "--ttl", "1s");
            wallAhead(-jump);
            Rig.eventually(() -> state(second).equals("EXPIRED"));

            daemon.kill().exitCode();
            daemon = rig.daemon();
            assertThat(ttlLeft(hour)).as("by the next daemon").isBetween(HOUR - secondsSince(since), HOUR);
            assertThat(state(second)).isEqualTo("EXPIRED");
        }
        holder.finish().exitCode();
        assertThat(rig.run("update", hour, "--ttl", "2h").ok().code()).isZero();
        assertThat(ttlLeft(hour)).isBetween(2 * HOUR - 600, 2 * HOUR);
    }

    @Test
    void overAStartOfTheMachineATtlGoesOnByTheWallClockAndNobodyHoldsAnything() throws IOException {
        Namespaces.need();
        wallAhead(0);
        Path firstBoot = Files.writeString(rig.dir.resolve("boot-1"), "11111111-1111-4111-8111-111111111111\n");
        Path secondBoot = Files.writeString(rig.dir.resolve("boot-2"), "22222222-2222-4222-8222-222222222222\n");
        Guest daemon = rig.daemon(Namespaces.inBoot(firstBoot));
        String running = rig.create("64MB", "--ttl", "3h");
        String over = rig.create("64MB", "--ttl", "1h");
        String endless = rig.create("64MB");
        Guest holder = rig.in(running, "holder", "--count", 20);
        holder.await("ready held=20");
        assertThat(rig.charge(running)).isPositive();
        daemon.kill().exitCode();
        holder.kill().exitCode();

        wallAhead(2 * HOUR);
        rig.daemon(Namespaces.inBoot(secondBoot));

        Rig.eventually(() -> state(over).equals("EXPIRED"));
        assertThat(state(running)).isEqualTo("ACTIVE");
        assertThat(ttlLeft(running)).isBetween(HOUR - 600, HOUR);
        assertThat(state(endless)).isEqualTo("ACTIVE");
        assertThat(rig.inspect(endless).path("ttl_left_seconds").isNull()).isTrue();
        assertThat(rig.charge(running)).isZero();
        assertThat(rig.in(running, "fill").finish().output()).contains("held=64 refused=2");
        assertThat(rig.in(over, "fill").finish().output()).contains("held=0 refused=2");
    }

    @Test
    void aDaemonThatStoodStillForLongerThanAnyTimeoutGoesOnWhereItWas() {
        rig.with("GPUSLICE_SESSIONS_END_GRACE", "1s");
        Guest daemon = rig.daemon();
        Rig.Opened opened = rig.open("64MB");
        List<Guest> busy = List.of(
                rig.modestly(opened, "churn", "--seed", 1, "--most", "2M", "--threads", 2),
                rig.modestly(opened, "churn", "--seed", 2, "--most", "2M", "--threads", 2));
        busy.forEach(guest -> guest.await("ready first=0"));
        String kept = rig.create("64MB", "--ttl", "1h");
        String brief = rig.create("64MB", "--ttl", "5s");
        Guest holder = rig.in(kept, "holder", "--count", 20);
        holder.await("ready held=20");
        long before = ttlLeft(kept);

        daemon.freeze();
        // Beyond the guest's patience (2 s), the journal's (10 s) and the grace of a session's end.
        Duration stood = Duration.ofSeconds(12);
        long since = System.nanoTime();
        Rig.eventually(() -> System.nanoTime() - since > stood.toNanos());
        busy.forEach(guest -> assertThat(guest.alive()).isTrue());
        daemon.thaw();

        Rig.eventually(() -> state(brief).equals("EXPIRED"));
        assertThat(ttlLeft(kept)).isBetween(before - 60, before - stood.toSeconds() + 1);
        holder.say("more 100");
        assertThat(holder.await("held")).startsWith("held=64 refused=2");
        busy.forEach(Guest::kill);
        Rig.eventually(() -> rig.charge(opened.id()) == 0);
        assertThat(rig.in(opened, "fill").finish().output()).contains("held=64 refused=2");
    }

    @Test
    void ttlsOfYearsAreTakenAndLongerOnesRefusedOnEverySurface() {
        rig.daemon();
        long tenYears = Duration.ofDays(3650).toSeconds();

        String session = rig.create("64MB", "--ttl", "3650d");
        assertThat(ttlLeft(session)).isBetween(tenYears - 120, tenYears);
        assertThat(rig.run("ps").ok().out()).contains("3649d23h");
        assertThat(rig.in(session, "fill").finish().output()).contains("held=64 refused=2");

        for (String ttl : List.of("3651d", "999999999d999999999h", "87601h")) {
            Rig.Result refused = rig.run("create", "--limit", "64MB", "--ttl", ttl);
            assertThat(refused.code()).as(ttl).isEqualTo(1);
            assertThat(refused.err()).as(ttl).contains("at most 3650 days");
            Rig.Result unchanged = rig.run("update", session, "--ttl", ttl);
            assertThat(unchanged.code()).as(ttl).isEqualTo(1);
            assertThat(unchanged.err()).as(ttl).contains("at most 3650 days");
            JsonNode problem = rig.web()
                    .call("POST", "/sessions", "{\"limit\":\"64MB\",\"ttl\":\"" + ttl + "\"}")
                    .with(400)
                    .json();
            assertThat(problem.path("detail").asText()).as(ttl).contains("at most 3650 days");
        }
        for (String ttl : List.of("0s", "-1s", "9999999999d", "18446744073709551616s", "1y", "1e9s", "")) {
            assertThat(rig.run("create", "--limit", "64MB", "--ttl", ttl).code())
                    .as("'%s'", ttl)
                    .isNotZero();
            rig.web()
                    .call("POST", "/sessions", "{\"limit\":\"64MB\",\"ttl\":\"" + ttl + "\"}")
                    .with(400);
        }
        assertThat(ttlLeft(session)).isBetween(tenYears - 120, tenYears);
    }
}

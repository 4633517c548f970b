// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Opening, expiring, ending and removing sessions; starting the daemon by need; a tree at an awkward path. */
class LifecycleTest {
    @AutoClose
    private final Rig rig = Rig.idle();

    @Test
    void afterItsTtlASessionRefusesNewMemoryAndStillCountsWhatIsHeld() {
        rig.daemon();
        Guest holder = rig.gpuslice(
                "run",
                "--limit",
                "64MB",
                "--ttl",
                "3s",
                "--name",
                "brief",
                "--",
                rig.tree.program("holder"),
                "--count",
                10);
        holder.await("ready held=10");

        Rig.eventually(() -> rig.inspect("brief").path("state").asText().equals("EXPIRED"));
        holder.say("more 1");
        assertThat(holder.await("held")).startsWith("held=10 refused=2");
        holder.say("less 4");
        holder.await("held=6");
        holder.say("more 1");
        assertThat(holder.await("held"))
                .as("what it freed is not its own any more")
                .startsWith("held=6 refused=2");
        Rig.eventually(() -> rig.used("brief") == 6 * Rig.MIB);
        assertThat(holder.alive()).isTrue();
    }

    @Test
    void removingALiveSessionIsRefusedAndForceEndsItsProcesses() {
        rig.daemon();
        Guest holder = rig.gpuslice("run", "--limit", "64MB", "--name", "busy", "--", rig.tree.program("holder"));
        holder.await("ready");

        var refused = rig.run("rm", "busy");
        assertThat(refused.code()).isEqualTo(1);
        assertThat(refused.err()).contains(Long.toString(holder.pid())).contains("--force");

        rig.run("rm", "--force", "busy").ok();
        assertThat(holder.exitCode()).isEqualTo(143);
        assertThat(rig.run("ps").ok().out()).doesNotContain("busy");
    }

    @Test
    void aProgramThatIgnoresSigtermIsEndedBySigkillAfterItsGrace() {
        rig.with("GPUSLICE_SESSIONS_KILL_GRACE", "1s").daemon();
        String deaf = "trap '' TERM; exec \"$0\" --count 8";
        Guest holder = rig.gpuslice(
                "run", "--limit", "64MB", "--name", "deaf", "--", "/bin/sh", "-c", deaf, rig.tree.program("holder"));
        holder.await("ready held=8");
        Guest polite = rig.in("deaf", "holder", "--count", 8);
        polite.await("ready held=8");

        rig.run("rm", "--force", "deaf").ok();

        assertThat(polite.exitCode()).as("SIGTERM").isEqualTo(143);
        assertThat(holder.exitCode()).as("SIGKILL").isEqualTo(137);
        assertThat(rig.run("ps", "-q").ok().out()).isBlank();
        assertThat(rig.heldOnCard()).isZero();
    }

    @Test
    void aDeadlineMovesByCommandAndByHttpAndExpiryTakesTheCredit() {
        rig.daemon();
        Web web = rig.web();
        Guest holder = rig.gpuslice(
                "run", "--limit", "64MB", "--ttl", "1h", "--name", "brief", "--", rig.tree.program("holder"));
        holder.await("ready held=64");
        holder.say("less 54");
        holder.await("held=10");
        assertThat(ttl("brief")).isBetween(3000L, 3600L);

        rig.run("update", "brief", "--ttl", "2h").ok();
        assertThat(ttl("brief")).isBetween(3601L, 7200L);
        String id = rig.inspect("brief").path("id").asText();
        JsonNode patched = web.call("PATCH", "/sessions/" + id, "{\"ttl\": \"3h\"}")
                .with(200)
                .json();
        assertThat(patched.path("ttl_left_seconds").asLong()).isBetween(7201L, 10800L);
        rig.run("update", "brief", "--ttl", "none").ok();
        assertThat(rig.inspect("brief").path("ttl_left_seconds").isNull()).isTrue();

        web.call("PATCH", "/sessions/" + id, "{\"ttl\": \"1s\"}").with(200);
        Rig.eventually(() -> rig.inspect("brief").path("state").asText().equals("EXPIRED"));
        assertThat(rig.used("brief")).isEqualTo(10 * Rig.MIB).isEqualTo(rig.heldOnCard());
        assertThat(rig.charge("brief")).as("its credit is collected").isEqualTo(10 * Rig.MIB);
        holder.say("more 1");
        assertThat(holder.await("held")).startsWith("held=10 refused=2");
    }

    private long ttl(String session) {
        return rig.inspect(session).path("ttl_left_seconds").asLong(-1);
    }

    @Test
    void aRunningSessionsLimitGoesUpAndDown() {
        rig.daemon();
        String id = rig.create("64MB", "--name", "elastic");
        Guest holder = rig.in("elastic", "holder", "--count", 100);
        holder.await("ready held=64 refused=2");

        rig.run("update", "elastic", "--limit", "80MB").ok();
        holder.say("more 100");
        assertThat(holder.await("held")).startsWith("held=80 refused=2");

        // Below what is held: nothing is taken away, and nothing more is given.
        JsonNode lowered = rig.web()
                .call("PATCH", "/sessions/" + id, "{\"limit\": \"32MB\"}")
                .with(200)
                .json();
        assertThat(lowered.path("devices").path(0).path("limit_bytes").asLong()).isEqualTo(32 * Rig.MIB);
        assertThat(rig.used(id)).isEqualTo(80 * Rig.MIB).isEqualTo(rig.heldOnCard());
        holder.say("less 40");
        holder.await("held=40");
        holder.say("more 1");
        assertThat(holder.await("held")).as("its own credit is above the limit").startsWith("held=40 refused=2");
        holder.say("less 20");
        holder.await("held=20");
        holder.say("more 100");
        assertThat(holder.await("held")).startsWith("held=32 refused=2");
        assertThat(rig.heldOnCard()).isEqualTo(32 * Rig.MIB);
    }

    @Test
    void aSessionEndsAfterItsProgramAndAKeptOneStays() {
        rig.with("GPUSLICE_SESSIONS_END_GRACE", "100ms").daemon();
        Object program = rig.tree.program("fill");
        rig.run("run", "--limit", "64MB", "--name", "gone", "--", program).ok();
        rig.run("run", "--limit", "64MB", "--name", "kept", "--keep", "--", program)
                .ok();

        Rig.eventually(() -> !rig.run("ps").ok().out().contains("gone"));
        JsonNode kept = rig.inspect("kept");
        assertThat(kept.path("state").asText()).isEqualTo("ACTIVE");
        assertThat(kept.path("charge_bytes").asLong()).isZero();
        assertThat(rig.in("kept", "fill").finish().output()).contains("held=64 refused=2");
        rig.run("rm", "kept").ok();
    }

    @Test
    void aLeaderThatBecomesADaemonKeepsItsSessionUntilTheDaemonEnds() {
        rig.with("GPUSLICE_SESSIONS_END_GRACE", "100ms").daemon();
        // The shell stays, because Java would close the daemon's standard input when the leader has ended.
        String shell = "\"$0\" \"$@\"; echo left=$?; exec cat > /dev/null";
        String daemonize = "echo daemon=$$; exec \"$0\" --count 8";
        Guest outer = rig.start(
                Stream.of(
                                "/bin/sh",
                                "-c",
                                shell,
                                rig.tree.bin("gpuslice"),
                                "run",
                                "--limit",
                                "64MB",
                                "--name",
                                "server",
                                "--",
                                "/usr/bin/setsid",
                                "--fork",
                                "/usr/bin/setsid",
                                "--fork",
                                "/bin/sh",
                                "-c",
                                daemonize,
                                rig.tree.program("holder"))
                        .map(Object::toString)
                        .toList(),
                rig.environment());
        long daemonized = Guest.number(outer.await("daemon"), "daemon");
        outer.await("ready held=8");
        Rig.eventually(() -> leader("server").isEmpty());

        JsonNode alive = rig.inspect("server");
        assertThat(alive.path("state").asText()).isEqualTo("ACTIVE");
        assertThat(alive.path("used_bytes").asLong()).isEqualTo(8 * Rig.MIB);
        assertThat(alive.path("processes").path(0).path("pid").asLong()).isEqualTo(daemonized);
        assertThat(rig.run("rm", "server").code()).as("it is in use").isEqualTo(1);

        ProcessHandle.of(daemonized).orElseThrow().destroyForcibly();
        Rig.eventually(() -> rig.run("ps", "-q").ok().out().isBlank());
        assertThat(rig.heldOnCard()).isZero();
    }

    /** The process that the session was opened for, if it lives. */
    private Optional<ProcessHandle> leader(String session) {
        return ProcessHandle.of(rig.inspect(session).path("leader").path("pid").asLong())
                .filter(ProcessHandle::isAlive);
    }

    @Test
    void aDaemonThatIsToldToStopLeavesGuestsAtWorkAndTheNextOneTakesThemOver() {
        Guest daemon = rig.daemon();
        Guest holder = rig.gpuslice(
                "run", "--limit", "64MB", "--ttl", "1h", "--name", "works", "--", rig.tree.program("holder"));
        holder.await("ready held=64");
        holder.say("less 34");
        holder.await("held=30");
        String id = rig.inspect("works").path("id").asText();

        daemon.signal("TERM");
        assertThat(daemon.exitCode()).as(daemon.errors()).isIn(0, 143);
        for (int round = 0; round < 5; round++) {
            holder.say("less 10");
            holder.await("held=20 refused=0");
            holder.say("more 10");
            holder.await("held=30 refused=0");
        }
        rig.daemon();

        JsonNode again = rig.inspect("works");
        assertThat(again.path("id").asText()).isEqualTo(id);
        assertThat(again.path("used_bytes").asLong()).isEqualTo(30 * Rig.MIB).isEqualTo(rig.heldOnCard());
        assertThat(again.path("processes").path(0).path("pid").asLong()).isEqualTo(holder.pid());
        assertThat(ttl("works")).isBetween(3000L, 3600L);
        rig.run("update", "works", "--limit", "72MB").ok();
        holder.say("more 100");
        assertThat(holder.await("held")).startsWith("held=72 refused=2");
    }

    @Test
    void createPrintsTheIdAloneAndPsShowsTheNumbers() {
        rig.daemon();
        String id = rig.create("64MB", "--name", "numbers");
        assertThat(id).matches("[0-9a-f]{16}");
        rig.in(id, "holder", "--count", 16).await("ready held=16");

        JsonNode listed = Rig.json(rig.run("ps", "--format", "json").ok().out());
        JsonNode one = listed.path(0);
        assertThat(one.path("limit_bytes").asLong())
                .as("64 MiB on each of the two devices")
                .isEqualTo(128 * Rig.MIB);
        assertThat(one.path("devices").path(0).path("limit_bytes").asLong()).isEqualTo(64 * Rig.MIB);
        assertThat(one.path("used_bytes").asLong()).isEqualTo(16 * Rig.MIB);
        assertThat(one.path("charge_bytes").asLong()).isBetween(16 * Rig.MIB, 64 * Rig.MIB);
        assertThat(one.path("devices").path(0).path("used_bytes").asLong()).isEqualTo(16 * Rig.MIB);
        assertThat(rig.run("ps").ok().out()).contains("numbers", "2 × 64.0 MiB", "16.0 MiB");
        assertThat(rig.run("ps", "-q").ok().out().strip()).isEqualTo(id);
    }

    @Test
    void limitsPerDeviceAreKeptApart() {
        rig.daemon();
        String id = rig.create("0=64MB,1=32MB");

        assertThat(rig.in(id, "fill").finish().output()).contains("held=64 refused=2");
        rig.with("CUDA_VISIBLE_DEVICES", "1");
        assertThat(rig.in(id, "fill").finish().output())
                .as("device 1 is the program's device 0")
                .contains("held=32 refused=2");
    }

    @Test
    void withNoDaemonRunStartsTheUsersOwnOnceForAll() {
        List<Guest> guests = List.of(rig.under("64MB", "fill", "--hold"), rig.under("32MB", "fill", "--hold"));
        assertThat(guests.get(0).await("held")).startsWith("held=64 refused=2");
        assertThat(guests.get(1).await("held")).startsWith("held=32 refused=2");

        assertThat(rig.run("ps", "-q").ok().out().lines())
                .as("sessions of one daemon")
                .hasSize(2);
    }

    @Test
    void aTreeAtAPathWithSpacesLimitsToo() throws IOException, InterruptedException {
        Path copy = rig.dir.resolve("a tree with blanks");
        Files.createDirectory(copy);
        assertThat(new ProcessBuilder("cp", "-r", rig.tree.product().toString(), copy.toString())
                        .start()
                        .waitFor())
                .isZero();
        Path gpuslice = copy.resolve("gpuslice/bin/gpuslice");
        Guest guest = rig.start(
                List.of(
                        gpuslice.toString(),
                        "run",
                        "--limit",
                        "64MB",
                        "--",
                        rig.tree.program("fill").toString()),
                rig.environment());

        assertThat(guest.finish().output()).as(guest.errors()).contains("held=64 refused=2");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whatever way a process goes, its memory is back, exactly once. */
class GuestDeathTest {
    @AutoClose
    private final Rig rig = Rig.idle().with("GPUSLICE_SESSIONS_END_GRACE", "100ms");

    @BeforeEach
    void start() {
        rig.daemon();
    }

    @Test
    void aHundredKillsAtRandomMomentsLeaveNothingBehind() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Rig.Opened opened = rig.open("64MB");
        String session = opened.id();
        for (int round = 0; round < 10; round++) {
            int number = round;
            List<Guest> guests = IntStream.range(0, 10)
                    .mapToObj(i -> rig.in(opened, "churn", "--seed", number * 10 + i, "--threads", 1 + i % 3))
                    .toList();
            guests.forEach(guest -> guest.await("ready first=0"));
            for (Guest guest : guests) {
                // The moment is what is random here, not something waited for.
                LockSupport.parkNanos(random.nextInt(3_000_000));
                guest.kill();
            }
            guests.forEach(
                    guest -> assertThat(guest.exitCode()).as("seed %d", seed).isEqualTo(137));
        }
        Rig.eventually(() -> rig.charge(session) == 0);
        assertThat(rig.used(session)).isZero();
        assertThat(rig.heldOnCard()).as("the simulated card's own books").isZero();
        assertThat(rig.in(session, "fill").finish().output())
                .as("seed %d", seed)
                .contains("held=64 refused=2");
    }

    @Test
    void aKilledHoldersMemoryIsUsableByItsSibling() {
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 64);
        holder.await("ready held=64");
        Guest waiting = rig.in(session, "await", "64M");
        waiting.await("waiting refused=2");

        holder.kill();

        waiting.await("got");
        assertThat(rig.used(session)).isEqualTo(64 * Rig.MIB);
    }

    @Test
    void forkedChildrenAreMembersOfTheirOwnAndAnOpenSocketKeepsNothingAlive() {
        String session = rig.create("64MB");
        // A shell between us and the guest: Java would close the children's standard input when the guest dies.
        String shell = "exec 3<&0; \"$0\" \"$@\" <&3 3<&- & echo leader=$!; exec cat >/dev/null";
        Guest forker = rig.start(
                Stream.of(
                                "/bin/sh",
                                "-c",
                                shell,
                                rig.tree.bin("gpuslice"),
                                "exec",
                                session,
                                "--",
                                rig.tree.program("forker"),
                                "--children",
                                3,
                                "--each",
                                8)
                        .map(Object::toString)
                        .toList(),
                rig.environment());
        long leader = Guest.number(forker.await("leader"), "leader");
        for (int i = 0; i < 3; i++) {
            assertThat(forker.await("child")).isEqualTo("child held=8 refused=0");
        }
        forker.await("ready held=8");
        Rig.eventually(() -> rig.used(session) == 32 * Rig.MIB);

        // The keeper child holds every descriptor of its parent, the socket among them.
        ProcessHandle.of(leader).orElseThrow().destroyForcibly();

        Rig.eventually(() -> rig.used(session) == 24 * Rig.MIB);
    }

    @Test
    void aSessionEndsWithItsProgram() {
        Guest guest = rig.gpuslice(
                "run", "--limit", "64MB", "--name", "short", "--", rig.tree.program("holder"), "--count", 8);
        guest.await("ready");
        assertThat(rig.inspect("short").path("state").asText()).isEqualTo("ACTIVE");

        guest.finish().exitCode();

        Rig.eventually(() -> rig.run("ps").out().lines().noneMatch(line -> line.contains("short")));
    }
}

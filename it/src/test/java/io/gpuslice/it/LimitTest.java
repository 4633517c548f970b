// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The limit holds, exactly, for every way a program links to CUDA and however many of them run at once. */
class LimitTest {
    @AutoClose
    private static final Rig rig = Rig.running();

    @ParameterizedTest
    @ValueSource(strings = {"fill", "fill-static-cudart", "fill-driver"})
    void aProgramGetsItsLimitIsRefusedWithCode2AndGoesOn(String program) {
        Guest guest =
                rig.under("128MB", program, "--free-some", 10, "--exit", 7).finish();

        assertThat(guest.exitCode()).as(guest.errors()).isEqualTo(7);
        assertThat(guest.output()).contains("held=128 refused=2", "again=128 refused=2", "freed");
    }

    @Test
    void aPythonProgramThatLoadsTheRuntimeByHandIsLimitedToo() {
        Guest guest = rig.gpuslice(
                        "run", "--limit", "128MB", "--", "python3", rig.tree.program("train.py"), "--exit", 3)
                .finish();

        assertThat(guest.exitCode()).as(guest.errors()).isEqualTo(3);
        assertThat(guest.output()).contains("held=128 refused=2", "again=128 refused=2");
    }

    @Test
    void theProgramSeesADeviceOfTheSizeOfItsLimit() {
        Guest guest = rig.under("128MB", "fill", "--max", 28).finish();

        assertThat(Guest.numbers(guest.await("held")))
                .containsEntry("total", 128 * Rig.MIB)
                .containsEntry("free", 100 * Rig.MIB)
                .containsEntry("info", 0L);
    }

    @Test
    void whatTheContextTakesIsChargedOnceWhereThatIsAskedFor() {
        Guest guest = rig.gpuslice(
                        "run",
                        "--limit",
                        "64MB",
                        "--count-context=16MB",
                        "--",
                        rig.tree.program("fill"),
                        "--free-some",
                        10)
                .finish();

        assertThat(guest.output()).contains("held=48 refused=2", "again=48 refused=2");
    }

    @Test
    void linearManagedAndPitchedMemoryAreAllCharged() {
        Guest guest = rig.under("64MB", "kinds");

        assertThat(guest.await("linear")).contains("held=64 refused=2");
        assertThat(guest.await("managed")).contains("held=64 refused=2");
        String pitched = guest.await("pitched");
        assertThat(Guest.number(pitched, "refused")).isEqualTo(2);
        // Charged by what was really given, pitch × height: the last block that fits may leave the bound's rest.
        long block = Guest.number(pitched, "pitch") * 1000;
        assertThat(Guest.number(pitched, "held")).isBetween(64 * Rig.MIB / block - 1, 64 * Rig.MIB / block);
    }

    @ParameterizedTest
    @ValueSource(strings = {"frees", "frees-driver"})
    void aFreeOfWhatIsNoBlockGetsTheDriversOwnAnswerAndChangesNothing(String program) {
        String session = rig.create("64MB");
        Guest limited = rig.in(session, program);
        Guest bare = rig.bare(program);
        assertThat(limited.await("ready")).isEqualTo(bare.await("ready")).isEqualTo("ready held=4 refused=0");

        for (String free : List.of("stranger", "inside", "last", "gone")) {
            limited.say(free);
            bare.say(free);

            String answer = limited.await("held");
            boolean block = free.equals("last");
            assertThat(Guest.number(answer, "code") == 0)
                    .as("%s: %s", free, answer)
                    .isEqualTo(block);
            assertThat(answer).as(free).isEqualTo(bare.await("held"));
            assertThat(rig.used(session)).as(free).isEqualTo(Guest.number(answer, "held") * Rig.MIB);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"frees", "frees-driver"})
    void aBlockThatTheDriverFailedToFreeStaysChargedAndCanBeFreedAgain(String program) {
        String session = rig.create("64MB");
        Guest guest =
                rig.gpuslice("exec", session, "--", "/usr/bin/env", "FAKECUDA_FAIL_FREE=1", rig.tree.program(program));
        guest.await("ready held=4");

        guest.say("last");
        assertThat(guest.await("held")).as("the driver's own code").isEqualTo("held=4 code=999");
        assertThat(rig.used(session)).isEqualTo(4 * Rig.MIB);
        guest.say("last");
        assertThat(guest.await("held")).isEqualTo("held=3 code=0");

        assertThat(rig.used(session)).isEqualTo(3 * Rig.MIB);
        assertThat(rig.inspect(session).path("counters").path("frees").asLong()).isEqualTo(1);
        assertThat(rig.in(session, "fill").finish().output()).contains("held=61 refused=2");
    }

    @Test
    void sizesThatNoMachineHasAreRefusedAndLeaveNothingCharged() {
        String session = rig.create("64MB");
        Guest guest = rig.in(session, "kinds", "--overflow").finish();

        assertThat(guest.exitCode()).as(guest.errors()).isZero();
        assertThat(guest.output().lines()).hasSize(6).allMatch(line -> line.matches(".* refused=[12]"));
        assertThat(guest.output()).doesNotContain("refused=0");
        Rig.eventually(() -> rig.used(session) == 0);
    }

    @RepeatedTest(5)
    void eightThreadsHammeringHoldExactlyTheLimit() {
        Rig.Opened opened = rig.open("64MB");
        String session = opened.id();
        Guest guest = rig.in(opened, "hammer", "--threads", 8, "--rounds", 2000);

        assertThat(guest.await("held")).isEqualTo("held=64 refused=2 failed=0");
        assertThat(rig.used(session)).isEqualTo(64 * Rig.MIB);
        assertThat(guest.finish().exitCode()).isZero();
        rig.run("rm", session).ok();
    }

    @RepeatedTest(5)
    void fourProcessesOfOneSessionHammeringHoldExactlyTheLimit() {
        Rig.Opened opened = rig.open("64MB");
        String session = opened.id();
        List<Guest> guests = IntStream.range(0, 4)
                .mapToObj(i -> rig.in(opened, "hammer", "--threads", 2, "--rounds", 2000))
                .toList();

        long held = guests.stream()
                .mapToLong(guest -> Guest.number(guest.await("held"), "held"))
                .sum();
        // A process that was refused while another still held more may have stopped early: what is left is for whoever
        // asks.
        Guest rest = rig.in(session, "fill", "--hold");
        held += Guest.number(rest.await("held"), "held");

        assertThat(held).isEqualTo(64);
        assertThat(rig.used(session)).isEqualTo(64 * Rig.MIB);
        Stream.concat(guests.stream(), Stream.of(rest))
                .forEach(guest -> assertThat(guest.finish().exitCode()).isZero());
        Rig.eventually(() -> rig.charge(session) == 0);
    }

    @Test
    void twoSessionsCannotTouchEachOthersLimit() {
        Guest first = rig.under("128MB", "fill", "--hold");
        assertThat(first.await("held")).startsWith("held=128 refused=2");
        Guest second = rig.under("64MB", "fill", "--hold");
        assertThat(second.await("held")).startsWith("held=64 refused=2");

        assertThat(first.finish().exitCode()).isZero();
        assertThat(second.finish().exitCode()).isZero();
    }

    @Test
    void creditOfAnIdleSiblingIsCollectedBeforeAnythingIsRefused() {
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 64);
        holder.await("ready held=64");
        holder.say("less 40");
        holder.await("held=24");

        Guest sibling = rig.in(session, "fill").finish();
        assertThat(sibling.output()).contains("held=40 refused=2");

        holder.say("more 100");
        assertThat(holder.await("held")).startsWith("held=64 refused=2");
    }

    @Test
    void firstCallsOnSmallStacksInConstructorsAndInDestructorsWork() {
        Guest small = rig.under("16MB", "small_stack").finish();
        assertThat(small.output()).isEqualTo("held=16 refused=2\nheld=16 refused=2");

        Guest constructor = rig.under("16MB", "ctor").finish();
        assertThat(constructor.output()).isEqualTo("constructed=0\nmain\ndestructed=0");
        assertThat(constructor.exitCode()).isZero();
    }

    @Test
    void withoutASessionTheLibraryForwardsEverythingAndConnectsNowhere() {
        Map<String, String> environment = rig.environment();
        environment.put("LD_PRELOAD", rig.library().toString());
        environment.put("GPUSLICE_IPC_SOCK", "/nonexistent");
        Guest guest = rig.start(
                        List.of(rig.tree.program("fill").toString(), "--max", "300", "--free-some", "3"), environment)
                .finish();

        assertThat(guest.output()).contains("held=300 refused=0", "again=300 refused=0");
        assertThat(guest.errors()).isEmpty();
    }
}

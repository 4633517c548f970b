// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A limited program is the program that it would be without a limit, whatever it does to itself. Hazards that are tried elsewhere:
 *
 * <ul>
 *   <li>a late reply, a daemon that dies in the midst (SIGPIPE), a guest that closes our descriptors: {@link DaemonDeathTest}
 *   <li>an exec, a child that keeps the socket open, a kill at any moment: {@link ExecTest}, {@link GuestDeathTest}
 *   <li>calls before our constructor and after our destructor, small stacks, pointers that are nobody's: {@link LimitTest}
 *   <li>look-ups by RTLD_NEXT, RTLD_DEEPBIND, a driver that is closed, ABIs by version and flags: {@link ReachTest}
 *   <li>devices by number, no current context: {@link DevicesTest}; NULL arguments: {@link OneNumberTest}
 *   <li>a forked child's frames, replies out of sequence, a table that fills up, sums that would wrap: the interposer's own tests
 *       (transport_test.c, table_test.c, accounting_test.c)
 * </ul>
 */
class RobustGuestTest {
    @AutoClose
    private static final Rig rig = Rig.idle();

    private static final Guest daemon = rig.daemon();

    // --- what lies around a call

    @Test
    void errnoUmaskSignalsDlerrorAndCancellationAreLeftAlone() {
        Guest guest = rig.under("16MB", "manners").finish();

        assertThat(guest.exitCode()).as(guest.errors()).isZero();
        assertThat(guest.output().lines())
                .as("and nothing else is on stdout")
                .containsExactly(
                        "errno=ok",
                        "dlerror=ok",
                        "umask=ok",
                        "signals=ok",
                        "mask=ok",
                        "cancel=ok",
                        "folder=ok",
                        "environment=ok",
                        "done refused=2");
    }

    @Test
    void evenToldToTalkItIsQuietOnStdout() {
        Map<String, String> environment = member("16MB");
        environment.put("GPUSLICE_DEBUG", "2");

        Guest guest = rig.start(List.of(rig.tree.program("fill").toString()), environment)
                .finish();

        assertThat(guest.output().lines())
                .hasSize(3)
                .allMatch(line -> line.matches("(held|again)=16 refused=2.*|freed"));
        assertThat(guest.errors()).contains("gpuslice");
    }

    private static String python(String script) {
        return rig.gpuslice("run", "--limit", "16MB", "--", "python3", "-c", script)
                .finish()
                .output();
    }

    @Test
    void aLookUpOfWhatIsNotThereSaysSoInTheDriversOwnWords() {
        String script = """
                import ctypes
                for library, name in ("libcuda.so.1", "cuNoSuchThing"), ("libcuda.so.1", "cuMemAlloc_v9"), \
                        ("libnvidia-ml.so.1", "nvmlNoSuchThing"):
                    try:
                        getattr(ctypes.CDLL(library), name)
                    except AttributeError as e:
                        print(e)
                """;
        String bare = rig.start(List.of("python3", "-c", script), rig.environment())
                .finish()
                .output();

        assertThat(bare.lines()).hasSize(3).allMatch(line -> line.contains("undefined symbol"));
        assertThat(python(script)).isEqualTo(bare);
    }

    @Test
    void withoutADriverOurFunctionsFailAndDoNotCrash() {
        String called = python("""
                import ctypes
                us = ctypes.CDLL(None)
                block = ctypes.c_ulonglong()
                print(us.cuMemAlloc_v2(ctypes.byref(block), ctypes.c_size_t(1)), us.cuMemFree_v2(block), us.cuMemGetInfo_v2(None, None))
                """);

        assertThat(called).as("not initialized").isEqualTo("3 3 3");
    }

    @Test
    void aDriverThatLooksItsOwnFunctionsUpGetsItsOwn() {
        Guest guest = rig.gpuslice(
                "run",
                "--limit",
                "16MB",
                "--",
                "/usr/bin/env",
                "LD_LIBRARY_PATH=" + rig.tree.program("tomorrow"),
                "GUEST_DRIVER=" + rig.tree.fakecuda().resolve("libcuda.so.1"),
                rig.tree.program("families-driver"),
                "managed");

        assertThat(guest.await("held")).as("charged once").startsWith("held=16 refused=2");
        assertThat(guest.await("again")).isEqualTo("again=16 refused=2");
        guest.say("free");
        assertThat(guest.await("freed")).isEqualTo("freed code=0");
    }

    // --- threads, signals, forks

    @Test
    void aStormOfSignalsRefusesNothing() {
        String session = rig.create("16MB", "--strict");

        String said = rig.in(session, "interrupted", "--rounds", 2000).await("interrupted");

        assertThat(said).endsWith("refused=0 failed=0");
        assertThat(Guest.number(said, "interrupted")).isPositive();
        assertThat(rig.used(session)).isZero();
    }

    @Test
    void aThreadThatIsCancelledInARequestLeavesNoLockBehind() {
        String session = rig.create("16MB", "--strict");
        Guest guest = rig.in(session, "cancelled");
        guest.await("ready");

        daemon.freeze(); // so that the thread is in its request when it is cancelled
        guest.say("go");
        guest.await("cancelling");
        daemon.thaw();
        guest.await("ended");
        IntStream.range(0, 20).forEach(_ -> {
            guest.say("go");
            guest.await("ended");
        });

        guest.say("again");
        assertThat(guest.await("again")).isIn("again code=0", "again code=2");
        assertThat(rig.used(session)).isEqualTo(rig.heldOnCard()).isBetween(Rig.MIB, 16 * Rig.MIB);
        assertThat(guest.finish().exitCode()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"fork", "_Fork", "syscall", "clone", "vfork"})
    void aChildByAnyKindOfForkHasBooksOfItsOwn(String how) {
        String session = rig.create("8MB");
        Guest guest = rig.in(session, "forks", how);
        boolean isVfork = how.equals("vfork");
        List<String> lines = new ArrayList<>(guest.awaitAll("again"));
        if (isVfork && lines.stream().noneMatch(line -> line.startsWith("held=3"))) {
            lines.add(guest.await("held=3"));
        }

        assertThat(lines).contains("parent held=4", "again code=0");
        assertThat(lines).anyMatch(line -> line.startsWith(isVfork ? "held=3 refused=0" : "early held=3 code=0"));
        if (!isVfork) {
            assertThat(lines)
                    .as("CUDA does not survive a fork, and says so itself")
                    .contains("late alloc=3 free=3");
        }
        assertThat(rig.used(session)).isEqualTo(8 * Rig.MIB).isEqualTo(rig.heldOnCard());
        assertThat(guest.finish().output()).contains("freed failed=0");
        Rig.eventually(() -> rig.charge(session) == 0);
    }

    @Test
    void twentyProcessesThatStartTogetherDoNotWaitForEachOther() {
        String session = rig.create("20MB");
        List<String> twenty = List.of(
                "exec",
                session,
                "--",
                "/bin/sh",
                "-c",
                "exec 3<&0; for i in $(seq 20); do \"$0\" --max 1 --hold <&3 & done; wait",
                rig.tree.program("fill").toString());

        Guest guest = rig.gpuslice(twenty.toArray());

        IntStream.range(0, 20).forEach(_ -> assertThat(guest.await("held")).startsWith("held=1 refused=0"));
        Rig.eventually(() -> rig.used(session) == 20 * Rig.MIB);
        assertThat(guest.finish().exitCode()).as(guest.errors()).isZero();
    }

    // --- programs that have nothing to do with CUDA

    static Stream<Arguments> programsWithoutCuda() {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        // Itself, where the python3 on the path is a script that looks for it.
        String python = rig.start(List.of("python3", "-c", "import sys; print(sys.executable)"), rig.environment())
                .finish()
                .output();
        return Stream.of(
                Arguments.of(40, List.of("bash", "-c", "true")),
                Arguments.of(20, List.of(python, "-c", "pass")),
                Arguments.of(5, List.of(java, "-version")),
                Arguments.of(5, List.of("node", "-e", "0")),
                Arguments.of(10, List.of(rig.tree.program("tsan").toString(), "1", "/nowhere/no.so", "/bin/true")));
    }

    @ParameterizedTest
    @MethodSource("programsWithoutCuda")
    void aProgramWithoutCudaNeverConnects(int times, List<String> program) throws IOException {
        Assumptions.assumeTrue(isThere(program.getFirst()), program.getFirst() + " is not there");
        Needs.that(isThere("strace"), "strace is not installed: apt-get install strace");

        String calls = connectsOf(program);

        assertThat(calls).doesNotContain(rig.socket().toString()).contains("exited with 0");
        Guest cost = rig.start(
                Stream.concat(
                                Stream.of(
                                        rig.tree.program("spawns").toString(),
                                        Integer.toString(times),
                                        rig.library().toString()),
                                program.stream())
                        .toList(),
                member("16MB"));
        String medians = cost.finish().await("plain");
        System.out.printf(
                "preloading costs %s %.2f ms of %.2f ms%n",
                program.getFirst(),
                (Guest.number(medians, "preloaded") - Guest.number(medians, "plain")) / 1e6,
                Guest.number(medians, "plain") / 1e6);
    }

    @Test
    void aProgramWithCudaDoesConnect() throws IOException {
        Needs.that(isThere("strace"), "strace is not installed: apt-get install strace");

        assertThat(connectsOf(List.of(rig.tree.program("fill").toString())))
                .contains(rig.socket().toString());
    }

    private static String connectsOf(List<String> program) throws IOException {
        Path calls = Files.createTempFile(rig.dir, "strace", ".txt");
        List<?> command = Stream.of(
                        List.of("run", "--limit", "16MB", "--"),
                        List.of("strace", "-f", "-e", "trace=connect", "-o", calls),
                        program)
                .flatMap(List::stream)
                .toList();
        Guest guest = rig.gpuslice(command.toArray()).finish();
        assertThat(guest.exitCode()).as(guest.errors()).isZero();
        return Files.readString(calls);
    }

    private static boolean isThere(String program) {
        return Stream.of(System.getenv("PATH").split(":"))
                .map(folder -> Path.of(folder).resolve(program))
                .anyMatch(Files::isExecutable);
    }

    /** The environment of a program in a new session, but without the library. */
    private static Map<String, String> member(String limit) {
        String session = rig.create(limit);
        String token = rig.gpuslice("exec", session, "--", "/bin/sh", "-c", "echo $GPUSLICE_IPC_TOKEN")
                .output()
                .strip();
        return rig.environmentOf(session, token);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** `run` and `exec` as a shell sees them: the built launcher, real programs, and a scripted daemon. */
class LaunchTest extends LauncherFixture {
    private static Installation.Result run(String... command) throws IOException, InterruptedException {
        String[] all = new String[command.length + 4];
        System.arraycopy(new String[] {"run", "--limit", "1GB", "--"}, 0, all, 0, 4);
        System.arraycopy(command, 0, all, 4, command.length);
        return gpuslice.gpuslice(all);
    }

    @Test
    void theExitCodeIsThePrograms() throws Exception {
        assertThat(run("sh", "-c", "exit 7").status()).isEqualTo(7);
        assertThat(run("true").status()).isZero();
    }

    @Test
    void aProgramThatASignalEndsEndsSo() throws Exception {
        assertThat(run("sh", "-c", "kill -TERM $$").status()).isEqualTo(128 + 15);
        assertThat(run("sh", "-c", "kill -KILL $$").status()).isEqualTo(128 + 9);
    }

    @Test
    void itBecomesTheProgram() throws Exception {
        Installation.Result result = gpuslice.shell("echo $$; exec \"$G\" run --limit 1GB -- sh -c 'echo $$'");
        assertThat(result.text().lines().distinct()).hasSize(1);
        assertThat(result.text().lines()).hasSize(2);
    }

    @Test
    void stdinAndStdoutAreThePrograms() throws Exception {
        assertThat(gpuslice.gpuslice("hello", new String[] {"run", "--limit", "1GB", "--", "cat"})
                        .text())
                .isEqualTo("hello");
    }

    @Test
    void whatWasAskedForReachesTheDaemon() throws Exception {
        gpuslice.environment.put("GPUSLICE_IPC_TOKEN", "secret");
        String[] command = {
            "run", "--limit", "0=8GB,1=50%", "--name", "train", "--ttl", "2h", "--strict", "--keep", "true"
        };
        assertThat(gpuslice.gpuslice(command).status()).isZero();
        assertThat(daemon.asked(Frame.Open.class))
                .containsExactly(
                        new Frame.Open("secret", "0=8GB,1=50%", "train", 7200, Abi.FLAG_STRICT | Abi.FLAG_KEEP));
    }

    @Test
    void contextsAreCountedAsTheProgramsEnvironmentThenSays() throws Exception {
        String[] measured = {"run", "--limit", "1GB", "--count-context", "printenv", "GPUSLICE_COUNT_CONTEXT"};
        assertThat(gpuslice.gpuslice(measured).text()).isEqualTo("measured\n");
        String[] given = {"run", "--count-context=512MB", "--limit", "1GB", "--", "printenv", "GPUSLICE_COUNT_CONTEXT"};
        assertThat(gpuslice.gpuslice(given).text()).isEqualTo("536870912\n");
        String[] joined = {"exec", "--count-context=1G", FakeDaemon.ID, "printenv", "GPUSLICE_COUNT_CONTEXT"};
        assertThat(gpuslice.gpuslice(joined).text()).isEqualTo("1073741824\n");
        assertThat(run("printenv", "GPUSLICE_COUNT_CONTEXT").text()).isEmpty();

        gpuslice.environment.put("GPUSLICE_COUNT_CONTEXT", "measured");
        assertThat(run("printenv", "GPUSLICE_COUNT_CONTEXT").text()).isEqualTo("measured\n");
        assertThat(gpuslice.gpuslice(given).text()).isEqualTo("536870912\n");
    }

    @Test
    void aVariableThatIsMisspeltIsNamedWithTheOneThatWasMeant() throws Exception {
        gpuslice.environment.put("GPUSLICE_IPC_WIAT", "1m");
        String said = "gpuslice: GPUSLICE_IPC_WIAT is set, and nothing reads it; did you mean GPUSLICE_IPC_WAIT?";
        Installation.Result result = run("true");
        assertThat(result.status()).isZero();
        assertThat(result.err()).contains(said);
        assertThat(gpuslice.gpuslice("exec", FakeDaemon.ID, "true").err()).contains(said);
        assertThat(gpuslice.gpuslice("run", "--quiet", "--limit", "1GB", "true").err())
                .isEmpty();
    }

    @Test
    void aContextsSizeThatIsNoneIsRefusedBeforeASessionIsOpened() throws Exception {
        Installation.Result result = gpuslice.gpuslice("run", "--limit", "1GB", "--count-context=much", "--", "true");
        assertThat(result.status()).isEqualTo(125);
        assertThat(result.err())
                .contains("--count-context: size \"much\" is not a size")
                .contains("what a context takes is measured");
        assertThat(daemon.asked(Frame.Open.class)).isEmpty();
    }

    @Test
    void theEnvironmentIsHandedOnByteForByte() throws Exception {
        Installation.Result result = gpuslice.shell("""
                odd=$(printf 'V=\\377\\201')
                exec env -i Z=1 'A.B=2' 'BASH_FUNC_module%%=() { :; }' "$odd" EMPTY= JAVA_TOOL_OPTIONS=-Dx=y LC_ALL=de_DE \\
                    LD_LIBRARY_PATH=/nowhere GPUSLICE_IPC_SOCK="$GPUSLICE_IPC_SOCK" GPUSLICE_IPC_TOKEN=secret \\
                    "$G" run --limit 1GB -- /usr/bin/env -0
                """);
        String expected = String.join(
                "\0",
                "Z=1",
                "A.B=2",
                "BASH_FUNC_module%%=() { :; }",
                "V=\u00ff\u0081",
                "EMPTY=",
                "JAVA_TOOL_OPTIONS=-Dx=y",
                "LC_ALL=de_DE",
                "LD_LIBRARY_PATH=/nowhere",
                "GPUSLICE_SESSION=" + FakeDaemon.ID,
                "GPUSLICE_IPC_SOCK=" + daemon.socket,
                "GPUSLICE_IPC_TOKEN=" + FakeDaemon.TOKEN,
                "LD_PRELOAD=" + gpuslice.home.resolve("lib/libgpuslice.so"),
                "");
        assertThat(result.bytes()).isEqualTo(expected);
        assertThat(result.err()).isEmpty();
    }

    @Test
    void argumentsAreHandedOnByteForByte() throws Exception {
        Installation.Result result = gpuslice.shell("""
                exec "$G" run --limit 1GB -- sh -c 'cat /proc/$$/cmdline; exit 3' n "$(printf '\\377\\201')" '' 'a b' -- --limit @x
                """);
        assertThat(result.bytes())
                .isEqualTo("sh\0-c\0cat /proc/$$/cmdline; exit 3\0n\0\u00ff\u0081\0\0a b\0--\0--limit\0@x\0");
        assertThat(result.status()).isEqualTo(3);
    }

    @Test
    void ourLibraryStandsInFrontOfTheUsersAndOnce() throws Exception {
        Path theirs = Files.copy(Installation.aLibrary(), here.resolve("theirs.so"));
        Path ours = gpuslice.home.resolve("lib/libgpuslice.so");
        gpuslice.environment.put("LD_PRELOAD", theirs + " " + ours);
        assertThat(run("sh", "-c", "echo $LD_PRELOAD").text()).isEqualTo(ours + ":" + theirs + "\n");
        assertThat(run("cat", "/proc/self/maps").text()).contains(ours.toString(), theirs.toString());
    }

    @Test
    void anInstallationAtAPathWithBlanksPreloadsByAnotherName() throws Exception {
        Installation blank = Installation.at(here.resolve("a tree"));
        blank.environment.putAll(gpuslice.environment);
        for (int i = 0; i < 2; i++) {
            Installation.Result result = blank.gpuslice("run", "--limit", "1GB", "--", "cat", "/proc/self/maps");
            assertThat(result.text()).contains(here + "/a tree/lib/libgpuslice.so");
            assertThat(result.err()).isEmpty();
        }
        assertThat(blank.gpuslice("run", "--limit", "1GB", "--", "sh", "-c", "echo $LD_PRELOAD")
                        .text())
                .startsWith(here + "/gpuslice/lib/libgpuslice-")
                .doesNotContain(" ");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(here.resolve("gpuslice/lib"))))
                .isEqualTo("rwx------");
    }

    @Test
    void aChosenGpuThatTheLimitLeavesNothingOnIsWarnedOf() throws Exception {
        daemon.bodies.put(
                "GET /devices",
                "{\"status\":200,\"body\":{\"devices\":[{\"index\":0,\"uuid\":\"GPU-aa\"},{\"index\":1,\"uuid\":\"GPU-bb\"}]}}");
        String[] run = {"run", "--limit", "0=1GB", "--gpus", "0,1", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES"};
        Installation.Result partly = gpuslice.gpuslice(run);
        assertThat(partly.text()).isEqualTo("GPU-aa,GPU-bb\n");
        assertThat(partly.err())
                .isEqualTo("gpuslice: --gpus shows device 1 (GPU-bb), and the limit of 0=1GB leaves nothing there: "
                        + "every allocation on it will be refused\n");
        for (String limit : List.of("1GB", "0=1GB,GPU-b=1GB", "1GB,0=2GB")) {
            run[2] = limit;
            assertThat(gpuslice.gpuslice(run).err()).as(limit).isEmpty();
        }
        daemon.bodies.put("GET /sessions/" + FakeDaemon.ID, "{\"status\":200,\"body\":{\"limit\":\"1=1GB\"}}");
        assertThat(gpuslice.gpuslice("exec", "--gpus", "0", "train", "true").err())
                .contains("device 0 (GPU-aa), and the limit of 1=1GB leaves nothing there");
        assertThat(gpuslice.gpuslice("exec", "-q", "--gpus", "0", "train", "true")
                        .err())
                .isEmpty();
    }

    @Test
    void aProgramThatIsNotThereIs127AndOpensNoSession() throws Exception {
        Installation.Result result = run("no-such-program");
        assertThat(result.status()).isEqualTo(127);
        assertThat(result.err()).contains("no-such-program").contains("PATH (/usr/bin:/bin)");
        assertThat(run("/no/such").status()).isEqualTo(127);
        assertThat(run("").status()).isEqualTo(127);
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void aFileThatMayNotBeExecutedIs126() throws Exception {
        Path file = Files.writeString(here.resolve("data"), "x");
        assertThat(run(file.toString()).status()).isEqualTo(126);
        assertThat(run(here.toString()).status()).isEqualTo(126);
        Path noInterpreter = script("#!/no/such/interpreter\n");
        assertThat(run(noInterpreter.toString()).status()).isEqualTo(126);
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void aScriptRunsByItsInterpreterOrWithoutOneByTheShell() throws Exception {
        assertThat(run(script("#!/bin/sh\necho \"$0\" \"$@\"; exit 4\n").toString(), "x")
                        .status())
                .isEqualTo(4);
        Path plain = script("echo \"$0 $1\"; exit 5\n");
        Installation.Result result = run(plain.toString(), "x");
        assertThat(result.text()).isEqualTo(plain + " x\n");
        assertThat(result.status()).isEqualTo(5);
    }

    @Test
    void aStaticProgramIsRefusedWithTheReasonAndForcedRunsUnenforced() throws Exception {
        Path source = Files.writeString(here.resolve("static.c"), "int main(void) { return 9; }\n");
        Path program = here.resolve("static");
        assertThat(Installation.capture(
                                new ProcessBuilder("gcc", "-static", "-o", program.toString(), source.toString()), "")
                        .status())
                .isZero();
        Installation.Result refused = run(program.toString());
        assertThat(refused.status()).isEqualTo(125);
        assertThat(refused.err()).contains("statically linked").contains("--force");
        assertThat(daemon.asked).isEmpty();
        Installation.Result forced = gpuslice.gpuslice("run", "--limit", "1GB", "--force", program.toString());
        assertThat(forced.status()).isEqualTo(9);
        assertThat(forced.err()).contains("UNENFORCED").contains("statically linked");
    }

    @Test
    void aSetuidProgramIsRefusedWithTheReason() throws Exception {
        Path program = Files.copy(Path.of("/bin/true").toRealPath(), here.resolve("setuid"));
        assertThat(Installation.capture(new ProcessBuilder("chmod", "4755", program.toString()), "")
                        .status())
                .isZero();
        Installation.Result refused = run(program.toString());
        assertThat(refused.status()).isEqualTo(125);
        assertThat(refused.err()).contains("setuid");
    }

    @Test
    void aMissingLibraryIsRefused() throws Exception {
        Installation broken = Installation.at(here.resolve("broken"));
        broken.environment.putAll(gpuslice.environment);
        Files.delete(broken.home.resolve("lib/libgpuslice.so"));
        Installation.Result refused = broken.gpuslice("run", "--limit", "1GB", "true");
        assertThat(refused.status()).isEqualTo(125);
        assertThat(refused.err()).contains("lib/libgpuslice.so, is missing");
        assertThat(broken.gpuslice("run", "--limit", "1GB", "--force", "sh", "-c", "exit 3$LD_PRELOAD")
                        .status())
                .isEqualTo(3);
    }

    @Test
    void insideASessionAnotherOneIsRefusedUnlessOutside() throws Exception {
        gpuslice.environment.put("GPUSLICE_SESSION", "fedcba9876543210");
        gpuslice.environment.put("GPUSLICE_IPC_TOKEN", "the session's own");
        Installation.Result refused = run("true");
        assertThat(refused.status()).isEqualTo(125);
        assertThat(refused.err()).contains("inside session fedcba9876543210").contains("--outside");
        assertThat(daemon.asked).isEmpty();
        Installation.Result allowed =
                gpuslice.gpuslice("run", "--limit", "1GB", "--outside", "sh", "-c", "echo $GPUSLICE_SESSION");
        assertThat(allowed.text()).isEqualTo(FakeDaemon.ID + "\n");
        // The session's token is no operator's.
        assertThat(daemon.asked(Frame.Open.class).getFirst().token()).isEmpty();
    }

    @Test
    void badOptionsAre125AndOpenNoSession() throws Exception {
        assertThat(gpuslice.gpuslice("run", "true").err())
                .contains("no limit given")
                .contains("--limit 8GB");
        assertThat(gpuslice.gpuslice("run", "--limit", "512", "true").err()).contains("below 1 MiB");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "--ttl", "soon", "true")
                        .err())
                .contains("1h30m");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "--name", "n".repeat(64), "true")
                        .err())
                .contains("64 bytes");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB").err()).contains("missing: CMD");
        assertThat(gpuslice.gpuslice("run", "--limti", "1GB", "true").err()).contains("did you mean --limit?");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB").status()).isEqualTo(125);
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void theDaemonsRefusalIsSaidAndIs125() throws Exception {
        daemon.refuse(ErrorCode.UNAUTHENTICATED, "the operator's token is missing: set GPUSLICE_IPC_TOKEN");
        Installation.Result refused = run("true");
        assertThat(refused.status()).isEqualTo(125);
        assertThat(refused.err()).contains("the operator's token is missing").contains("UNAUTHENTICATED");
    }

    @Test
    void theDaemonsWarningGoesToStderrUnlessQuiet() throws Exception {
        daemon.answers = (_, seq) -> FrameCodec.encode(
                new Frame.Opened(FakeDaemon.ID, FakeDaemon.TOKEN, "the limit is above the device"), seq);
        assertThat(run("true").err()).isEqualTo("gpuslice: the limit is above the device\n");
        assertThat(gpuslice.gpuslice("run", "-q", "--limit", "1GB", "true").err())
                .isEmpty();
    }

    @Test
    void gpusAreHandedOnAsUuids() throws Exception {
        daemon.bodies.put(
                "GET /devices",
                "{\"status\":200,\"body\":{\"devices\":[{\"index\":0,\"uuid\":\"GPU-aa\"},{\"index\":1,\"uuid\":\"GPU-bb\"}]}}");
        String[] shown = {"run", "--limit", "1GB", "--gpus", "1,GPU-a", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES"};
        assertThat(gpuslice.gpuslice(shown).text()).isEqualTo("GPU-bb,GPU-aa\n");
        Installation.Result refused = gpuslice.gpuslice("run", "--limit", "1GB", "--gpus", "7", "true");
        assertThat(refused.status()).isEqualTo(125);
        assertThat(refused.err()).contains("\"7\" is not here").contains("GPU-bb");
        assertThat(daemon.asked(Frame.Open.class)).hasSize(1);
    }

    @Test
    void execJoinsASessionAndBecomesTheProgram() throws Exception {
        for (List<String> words : List.of(List.of("exec", "train", "--"), List.of("exec", "train"))) {
            String[] command = Stream.concat(words.stream(), Stream.of("sh", "-c", "echo $GPUSLICE_SESSION; exit 6"))
                    .toArray(String[]::new);
            Installation.Result result = gpuslice.gpuslice(command);
            assertThat(result.text()).isEqualTo(FakeDaemon.ID + "\n");
            assertThat(result.status()).isEqualTo(6);
        }
        assertThat(daemon.asked).containsOnly(new Frame.Join("", "train"));
    }

    @Test
    void execOfAnUnknownSessionIs125() throws Exception {
        Installation.Result result = gpuslice.gpuslice("exec", "nobody", "--", "true");
        assertThat(result.status()).isEqualTo(125);
        assertThat(result.err()).contains("no session is called nobody");
        assertThat(gpuslice.gpuslice("exec", "nobody").err()).contains("missing: CMD");
        assertThat(gpuslice.gpuslice("exec", "nobody", "--").err()).contains("no program given");
    }

    @Test
    void ignoredSignalsAndTheLimitOfDescriptorsAreHandedOn() throws Exception {
        Installation.Result result = gpuslice.shell("""
                ulimit -S -n 123; trap '' PIPE USR2 QUIT
                "$G" run --limit 1GB -- sh -c 'ulimit -S -n; grep -E "Sig(Ign|Blk)" /proc/self/status'
                ulimit -S -n; grep -E "Sig(Ign|Blk)" /proc/self/status
                """);
        List<String> lines = result.text().lines().toList();
        assertThat(lines).hasSize(6);
        assertThat(lines.subList(0, 2)).isEqualTo(lines.subList(3, 5));
        assertThat(lines.get(0)).isEqualTo("123");
        // Signals 32 and 33 are the C library's own: nobody can set them.
        long settable = ~(3L << 31);
        long ignored = signals(lines.get(2)) & settable;
        assertThat(ignored).isEqualTo(signals(lines.get(5)) & settable);
        assertThat(ignored & (1L << 12 | 1L << 11 | 1L << 2)).isEqualTo(1L << 12 | 1L << 11 | 1L << 2);
    }

    @Test
    void descriptorsThatWereHandedOnStayOpenAndOursDoNot() throws Exception {
        Installation.Result result = gpuslice.shell(
                "exec 7< /dev/null; exec \"$G\" run --limit 1GB -- sh -c 'for f in /proc/$$/fd/*; do readlink \"$f\"; done'");
        assertThat(result.text().lines().filter(line -> line.equals("/dev/null")))
                .isNotEmpty();
        assertThat(result.text())
                .doesNotContain(".jar")
                .doesNotContain("modules")
                .doesNotContain("socket");
    }

    @Test
    void streamsThatWereClosedAreClosedToTheProgram() throws Exception {
        Path seen = here.resolve("seen");
        gpuslice.shell("exec \"$G\" run --limit 1GB -- python3 -c 'import os, sys; open(sys.argv[1], \"w\").write("
                + "str([os.path.exists(\"/proc/self/fd/%d\" % fd) for fd in (0, 1, 2)]))' '" + seen + "' <&- >&- 2>&-");
        // The file itself takes the lowest number that is free, and the one that reads /proc/self/fd none.
        assertThat(Files.readString(seen)).isEqualTo("[True, False, False]");
        Installation.Result one = gpuslice.shell(
                "exec \"$G\" run --limit 1GB -- sh -c 'for f in /proc/$$/fd/*; do echo \"${f##*/} $(readlink \"$f\")\"; done' <&-");
        assertThat(one.text().lines())
                .noneMatch(line -> line.startsWith("0 /"))
                .anyMatch(line -> line.startsWith("1 "));
    }

    @Test
    void aScriptWhoseInterpreterIsMissingIsNamedWithItsFirstLine() throws Exception {
        Path script = script("#!/no/such/interpreter -x\necho\n");
        assertThat(run(script.toString()).err())
                .contains(script + " begins with #!/no/such/interpreter -x")
                .contains("No such file");
    }

    @Test
    void aLoopOfSymbolicLinksIsCalledThat() throws Exception {
        Path a = here.resolve("a");
        Files.createSymbolicLink(here.resolve("b"), a);
        Files.createSymbolicLink(a, here.resolve("b"));
        Installation.Result loop = run(a.toString());
        assertThat(loop.status()).isEqualTo(126);
        assertThat(loop.err()).contains("levels of symbolic links");
        Path dangling = Files.createSymbolicLink(here.resolve("dangling"), here.resolve("nothing"));
        assertThat(run(dangling.toString()).err()).contains("a symbolic link to nothing");
        assertThat(run(dangling.toString()).status()).isEqualTo(127);
    }

    private static long signals(String line) {
        return Long.parseUnsignedLong(line.substring(line.indexOf(':') + 1).strip(), 16);
    }

    private Path script(String text) throws IOException {
        Path script = Files.createTempFile(here, "script", "");
        Files.writeString(script, text);
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        return script;
    }
}

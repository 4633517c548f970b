// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code gpuslice run} becomes the program, or says why it will not. */
class LauncherTest {
    @AutoClose
    private static final Rig rig = Rig.running();

    private static Guest shell(String script) {
        return rig.gpuslice("run", "--limit", "64MB", "--", "/bin/sh", "-c", script);
    }

    @ParameterizedTest
    @CsvSource({"exit 0, 0", "exit 42, 42", "kill -TERM $$, 143", "kill -KILL $$, 137", "kill -QUIT $$, 131"})
    void theExitCodeIsTheProgramsOwn(String script, int code) {
        assertThat(shell(script).exitCode()).isEqualTo(code);
    }

    @Test
    void thePidIsTheProgramsOwnAndNothingLingers() {
        Guest guest = shell("echo pid=$$; read line");

        assertThat(Guest.numbers(guest.await("pid"))).containsEntry("pid", guest.pid());
        assertThat(ProcessHandle.of(guest.pid()).orElseThrow().children()).isEmpty();
        assertThat(guest.finish().exitCode()).isEqualTo(1);
    }

    @Test
    void signalsReachTheProgram() {
        Guest guest = shell("trap 'echo caught; exit 9' USR1; echo ready; while :; do sleep 0.01; done");
        guest.await("ready");

        guest.signal("USR1");

        guest.await("caught");
        assertThat(guest.exitCode()).isEqualTo(9);
    }

    @Test
    void standardInputAndOutputPassThrough() {
        Guest guest = rig.gpuslice("run", "--limit", "64MB", "--", "/bin/cat");
        guest.say("one");
        guest.await("one");
        guest.say("zwei ü");
        guest.await("zwei ü");
        assertThat(guest.finish().exitCode()).isZero();
        assertThat(guest.errors()).isEmpty();
    }

    @Test
    void signalMaskDescriptorLimitAndDispositionsAreTheShellsOwn() throws Exception {
        String script = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; ulimit -Sn; ulimit -Hn";
        Process plain = new ProcessBuilder("/bin/sh", "-c", script).start();
        String expected = new String(plain.getInputStream().readAllBytes(), UTF_8).strip();

        assertThat(withoutGlibcsOwn(shell(script).finish().output())).isEqualTo(withoutGlibcsOwn(expected));
    }

    /** Signals 32 and 33 belong to glibc's threads: no program can set them, and a JVM's child may find them ignored. */
    private static String withoutGlibcsOwn(String status) {
        return Pattern.compile("Sig(\\w+):\\s+([0-9a-f]{16})")
                .matcher(status)
                .replaceAll(match -> "Sig%s: %016x"
                        .formatted(match.group(1), Long.parseUnsignedLong(match.group(2), 16) & ~(3L << 31)));
    }

    @Test
    void argumentsAndEnvironmentArriveByteForByte() {
        Map<String, String> environment = rig.environment();
        environment.put("ODD", "a b\n\"c\" ü");
        Guest guest = rig.start(
                List.of(
                        "/bin/sh",
                        "-c",
                        "exec \"$0\" run --limit 64MB -- /usr/bin/env python3 -c \"$1\" '' 'a b' \"$(printf 'x\\377y')\" --limit",
                        rig.tree.bin("gpuslice").toString(),
                        "import os,sys; print([os.fsencode(a) for a in sys.argv[1:]], os.environb[b'ODD'])"),
                environment);

        assertThat(guest.output()).isEqualTo("[b'', b'a b', b'x\\xffy', b'--limit'] b'a b\\n\"c\" \\xc3\\xbc'");
    }

    @Test
    void theUsersOwnPreloadStaysBehindOurs() {
        Map<String, String> environment = rig.environment();
        environment.put("LD_PRELOAD", "libm.so.6");
        Guest guest = rig.start(
                List.of(
                        rig.tree.bin("gpuslice").toString(),
                        "run",
                        "--limit",
                        "64MB",
                        "--",
                        "/bin/sh",
                        "-c",
                        "echo \"$LD_PRELOAD\""),
                environment);

        assertThat(guest.output()).matches(".*/libgpuslice[^/:]*\\.so[: ]libm\\.so\\.6");
    }

    @Test
    void jobControlWorksOnATerminal() {
        Guest terminal = rig.start(
                        List.of(
                                "python3",
                                rig.tree
                                        .root()
                                        .resolve("it/src/test/resources/terminal.py")
                                        .toString(),
                                rig.tree.bin("gpuslice").toString()),
                        rig.environment())
                .finish();
        assertThat(terminal.output()).as(terminal.errors()).isEqualTo("stopped by SIGTSTP\ncontinued\nended by SIGINT");
    }

    @ParameterizedTest
    @ValueSource(strings = {"8 bananas", "0", "512", "-1GB", "99999999999T", "8GB,4GB"})
    void aLimitThatMakesNoSenseIsRefusedWithTheAcceptedForms(String limit) {
        var result = rig.run("run", "--limit", limit, "--", "/bin/true");

        assertThat(result.code()).isEqualTo(125);
        assertThat(result.err()).contains("gpuslice:").contains("8GB");
        assertThat(result.out()).isEmpty();
    }

    @Test
    void aProgramThatIsNotThereOrNotExecutableHasItsOwnExitCode() throws IOException {
        assertThat(rig.run("run", "--limit", "64MB", "--", "no-such-program").code())
                .isEqualTo(127);
        Path file = Files.writeString(rig.dir.resolve("plain"), "text");
        assertThat(rig.run("run", "--limit", "64MB", "--", file).code()).isEqualTo(126);
    }

    private static Path compile(String name, String compiler, String... flags) throws Exception {
        Path source = Files.writeString(rig.dir.resolve(name + ".c"), "int main(void) { return 0; }\n");
        Path binary = rig.dir.resolve(name);
        List<String> command = new ArrayList<>(List.of(compiler, "-o", binary.toString(), source.toString()));
        command.addAll(List.of(flags));
        try {
            assertThat(new ProcessBuilder(command).inheritIO().start().waitFor())
                    .isZero();
        } catch (IOException e) {
            Needs.that(false, compiler + " is not installed: tools/install-deps installs it as root");
        }
        return binary;
    }

    private static void refused(Path program, String reason) {
        var result = rig.run("run", "--limit", "64MB", "--", program);

        assertThat(result.code()).as(result.err()).isEqualTo(125);
        assertThat(result.err()).containsIgnoringCase(reason).contains("--force");
    }

    @Test
    void aStaticProgramIsRefused() throws Exception {
        refused(compile("static", "gcc", "-static"), "static");
    }

    @Test
    void aSetuidProgramIsRefused() throws Exception {
        Path binary = compile("setuid", "gcc");
        Files.setPosixFilePermissions(binary, PosixFilePermissions.fromString("rwxr-xr-x"));
        assertThat(new ProcessBuilder("chmod", "u+s", binary.toString()).start().waitFor())
                .isZero();
        refused(binary, "setuid");
    }

    @Test
    void aMuslProgramIsRefused() throws Exception {
        refused(compile("musl", "musl-gcc"), "musl");
    }

    @Test
    void aProgramOfAnotherArchitectureIsRefused() throws Exception {
        refused(compile("foreign", "aarch64-linux-gnu-gcc"), "aarch64");
    }

    @Test
    void aScriptIsJudgedByItsInterpreter() throws Exception {
        Path binary = compile("interpreter", "gcc", "-static");
        Path script = Files.writeString(rig.dir.resolve("script"), "#!" + binary + "\n");
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        refused(script, "static");
    }

    @Test
    void forceRunsWhatCannotBeLimitedAndSaysSo() throws Exception {
        Path binary = compile("forced", "gcc", "-static");
        var result = rig.run("run", "--limit", "64MB", "--force", "--", binary);

        assertThat(result.code()).as(result.err()).isZero();
        assertThat(result.err()).contains("UNENFORCED");
    }

    @Test
    void runInsideASessionIsRefusedUnlessOutsideIsMeant() {
        String inner = rig.tree.bin("gpuslice") + " run --limit 1GB %s -- /bin/echo escaped";
        Guest guest = shell("'" + inner.formatted("").replace(" run", "' run"));
        assertThat(guest.exitCode()).isEqualTo(125);
        assertThat(guest.errors()).contains("--outside");

        Guest outside = shell("'" + inner.formatted("--outside").replace(" run", "' run"));
        assertThat(outside.output()).isEqualTo("escaped");
    }
}

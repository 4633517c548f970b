// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.gpuslice.linux.Inspection.Enforceable;
import io.gpuslice.linux.Inspection.Reason;
import io.gpuslice.linux.Inspection.Unenforceable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ElfInspectorTest {
    private static final Path TRUE = Path.of("/bin/true");

    @TempDir
    Path directory = Path.of("");

    @Test
    void anOrdinaryProgramCanBeLimited() {
        assertThat(inspect(TRUE))
                .isInstanceOfSatisfying(
                        Enforceable.class,
                        enforceable -> assertThat(Path.of(enforceable.loader())).exists());
    }

    @Test
    void aStaticProgramHasNoLoader() throws Exception {
        String main = "int main(void) { return 0; }";
        for (String flag : new String[] {"-static", "-static-pie"}) {
            refused(
                    Child.compile(directory, "program" + flag, main, flag),
                    Reason.STATIC,
                    "it is statically linked: no dynamic loader runs that could load libgpuslice.so");
        }
        assertThat(inspect(Child.compile(directory, "dynamic", main))).isInstanceOf(Enforceable.class);
    }

    @Test
    void aScriptIsWhatItsInterpreterIs() throws Exception {
        assertThat(inspect(write("script", "#!/bin/sh\nexit 0\n"))).isInstanceOf(Enforceable.class);
        assertThat(inspect(write("blanks", "#! \t /usr/bin/env\tpython3 \nexit 0\n")))
                .isInstanceOf(Enforceable.class);
        assertThat(inspect(write("no line end", "#!/bin/sh"))).isInstanceOf(Enforceable.class);

        Path program = Child.compile(directory, "static", "int main(void) { return 0; }", "-static");
        Unenforceable refused =
                refused(write("of static", "#!" + program + " -x\n"), Reason.STATIC, "statically linked");
        assertThat(refused.text()).startsWith(program.toString());
    }

    @Test
    void scriptsOfScriptsAreFollowedAsFarAsTheKernelGoes() throws Exception {
        Path script = write("s0", "#!/bin/sh\n");
        for (int i = 1; i < 5; i++) {
            script = write("s" + i, "#!" + script + "\n");
            assertThat(inspect(script)).as("depth %d", i).isInstanceOf(Enforceable.class);
            assertThat(kernelRuns(script)).as("depth %d", i).isTrue();
        }
        Path deeper = write("s5", "#!" + script + "\n");
        refused(deeper, Reason.NOT_A_PROGRAM, "more than 5 scripts that name each other in #!");
        assertThat(kernelRuns(deeper)).isFalse();
        Path loop = directory.resolve("loop");
        refused(write("loop", "#!" + loop + "\n"), Reason.NOT_A_PROGRAM, "name each other");
    }

    @Test
    void aShebangThatTheKernelWouldNotRunIsNoScript() throws Exception {
        for (String line : new String[] {"#!\n", "#!  \n/bin/sh\n", "#", "", "#!/" + "x".repeat(300) + "\n"}) {
            refused(write("odd", line), Reason.NOT_A_PROGRAM, "it is neither ELF nor a script that begins with #!");
        }
        refused(
                write("missing", "#!/no/such/interpreter\n"),
                Reason.NOT_A_PROGRAM,
                "/no/such/interpreter: No such file");
    }

    @Test
    void aProgramThatGetsRightsByBeingRunIsRefused() throws Exception {
        Path setuid = copy("setuid");
        Files.setAttribute(setuid, "unix:mode", 0104755);
        refused(setuid, Reason.PRIVILEGED, "it is setuid (uid ");
        Path setgid = copy("setgid");
        Files.setAttribute(setgid, "unix:mode", 0102755);
        refused(setgid, Reason.PRIVILEGED, "it is setgid (gid ");
        Path locking = copy("locking");
        Files.setAttribute(locking, "unix:mode", 0102705);
        assertThat(inspect(locking)).isInstanceOf(Enforceable.class);
    }

    @Test
    void aProgramWithFileCapabilitiesIsRefused() throws Exception {
        Path capable = copy("capable");
        assumeTrue(setCapability(capable), "file capabilities can be set here");

        refused(capable, Reason.PRIVILEGED, "it has file capabilities: for such programs the dynamic loader ignores");
    }

    @Test
    void aProgramForAnotherMachineIsRefused() throws Exception {
        refused(patched("sparc", 18, (byte) 43, (byte) 0), Reason.FOREIGN, "it is for machine 43 (64 bits), and");
        refused(patched("small", 4, (byte) 1), Reason.FOREIGN, "(32 bits), and libgpuslice.so is for");
        refused(patched("s390x", 5, (byte) 2, (byte) 1), Reason.MALFORMED, "it is ELF of type");
    }

    @Test
    void aProgramWithAnotherLoaderIsRefused() throws Exception {
        byte[] bytes = Files.readAllBytes(TRUE);
        String loader = ((Enforceable) inspect(TRUE)).loader();
        int at = new String(bytes, StandardCharsets.ISO_8859_1).indexOf(loader);
        Arrays.fill(bytes, at, at + loader.length(), (byte) 0);
        byte[] musl = "/lib/ld-musl-x.so.1".getBytes(StandardCharsets.UTF_8);
        System.arraycopy(musl, 0, bytes, at, musl.length);

        refused(
                Files.write(directory.resolve("musl"), bytes),
                Reason.FOREIGN_LOADER,
                "its dynamic loader is /lib/ld-musl-x.so.1, and libgpuslice.so needs glibc's");
    }

    @Test
    void aFileThatEndsTooEarlyIsRefusedWhereverItEnds() throws Exception {
        byte[] bytes = Files.readAllBytes(TRUE);
        for (int length = 4; length < 1000; length++) {
            Path cut = Files.write(directory.resolve("cut"), Arrays.copyOf(bytes, length));
            Inspection inspection = inspect(cut);
            if (inspection instanceof Enforceable) {
                assertThat(length).as("behind the loader's path").isGreaterThan(700);
            } else {
                assertThat(((Unenforceable) inspection).reason())
                        .as("length %d", length)
                        .isEqualTo(Reason.MALFORMED);
            }
        }
    }

    @Test
    void hostileHeadersCostNothingAndAreAnAnswer() throws Exception {
        byte[] bytes = Arrays.copyOf(Files.readAllBytes(TRUE), 4096);
        for (int seed = 0; seed < 3_000; seed++) {
            Random random = new Random(seed);
            byte[] hostile = bytes.clone();
            for (int i = random.nextInt(12); i >= 0; i--) {
                // Mostly the header and the program headers.
                hostile[4 + random.nextInt(seed % 2 == 0 ? 60 : 800)] = (byte) random.nextInt();
            }
            assertThat(inspect(Files.write(directory.resolve("hostile"), hostile)))
                    .as("seed %d", seed)
                    .isNotNull();
        }
        ByteBuffer huge = ByteBuffer.wrap(bytes.clone()).order(ByteOrder.LITTLE_ENDIAN);
        huge.putLong(32, Long.MAX_VALUE);
        refused(Files.write(directory.resolve("huge"), huge.array()), Reason.MALFORMED, "program headers at 922337");
        huge.putShort(56, (short) -1);
        refused(Files.write(directory.resolve("many"), huge.array()), Reason.MALFORMED, "its 65535 program headers");
    }

    @Test
    void whatIsNoFileIsRefusedWithoutWaiting() throws Exception {
        refused(directory, Reason.NOT_A_PROGRAM, "not a regular file");
        refused(directory.resolve("nothing"), Reason.NOT_A_PROGRAM, "No such file or directory");
        Path fifo = directory.resolve("fifo");
        assertThat(Child.run("mkfifo \"$1\"", fifo.toString()).exitCode()).isZero();
        refused(fifo, Reason.NOT_A_PROGRAM, "not a regular file");
        refused(Path.of("/dev/zero"), Reason.NOT_A_PROGRAM, "not a regular file");
    }

    private static boolean kernelRuns(Path script) throws IOException, InterruptedException {
        return Child.run("\"$1\" 2>/dev/null", script.toString()).exitCode() == 0;
    }

    private static Inspection inspect(Path path) {
        return ElfInspector.inspect(path.toString().getBytes(StandardCharsets.UTF_8));
    }

    private static Unenforceable refused(Path path, Reason reason, String why) {
        Inspection inspection = inspect(path);
        assertThat(inspection).isInstanceOf(Unenforceable.class);
        Unenforceable refused = (Unenforceable) inspection;
        assertThat(refused.reason()).as(refused.text()).isEqualTo(reason);
        assertThat(refused.text()).contains(why);
        return refused;
    }

    private Path write(String name, String content) throws IOException {
        Path path = Files.writeString(directory.resolve(name), content);
        Files.setAttribute(path, "unix:mode", 0100755);
        return path;
    }

    private Path copy(String name) throws IOException {
        return Files.copy(TRUE, directory.resolve(name));
    }

    private Path patched(String name, int at, byte... patch) throws IOException {
        byte[] bytes = Files.readAllBytes(TRUE);
        System.arraycopy(patch, 0, bytes, at, patch.length);
        return Files.write(directory.resolve(name), bytes);
    }

    /** Revision 2 of struct vfs_cap_data: CAP_NET_RAW, effective. */
    private static boolean setCapability(Path path) {
        byte[] capability = HexFormat.of().parseHex("0100000200200000000000000000000000000000");
        try (Arena arena = Arena.ofConfined()) {
            NativeFunction.returningInt("setxattr")
                    .call(
                            path,
                            arena.allocateFrom(path.toString()).address(),
                            arena.allocateFrom("security.capability").address(),
                            arena.allocateFrom(ValueLayout.JAVA_BYTE, capability)
                                    .address(),
                            capability.length,
                            0);
            return true;
        } catch (LinuxException e) {
            return false;
        }
    }
}

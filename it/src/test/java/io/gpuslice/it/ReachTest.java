// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whichever way a program finds the driver, its limit is found first. */
class ReachTest {
    @AutoClose
    private static final Rig rig = Rig.running();

    private static void assertThatItIsLimited(Guest guest) {
        assertThat(guest.finish().output()).contains("held=64 refused=2", "again=64 refused=2", "freed");
        assertThat(guest.exitCode()).as(guest.errors()).isZero();
    }

    private static Guest reach(Object... how) {
        return rig.under("64MB", "reach", how);
    }

    /** With variables of its own, which the launcher does not see. */
    private static Guest with(List<String> variables, Path program, Object... arguments) {
        List<?> command = Stream.of(
                        List.of("run", "--limit", "64MB", "--", "/usr/bin/env"),
                        variables,
                        List.of(program),
                        List.of(arguments))
                .flatMap(List::stream)
                .toList();
        return rig.gpuslice(command.toArray());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "fill", // shared runtime
                "fill-static-cudart", // what nvcc links where nothing is said
                "fill-async",
                "fill-async-ptds", // --default-stream per-thread
                "fill-static-cudart-ptds",
                "fill-driver", // -lcuda
                "fill-driver-now" // -lcuda -Wl,-z,now
            })
    void howeverItIsLinked(String program) {
        assertThatItIsLimited(rig.under("64MB", program));
    }

    @ParameterizedTest
    @ValueSource(strings = {"dlsym", "global"})
    void byDlopenAndDlsym(String how) {
        assertThatItIsLimited(reach(how));
    }

    @Test
    void byPythonsCtypes() {
        Guest guest = rig.gpuslice("run", "--limit", "64MB", "--", "python3", rig.tree.program("driver.py"))
                .finish();

        assertThat(guest.output()).contains("held=64 refused=2", "freed");
    }

    @Test
    void whenTheDriverIsClosedAndOpenedAgain() {
        Guest guest = reach("reopen").finish();

        assertThat(guest.output().lines().filter("held=64 refused=2"::equals)).hasSize(2);
        assertThatItIsLimited(guest);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "proc",
                "proc --v1",
                "proc --v1 --version 11030",
                "proc --depth 4",
                "proc --v1 --depth 4",
                "proc --per-thread",
                "proc --per-thread --async",
                "proc --v1 --per-thread --async --version 11080",
                "proc --version 3020" // the first of the ABI that is today's
            })
    void byCuGetProcAddress(String how) {
        assertThatItIsLimited(reach((Object[]) how.split(" ")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"proc --version 2000 --oldest", "proc --version 3010 --v1 --oldest"})
    void byCuGetProcAddressInTheAbiOfBeforeCuda32(String how) {
        Guest guest = rig.under("16MB", "reach", (Object[]) how.split(" "));

        assertThat(guest.finish().output()).contains("held=16 refused=2", "again=16 refused=2", "freed");
    }

    @Test
    void byCuGetProcAddressWithAVersionThatTheDriverDoesNotKnow() {
        Guest guest = reach("proc", "--version", 99000);

        assertThat(guest.await("cuMemAlloc")).as("the driver's own answer").isEqualTo("cuMemAlloc code=1 status=0");
        assertThatItIsLimited(guest);
    }

    private static Guest underADriverOfTomorrow(Object... how) {
        return with(
                List.of(
                        "LD_LIBRARY_PATH=" + rig.tree.program("tomorrow"),
                        "GUEST_DRIVER=" + rig.tree.fakecuda().resolve("libcuda.so.1")),
                rig.tree.program("reach"),
                how);
    }

    @Test
    void aFunctionOfAnAbiThatIsNotKnownYetIsNotHandedOut() {
        Guest guest = underADriverOfTomorrow("proc", "--version", 14000, "--ask", "cuTomorrow");

        assertThat(guest.await("cuTomorrow")).as("none of our business").isEqualTo("cuTomorrow code=0 found=1");
        assertThat(guest.await("cuMemAlloc")).isEqualTo("cuMemAlloc code=500 status=1");
        assertThatItIsLimited(guest);
    }

    @Test
    void aVersionThatIsNotKnownYetIsFineWhereTheFunctionIsTheSame() {
        Guest guest = underADriverOfTomorrow("proc", "--version", 13010);

        assertThat(guest.await("held")).as("nothing was refused to be found").isEqualTo("held=64 refused=2");
        assertThatItIsLimited(guest);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--linked", "--linked --deepbind", "--dlsym", "--dlsym --deepbind"})
    void byALibraryThatItOpens(String how) {
        Object plugin = rig.tree.program("plugins/libguest_plugin.so");

        assertThatItIsLimited(reach(Stream.concat(Stream.of("plugin", plugin), Stream.of(how.split(" ")))
                .toArray()));
    }

    @Test
    void byALibraryThatOnlyTheProgramsRunpathFinds() {
        assertThatItIsLimited(rig.under("64MB", "reach-runpath", "plugin", "libguest_plugin.so", "--deepbind"));
    }

    /** What the library saw that is preloaded beside ours: each function's name with the object that it came from. */
    private record Witness(Path library, Path notes) {
        static Witness called(String name) {
            try {
                // A path without blanks: LD_PRELOAD ends at them.
                Path link = rig.dir.resolve(name + ".so");
                Files.createSymbolicLink(link, rig.tree.program("witness.so"));
                return new Witness(link, rig.dir.resolve(name + ".notes"));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        Map<String, String> seen() throws IOException {
            return Files.readAllLines(notes).stream()
                    .map(line -> line.split(" "))
                    .collect(Collectors.toMap(line -> line[0], line -> line[1], (first, _) -> first));
        }

        /** {@code preload} is LD_PRELOAD's value, in which %s is the witness. */
        Guest watching(String preload, String libraries, Object program, Object... arguments) {
            String script = "LD_PRELOAD=%s GUEST_WITNESS=%s LD_LIBRARY_PATH='%s' exec \"$0\" \"$@\""
                    .formatted(preload.formatted(library), notes, libraries);
            return rig.gpuslice(Stream.concat(
                            Stream.of("run", "--limit", "64MB", "--", "/bin/sh", "-c", script, program),
                            Stream.of(arguments))
                    .toArray());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"%s:$LD_PRELOAD", "$LD_PRELOAD:%s"})
    void besideALibraryThatWrapsDlsymByRtldNext(String preload) throws IOException {
        Witness witness = Witness.called("witness" + preload.indexOf('%'));
        String libraries = rig.tree.fakecuda().toString();

        assertThatItIsLimited(witness.watching(preload, libraries, rig.tree.program("fill-static-cudart")));

        assertThat(witness.seen()).containsKey("cuGetProcAddress_v2");
        assertThat(Integer.parseInt(witness.seen().getOrDefault("dlsym", "0")))
                .as("look-ups that went by the other library")
                .isPositive();
    }

    /** It refuses to work on anything but NVIDIA's driver; but by then it has asked for the one function that finds all. */
    @Test
    void nvidiasOwnRuntimeIsHandedOurFunctions() throws IOException {
        Path runtime = Stream.of("/usr/local/cuda/lib64", "/usr/local/cuda-13.0/lib64", "/usr/local/cuda-13.0/lib")
                .map(Path::of)
                .filter(folder -> Files.exists(folder.resolve("libcudart.so.13")))
                .findFirst()
                .orElseGet(() -> Assumptions.abort("NVIDIA's libcudart.so.13 is not installed"));
        Witness witness = Witness.called("nvidia");
        String libraries = runtime + ":" + rig.tree.fakecuda();

        witness.watching("%s:$LD_PRELOAD", libraries, rig.tree.program("fill"), "--max", 1)
                .finish()
                .exitCode();

        assertThat(witness.seen())
                .containsEntry("cuGetProcAddress_v2", "libgpuslice.so")
                .containsEntry("cuGetProcAddress", "libgpuslice.so")
                .containsEntry("cuInit", "libcuda.so.1");
    }

    /** A namespace of its own has a driver, and a dlsym, of its own: nothing preloaded is in it. */
    @Test
    void aDriverInANamespaceOfItsOwnIsOutOfReach() {
        Guest guest = reach("namespace").finish();

        assertThat(Guest.number(guest.await("held"), "held")).isGreaterThan(64);
    }
}

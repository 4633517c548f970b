// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.cdi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.gpuslice.cli.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CdiSpecTest {
    private static final CdiSpec SPEC = new CdiSpec(
            Path.of("/opt/gpu slice:1/lib/libgpuslice.so"),
            Path.of("/run/user/1000/gpuslice/gpuslice.sock"),
            List.of(
                    new CdiSpec.Slice("team-a", "0123456789abcdef", "a".repeat(64)),
                    new CdiSpec.Slice("9f23456789abcdef", "9f23456789abcdef", "b".repeat(64))));

    private static List<String> environment(Json of) {
        return of.object("containerEdits").texts("env");
    }

    @Test
    void whatIsWrittenKeepsTheRulesOfCdi() throws Exception {
        assertThat(CdiRules.brokenBy(Json.parse(SPEC.json().compact()))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"0.5.0\" | \"0.9.9\" | never released",
                "\"0.5.0\" | \"0.3.0\" | begins with a digit",
                "gpuslice.io/slice | gpuslice.io | prefix, a slash and a name",
                "gpuslice.io/slice | gpuslice.io/sli!ce | kind's name",
                "gpuslice.io/slice | gpu_slice.io/slice | kind's prefix",
                "\"team-a\" | \"team a\" | device name",
                "\"team-a\" | \"9f23456789abcdef\" | twice",
                "\"devices\" | \"device\" | unknown field device",
                "\"options\" | \"option\" | unknown field option",
                "\"/usr/lib | \"usr/lib | must be absolute",
                "LD_PRELOAD= | LD_PRELOAD: | must be NAME=VALUE"
            })
    void theRulesRefuseWhatIsWrong(String right, String wrong, String said) throws Exception {
        String spec = SPEC.json().compact();
        assertThat(spec).contains(right);

        assertThat(CdiRules.brokenBy(Json.parse(spec.replace(right, wrong)))).anyMatch(broken -> broken.contains(said));
    }

    @Test
    void aContainerGetsTheLibraryTheSocketsDirectoryAndWhatProgramsInASessionHaveInTheirEnvironment() {
        Json spec = SPEC.json();

        assertThat(environment(spec))
                .containsExactly(
                        "GPUSLICE_IPC_SOCK=/run/gpuslice/gpuslice.sock", "LD_PRELOAD=/usr/lib/gpuslice/libgpuslice.so");
        assertThat(spec.object("containerEdits").objects("mounts"))
                .extracting(mount -> mount.text("hostPath", ""), mount -> mount.text("containerPath", ""))
                .containsExactly(
                        tuple("/opt/gpu slice:1/lib/libgpuslice.so", "/usr/lib/gpuslice/libgpuslice.so"),
                        tuple("/run/user/1000/gpuslice", "/run/gpuslice"));
        assertThat(spec.object("containerEdits").objects("mounts"))
                .allMatch(mount -> mount.texts("options").containsAll(List.of("ro", "bind")));
        assertThat(spec.objects("devices"))
                .extracting(device -> device.text("name", ""), CdiSpecTest::environment)
                .containsExactly(
                        tuple(
                                "team-a",
                                List.of("GPUSLICE_SESSION=0123456789abcdef", "GPUSLICE_IPC_TOKEN=" + "a".repeat(64))),
                        tuple(
                                "9f23456789abcdef",
                                List.of("GPUSLICE_SESSION=9f23456789abcdef", "GPUSLICE_IPC_TOKEN=" + "b".repeat(64))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "team-a", "9", "A.b_c-1"})
    void whatCdiTakesIsADevicesName(String name) {
        assertThat(CdiSpec.isName(name)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-a", "a-", ".", "team a", "teäm", "a/b", "a=b", "a\n"})
    void whatCdiDoesNotTakeIsNone(String name) {
        assertThat(CdiSpec.isName(name)).isFalse();
    }

    @Test
    void theFileIsForItsOwnerAloneAndTakesThePlaceOfTheOneBefore(@TempDir Path here) throws Exception {
        Path directory = here.resolve("made/for it");
        Path before = SpecFile.write(directory, SPEC);
        Files.setPosixFilePermissions(before, PosixFilePermissions.fromString("rw-r--r--"));

        Path file = SpecFile.write(directory, SPEC);

        assertThat(file).isEqualTo(directory.resolve("gpuslice.io-slice.json"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(Json.parse(Files.readString(file)).compact())
                .isEqualTo(SPEC.json().compact());
        try (Stream<Path> all = Files.list(directory)) {
            assertThat(all).containsExactly(file);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The scenarios for a real GPU, tried on the simulated one: so that where there is a GPU they tell of it, not of themselves. */
class GpuScenariosTest {
    private static final long LIMIT = 64 * Rig.MIB;

    private final Tree tree = Tree.find();

    @TempDir
    Path dir;

    private Guest run(Object... arguments) {
        List<String> command =
                new ArrayList<>(List.of(tree.root().resolve("gpu/run").toString(), "--simulated"));
        Stream.of(arguments).map(Object::toString).forEach(command::add);
        Map<String, String> environment =
                Map.of("PATH", System.getenv("PATH"), "HOME", dir.toString(), "LANG", "C.UTF-8");
        return Guest.start(command, environment, dir);
    }

    @Test
    void everyWayToTakeMemoryIsLimitedAndTheTableSaysSo() throws IOException {
        Path table =
                Files.writeString(dir.resolve("results.md"), "kept\n<!-- written by gpu/run from here on -->\nold");
        try (Guest run = run(table, "--json", dir.resolve("results.json"))) {
            assertThat(run.exitCode()).as(run.output() + run.errors()).isZero();
        }

        JsonNode rows = Rig.json(Files.readString(dir.resolve("results.json"))).path("rows");
        List<String> tried = new ArrayList<>();
        for (JsonNode row : rows) {
            String name = row.path("scenario").asText();
            if (!row.path("skipped").isNull()) {
                continue;
            }
            tried.add(name);
            assertThat(row.path("reached_bytes").asLong()).as(name).isEqualTo(LIMIT);
            assertThat(row.path("refusal").asInt()).as(name).isEqualTo(2);
            assertThat(row.path("reached_again_bytes").asLong()).as(name).isEqualTo(LIMIT);
            assertThat(row.path("counted_bytes").asLong()).as(name).isEqualTo(LIMIT);
            assertThat(row.path("nvml_bytes").asLong()).as(name).isEqualTo(LIMIT);
            assertThat(row.path("pair_limited_ns").asLong()).as(name).isPositive();
        }
        assertThat(tried)
                .hasSize(12)
                .contains("driver: linear", "driver: graphs", "driver: IPC", "static cudart: cudaMalloc");
        assertThat(Files.readString(table))
                .startsWith("kept\n")
                .doesNotContain("old")
                .contains("simulated GPU", "| driver: VMM | 64.0 MiB | 64.0 MiB | yes | yes |");
    }

    @Test
    void aLimitThatDoesNotHoldIsAFailure() throws IOException {
        Path tree = treeThatDoesNotLimit();
        try (Guest run = run("--only", "driver: linear", "--tree", tree)) {
            assertThat(run.exitCode()).isEqualTo(1);
            assertThat(run.output()).contains("| FAILED |", "the device shows 1073741824 bytes, not the limit");
        }
    }

    /** The build's, but for a `run` that only becomes the program. */
    private Path treeThatDoesNotLimit() throws IOException {
        Path copy = Files.createDirectories(dir.resolve("tree"));
        Path bin = Files.createDirectories(copy.resolve("bin"));
        script(bin.resolve("gpusliced"), "exec '%s'".formatted(tree.bin("gpusliced")));
        script(bin.resolve("gpuslice"), """
                [ "$1" = run ] || exec '%s' "$@"
                while [ "$1" != -- ]; do shift; done
                shift
                exec "$@"
                """.formatted(tree.bin("gpuslice")));
        return copy;
    }

    private static void script(Path path, String body) throws IOException {
        Files.writeString(path, "#!/bin/sh\n" + body);
        assertThat(path.toFile().setExecutable(true)).isTrue();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What stands in examples/ is true: what can run on the simulated GPU runs, and says what its README says. */
class ExamplesTest {
    private static final int GIB_OF_CARD = 24;

    @AutoClose
    private static final Rig rig = begin();

    private static Rig begin() {
        Rig rig = Rig.idle().with("FAKECUDA_MEMORY", GIB_OF_CARD + "G").with("FAKECUDA_DEVICES", "1");
        rig.with("PATH", rig.tree.product() + "/bin:" + rig.environment().get("PATH"));
        rig.daemon();
        return rig;
    }

    private static Path example(String path) {
        return rig.tree.root().resolve("examples").resolve(path);
    }

    private static Guest start(Object... command) {
        return start(
                rig.environment(), Arrays.stream(command).map(Object::toString).toList());
    }

    /** By env, which looks for the program on the path that it is given, where Java would take its own. */
    private static Guest start(Map<String, String> environment, List<String> command) {
        return rig.start(
                Stream.concat(Stream.of("/usr/bin/env"), command.stream()).toList(), environment);
    }

    /** What a README says that is said: its indented lines that are no commands. */
    private static List<String> promised(String readme, String first) throws IOException {
        List<String> lines = Files.readAllLines(example(readme));
        int at = lines.indexOf("    " + first);
        assertThat(at).as("'%s' in %s", first, readme).isNotNegative();
        return lines.subList(at, lines.size()).stream()
                .takeWhile(line -> line.startsWith("    "))
                .map(String::strip)
                .toList();
    }

    @Test
    void aPoolThatGrowsByMappingIsHeldToTheLimit() throws IOException {
        Path pool = rig.dir.resolve("pool");
        Guest compiler = start(
                "g++",
                "-std=c++17",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-I" + rig.tree.root().resolve("it/fakecuda/include"),
                "-o",
                pool,
                example("vmm-pool/pool.cpp"),
                "-L" + rig.tree.fakecuda(),
                "-lcuda");
        assertThat(compiler.exitCode()).as(compiler.errors()).isZero();

        Guest run = start("gpuslice", "run", "-q", "--limit", "256MB", "--", pool);

        assertThat(run.output().lines().toList())
                .isEqualTo(promised("vmm-pool/README.md", "reserved 32768 MiB of addresses"));
        assertThat(run.exitCode()).isZero();
    }

    @Test
    void eachTeamHasItsHalfOfTheCard() throws IOException {
        Guest teams = start("python3", example("two-teams/two_teams.py"));

        assertThat(teams.output().lines().toList())
                .as(teams.errors())
                .isEqualTo(promised("two-teams/README.md", "team-a: a program took 7 GiB"));
        assertThat(rig.web().get("/sessions/team-a").status()).as("cleaned up").isEqualTo(404);
    }

    @Test
    void aServiceIsTheProgramItselfUnderTheLimit() throws IOException {
        Path unit = example("systemd/gpuslice-train.service");
        String command = Files.readAllLines(unit).stream()
                .filter(line -> line.startsWith("ExecStart="))
                .map(line -> line.substring("ExecStart=".length()))
                .findFirst()
                .orElseThrow();
        assertThat(command).contains("/usr/bin/gpuslice ").endsWith(" train.py");

        Guest service = start((Object[])
                command.replace("/usr/bin/gpuslice", rig.tree.bin("gpuslice").toString())
                        .replace("train.py", example("two-teams/take.py").toString())
                        .split(" "));
        assertThat(service.await("")).isEqualTo("8");

        JsonNode session = rig.inspect("train");
        assertThat(session.path("processes").path(0).path("pid").asLong())
                .as("what systemd started is what it supervises")
                .isEqualTo(service.pid());
        service.signal("TERM");
        assertThat(service.exitCode()).isEqualTo(143);
    }

    @Test
    void theServicesUnitIsOneThatSystemdTakes() throws IOException {
        Needs.that(
                Files.isExecutable(Path.of("/usr/bin/systemd-analyze")),
                "systemd-analyze is not installed: tools/install-deps installs it as root");
        // The programs that it names are on no machine that builds this.
        Path unit = Files.writeString(
                rig.dir.resolve("gpuslice-train.service"),
                Files.readString(example("systemd/gpuslice-train.service"))
                        .replace("/usr/bin/gpuslice", "/bin/true")
                        .replace("Documentation=man:gpuslice(1)\n", "")
                        .replace("gpusliced.service", ""));

        Guest verified = start("systemd-analyze", "verify", "--man=no", unit);

        assertThat(verified.exitCode()).as(verified.errors()).isZero();
        assertThat(verified.errors().lines().filter(line -> line.contains("gpuslice-train")))
                .isEmpty();
    }

    /** In the place of the real kernel: takes what it gets, says so, and minds an interrupt as kernels do. */
    private static final String KERNEL = """
            import ctypes, json, sys, time
            cuda = ctypes.CDLL("libcudart.so.13")
            taken = 0
            while cuda.cudaMalloc(ctypes.byref(ctypes.c_void_p()), ctypes.c_size_t(1 << 30)) == 0:
                taken += 1
            print("kernel", json.load(open(sys.argv[sys.argv.index("-f") + 1]))["key"], taken, flush=True)
            try:
                time.sleep(1000)
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            """;

    @Test
    void aNotebooksKernelIsHeldToTheLimitAndHearsAnInterrupt() throws IOException {
        JsonNode kernel = Rig.json(Files.readString(example("jupyter/kernel.json")));
        assertThat(kernel.path("display_name").asText()).isNotEmpty();
        assertThat(kernel.path("language").asText()).isEqualTo("python");
        assertThat(kernel.path("interrupt_mode").asText()).isEqualTo("signal");
        Files.writeString(rig.dir.resolve("ipykernel_launcher.py"), KERNEL);
        Path connection = Files.writeString(rig.dir.resolve("connection.json"), "{\"key\": \"a0f3\"}");
        List<String> command = new ArrayList<>();
        kernel.path("argv")
                .forEach(word -> command.add(word.asText().replace("{connection_file}", connection.toString())));
        Map<String, String> environment = rig.environment();
        environment.put("PYTHONPATH", rig.dir.toString());

        Guest running = start(environment, command);

        assertThat(running.await("kernel")).isEqualTo("kernel a0f3 8");
        running.signal("INT");
        running.await("interrupted");
        assertThat(running.exitCode()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"pytorch, torch, PyTorch is not installed", "jax, jax, JAX is not installed"})
    void whatNeedsAFrameworkSaysSoAndIsValidPython(String example, String module, String lack) {
        String program = example(example + "/train.py").toString();
        assertThat(start("python3", program, "--help").output()).contains("--steps");

        // As where it is not installed, whether it is or not.
        Guest without = start(
                "python3",
                "-c",
                "import runpy, sys; sys.modules[sys.argv[1]] = None; sys.argv = sys.argv[2:];"
                        + " runpy.run_path(sys.argv[0], run_name='__main__')",
                module,
                program);

        assertThat(without.exitCode()).isEqualTo(1);
        assertThat(without.errors()).contains("train.py: " + lack + ": pip install");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is put beside the built tree when it is installed. `make verify` installs a package of it for real. */
class PackagingTest {
    private final Tree tree = Tree.find();

    @TempDir
    Path dir;

    private record Ran(int code, String output) {
        Ran ok() {
            assertThat(code).as(output).isZero();
            return this;
        }
    }

    private Ran run(Object... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        Stream.of(command).map(Object::toString).toList())
                .directory(tree.root().toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ran(process.waitFor(), output);
    }

    private Path installed(String prefix) throws IOException, InterruptedException {
        Path destination = Files.createDirectory(dir.resolve("stage"));
        // The launchers and a share of it do: to copy the rest takes its time and shows nothing more.
        Path small = Files.createDirectories(dir.resolve("tree/bin"));
        for (String name : List.of("gpuslice", "gpusliced")) {
            Files.copy(tree.bin(name), small.resolve(name));
        }
        Files.createDirectories(dir.resolve("tree/share/man/man1"));
        Files.writeString(dir.resolve("tree/share/man/man1/gpuslice.1"), ".TH");
        run("tools/install", dir.resolve("tree"), prefix, destination).ok();
        return destination;
    }

    @Test
    void everyProgramAndLibraryLoadsWithGlibc228AndLater() throws Exception {
        assertThat(run("tools/check-glibc", tree.product()).ok().output()).contains("load with glibc 2.28 and later");
        assertThat(run("tools/check-glibc", tree.product(), "2.5").output())
                .as("one that is too new is named")
                .contains("libgpuslice.so needs glibc 2.");
    }

    @Test
    void theUnitIsValidAndGivesTheDaemonNoMoreThanItNeeds() throws Exception {
        Needs.that(
                Files.isExecutable(Path.of("/usr/bin/systemd-analyze")),
                "there is no systemd-analyze: apt-get install systemd");
        Path unit = installed("/usr").resolve("usr/lib/systemd/system/gpusliced.service");

        // What it starts is to be there; below the stage that is elsewhere.
        Path there = dir.resolve("gpusliced.service");
        Files.writeString(there, Files.readString(unit).replace("/usr/bin/gpusliced", "" + tree.bin("gpusliced")));
        assertThat(run("systemd-analyze", "verify", "--man=no", there).ok().output())
                .isEmpty();
        run("systemd-analyze", "security", "--offline=true", "--threshold=30", there)
                .ok();
        assertThat(unit).content().contains("AmbientCapabilities=CAP_SYS_PTRACE CAP_KILL\n");
    }

    @Test
    void whatIsInstalledIsFoundAtItsPrefixAndWhatIsSomebodysOwnStays() throws Exception {
        Path destination = installed("/usr/local");
        Path settings = destination.resolve("etc/gpuslice/gpuslice.conf");
        assertThat(settings).content().contains("\n#sessions.max = ").doesNotContainPattern("(?m)^[^#\n]");
        assertThat(destination.resolve("usr/local/bin/gpuslice").toRealPath())
                .isEqualTo(destination.toRealPath().resolve("usr/local/lib/gpuslice/bin/gpuslice"));
        assertThat(destination.resolve("usr/local/share/man/man1/gpuslice.1")).exists();
        assertThat(destination.resolve("usr/local/lib/systemd/system/gpusliced.service"))
                .content()
                .contains("ExecStart=/usr/local/bin/gpusliced\n");

        Files.writeString(settings, "sessions.max = 7\n");
        run("tools/install", dir.resolve("tree"), "/usr/local", destination).ok();
        assertThat(settings).as("an upgrade").hasContent("sessions.max = 7\n");
        run("tools/install", "--remove", dir.resolve("tree"), "/usr/local", destination)
                .ok();
        try (Stream<Path> left = Files.walk(destination)) {
            assertThat(left.filter(path -> !Files.isDirectory(path)).map(destination::relativize))
                    .map(Path::toString)
                    .containsExactlyInAnyOrder("etc/gpuslice/gpuslice.conf", "etc/default/gpuslice");
        }
    }

    @Test
    void aHomeGetsNothingThatIsTheMachines() throws Exception {
        Path destination = installed("/home/ann/.local");
        assertThat(destination.resolve("home/ann/.local/bin/gpusliced")).exists();
        assertThat(destination.resolve("etc")).doesNotExist();
        assertThat(destination.resolve("home/ann/.local/lib/systemd")).doesNotExist();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** bin/gpusliced, with a Java that only tells how it was called. */
class LauncherScriptTest {
    @TempDir
    Path here;

    private Path home;
    private final Map<String, String> environment = new HashMap<>(Map.of("PATH", "/usr/bin:/bin"));

    @BeforeEach
    void install() throws IOException {
        home = here.resolve("a tree");
        Files.createDirectories(home.resolve("bin"));
        Files.createDirectories(home.resolve("lib/daemon"));
        Files.createFile(home.resolve("lib/daemon/b.jar"));
        Files.createFile(home.resolve("lib/daemon/a.jar"));
        Files.copy(Path.of("src/main/sh/gpusliced"), home.resolve("bin/gpusliced"));
        Files.writeString(home.resolve("lib/java-home"), java("built", "25.0.1") + "\n");
    }

    private Path java(String name, String version) throws IOException {
        Path javaHome = here.resolve(name);
        Files.createDirectories(javaHome.resolve("bin"));
        Files.writeString(
                javaHome.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\nOS=\"y\"\n");
        Path java = Files.writeString(javaHome.resolve("bin/java"), "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\"\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        return javaHome;
    }

    /** What it says, line by line; stderr included. */
    private List<String> run(int status, String... arguments) throws IOException, InterruptedException {
        return run(Path.of("/bin/sh"), status, arguments);
    }

    private List<String> run(Path shell, int status, String... arguments) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                shell.toString(), home.resolve("bin/gpusliced").toString());
        builder.command().addAll(List.of(arguments));
        builder.environment().clear();
        builder.environment().putAll(environment);
        Process process = builder.redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isEqualTo(status);
        return said.lines().toList();
    }

    @Test
    void javaIsTheChosenOneElseTheBuildsElseAnyThatIsNewEnough() throws Exception {
        assertThat(run(0).getFirst()).isEqualTo(here + "/built/bin/java");
        environment.put("JAVA_HOME", java("home", "26").toString());
        assertThat(run(0).getFirst()).isEqualTo(here + "/built/bin/java");
        java("built", "21.0.9");
        assertThat(run(0).getFirst()).isEqualTo(here + "/home/bin/java");
        environment.put("GPUSLICE_JAVA_HOME", java("chosen", "27-ea").toString());
        assertThat(run(0).getFirst()).isEqualTo(here + "/chosen/bin/java");
    }

    @Test
    void aJavaThatTheTreeBringsAlongMovesWithIt() throws Exception {
        Path along = java(home.resolve("lib/runtime").toString(), "25.0.1");
        Files.writeString(home.resolve("lib/java-home"), "lib/runtime\n");
        assertThat(run(0).getFirst()).isEqualTo(along + "/bin/java");
    }

    @Test
    void withoutANewEnoughJavaItSaysWhatToInstall() throws Exception {
        java("built", "21.0.9");
        assertThat(run(1))
                .anyMatch(line -> line.contains("no Java 25 or newer"))
                .anyMatch(line -> line.contains("openjdk-25"));
        java("built", "25");
        environment.put("GPUSLICE_JAVA_HOME", java("old", "17").toString());
        assertThat(run(1)).anyMatch(line -> line.contains("GPUSLICE_JAVA_HOME is " + here + "/old"));
    }

    @Test
    void withTooFewFilesItSaysSoAndDoesNotStart() throws Exception {
        Path sh = home.resolve("bin/sh");
        Files.writeString(sh, "#!/bin/sh\nulimit -n 64\nexec /bin/sh \"$@\"\n");
        Files.setPosixFilePermissions(sh, PosixFilePermissions.fromString("rwxr-xr-x"));

        assertThat(run(sh, 1))
                .singleElement()
                .asString()
                .contains("at most 64 files may be open at once, and the daemon needs 256")
                .contains("LimitNOFILE=");
    }

    @Test
    void theClassPathIsInOneOrderAndTheUsersOptionsComeLast() throws Exception {
        environment.put("GPUSLICE_JAVA_OPTS", "-Xmx1g -Dx=y");
        List<String> said = run(0, "--state-dir", "/a b");
        assertThat(said.get(said.indexOf("--class-path") + 1))
                .isEqualTo(home + "/lib/daemon/a.jar:" + home + "/lib/daemon/b.jar");
        assertThat(said.indexOf("-Xmx1g")).isGreaterThan(said.indexOf("-Xmx256m"));
        assertThat(said.subList(said.size() - 5, said.size()))
                .containsExactly("-Xmx1g", "-Dx=y", "io.gpuslice.daemon.Main", "--state-dir", "/a b");
    }

    @Test
    void theStartUpCacheIsUsedWhereThereIsOneAndWrittenWhereTold() throws Exception {
        assertThat(run(0)).noneMatch(option -> option.startsWith("-XX:AOT"));
        Path cache = Files.createFile(home.resolve("lib/daemon/gpusliced.aot"));
        assertThat(run(0)).contains("-XX:AOTCache=" + cache);
        Files.setLastModifiedTime(
                home.resolve("lib/daemon/a.jar"),
                FileTime.from(Files.getLastModifiedTime(cache).toInstant().plusSeconds(1)));
        assertThat(run(0)).as("of older jars").noneMatch(option -> option.startsWith("-XX:AOT"));
        environment.put("GPUSLICE_AOT_OUTPUT", "/tmp/x.aot");
        assertThat(run(0)).contains("-XX:AOTCacheOutput=/tmp/x.aot");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** bin/gpuslice itself: how it finds Java and its own tree, with a Java that only tells how it was called. */
class LauncherTest {
    @TempDir
    Path here;

    private Installation gpuslice;

    @BeforeEach
    void install() throws IOException, InterruptedException {
        gpuslice = Installation.at(here.resolve("a tree"));
        java("built", "25.0.1");
        Files.writeString(gpuslice.home.resolve("lib/java-home"), here.resolve("built") + "\n");
    }

    /** A Java home whose java prints its name and its arguments, one a line. */
    private Path java(String name, String version) throws IOException {
        Path home = here.resolve(name);
        Files.createDirectories(home.resolve("bin"));
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
        Path java = Files.writeString(home.resolve("bin/java"), "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\"\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        return home;
    }

    private List<String> called(String... arguments) throws IOException, InterruptedException {
        Installation.Result result = gpuslice.gpuslice(arguments);
        assertThat(result.err()).isEmpty();
        return result.text().lines().toList();
    }

    @Test
    void javaIsTheOneOfTheBuildUnlessAnotherIsChosen() throws Exception {
        gpuslice.environment.put("JAVA_HOME", java("home", "26").toString());
        assertThat(called("ps").getFirst()).isEqualTo(here + "/built/bin/java");
        gpuslice.environment.put("GPUSLICE_JAVA_HOME", java("chosen", "27-ea").toString());
        assertThat(called("ps").getFirst()).isEqualTo(here + "/chosen/bin/java");
    }

    @Test
    void aJavaThatTheTreeBringsAlongMovesWithIt() throws Exception {
        Path along = java(gpuslice.home.resolve("lib/runtime").toString(), "25.0.1");
        Files.writeString(gpuslice.home.resolve("lib/java-home"), "lib/runtime\n");
        assertThat(called("ps").getFirst()).isEqualTo(along + "/bin/java");
    }

    @Test
    void whereTheBuildsJavaIsGoneOrTooOldAnotherIsFound() throws Exception {
        java("built", "21.0.9");
        gpuslice.environment.put("JAVA_HOME", java("home", "25").toString());
        assertThat(called("ps").getFirst()).isEqualTo(here + "/home/bin/java");
        Files.delete(gpuslice.home.resolve("lib/java-home"));
        assertThat(called("ps").getFirst()).isEqualTo(here + "/home/bin/java");
        gpuslice.environment.remove("JAVA_HOME");
        gpuslice.environment.put("PATH", "/nowhere:" + here + "/home/bin:/usr/bin:/bin");
        assertThat(called("ps").getFirst()).isEqualTo(here + "/home/bin/java");
    }

    @Test
    void withoutAnyJavaItSaysWhatToInstall() throws Exception {
        java("built", "17.0.2");
        gpuslice.environment.put("PATH", "/nowhere");
        Installation.Result refused = gpuslice.gpuslice("ps");
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err())
                .contains("no Java 25 or newer")
                .contains(here + "/built")
                .contains("openjdk-25");
        assertThat(gpuslice.gpuslice("run", "true").status()).isEqualTo(125);
        assertThat(gpuslice.gpuslice("exec", "x", "true").status()).isEqualTo(125);
    }

    @Test
    void aChosenJavaIsNeverPassedOver() throws Exception {
        gpuslice.environment.put("GPUSLICE_JAVA_HOME", java("old", "21").toString());
        Installation.Result refused = gpuslice.gpuslice("ps");
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).contains(here + "/old is no Java 25 or newer (it says 21)");
    }

    @Test
    void theClassPathIsEveryJarInOneOrderAlsoThroughALink() throws Exception {
        Path link = Files.createSymbolicLink(here.resolve("link"), gpuslice.launcher());
        List<String> direct = called("ps", "-q");
        Installation.Result linked = Installation.capture(gpuslice.builder(List.of(link.toString(), "ps", "-q")), "");
        assertThat(linked.text().lines()).containsExactlyElementsOf(direct);
        assertThat(direct.subList(direct.size() - 3, direct.size()))
                .containsExactly("io.gpuslice.cli.Main", "ps", "-q");
        String classPath = direct.get(direct.indexOf("-cp") + 1);
        assertThat(classPath.split(":"))
                .isSorted()
                .hasSizeGreaterThan(4)
                .allSatisfy(jar -> assertThat(Path.of(jar)).exists());
    }

    @Test
    void theStartUpCacheIsUsedWhereThereIsOne() throws Exception {
        assertThat(called("ps")).noneMatch(option -> option.startsWith("-XX:AOT"));
        Path cache = Files.createFile(gpuslice.home.resolve("lib/cli/gpuslice.aot"));
        assertThat(called("ps")).contains("-XX:AOTCache=" + cache);
    }

    @Test
    void aStartUpCacheOlderThanAJarIsLeftAlone() throws Exception {
        Path cache = Files.createFile(gpuslice.home.resolve("lib/cli/gpuslice.aot"));
        Files.setLastModifiedTime(
                Files.copy(Installation.aLibrary(), gpuslice.home.resolve("lib/cli/replaced.jar")),
                FileTime.from(Files.getLastModifiedTime(cache).toInstant().plusMillis(1)));
        assertThat(called("ps")).noneMatch(option -> option.startsWith("-XX:AOT"));
    }

    @Test
    void whereLimitsLeaveJavaNoRoomItIsSaidBeforeJavaFails() throws Exception {
        for (String limit : List.of("-v 300000", "-n 12")) {
            Installation.Result run = gpuslice.shell("ulimit " + limit + "; exec \"$G\" run true");
            assertThat(run.status()).isEqualTo(125);
            assertThat(run.err()).contains("ulimit " + limit).contains("Java needs");
            assertThat(gpuslice.shell("ulimit " + limit + "; exec \"$G\" ps").status())
                    .isEqualTo(1);
        }
    }

    @Test
    void anIncompleteInstallationIsSaidToBeSo() throws Exception {
        try (var jars = Files.newDirectoryStream(gpuslice.home.resolve("lib/cli"))) {
            for (Path jar : jars) {
                Files.delete(jar);
            }
        }
        assertThat(gpuslice.gpuslice("ps").err()).contains("no jars in " + gpuslice.home + "/lib/cli");
    }

    @Test
    void aColonInItsPathIsRefusedBecauseJavaCannotTakeIt() throws Exception {
        Path moved = here.resolve("a:tree");
        Files.move(gpuslice.home, moved);
        Installation.Result refused =
                Installation.capture(gpuslice.builder(List.of(moved + "/bin/gpuslice", "ps")), "");
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).contains(moved.toString()).contains("colon");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PreloadTest {
    @TempDir
    Path here;

    private static String preload(String theirs, Path library, Path aliases) throws Failure {
        Environ environ = new Environ(List.of(("LD_PRELOAD=" + theirs).getBytes(StandardCharsets.UTF_8)));
        return new String(
                Preload.in(environ, library, aliases).get("LD_PRELOAD").orElseThrow(), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource({
        "'', /ours.so",
        "a.so, /ours.so:a.so",
        "a.so b.so, /ours.so:a.so:b.so",
        "':a.so::b.so ', /ours.so:a.so:b.so",
        "/ours.so:a.so, /ours.so:a.so",
        "a.so:/ours.so, /ours.so:a.so"
    })
    void oursIsFirstAndOnceAndTheirsKeepTheirOrder(String theirs, String expected) throws Failure {
        assertThat(preload(theirs, Path.of("/ours.so"), here)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a b", "a:b", "a$ORIGIN"})
    void aPathThatTheLoaderWouldSplitIsGivenByAnotherName(String name) throws Exception {
        Path library = library(name);
        String preload = preload("", library, here.resolve("aliases"));
        assertThat(preload).doesNotContain(" ").doesNotContain("$").doesNotContain(":");
        assertThat(Path.of(preload).toRealPath()).isEqualTo(library.toRealPath());
        assertThat(preload("", library, here.resolve("aliases"))).isEqualTo(preload);
        try (var names = Files.list(here.resolve("aliases"))) {
            assertThat(names).hasSize(1);
        }
    }

    @Test
    void aNameThatLeadsElsewhereIsPutRight() throws Exception {
        Path library = library("a b");
        Path alias = Path.of(preload("", library, here.resolve("aliases")));
        Files.delete(alias);
        Files.createSymbolicLink(alias, Path.of("/dev/null"));
        assertThat(preload("", library, here.resolve("aliases"))).isEqualTo(alias.toString());
        assertThat(Files.readSymbolicLink(alias)).isEqualTo(library);
    }

    @Test
    void twoInstallationsHaveTwoNames() throws Exception {
        assertThat(preload("", library("a b"), here.resolve("aliases")))
                .isNotEqualTo(preload("", library("a c"), here.resolve("aliases")));
    }

    @Test
    void anAliasDirectoryThatOthersMayEnterIsRefused() throws Exception {
        Path library = library("a b");
        Path open = Files.createDirectory(here.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(() -> preload("", library, open))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("0777");
    }

    @Test
    void aPlaceForAliasesThatIsNoBetterIsRefused() throws Exception {
        Path library = library("a b");
        assertThatThrownBy(() -> preload("", library, here.resolve("also blank")))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("also blank");
    }

    private Path library(String name) throws IOException {
        return Files.createFile(Files.createDirectories(here.resolve(name)).resolve("libgpuslice.so"));
    }
}

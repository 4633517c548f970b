// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What docs/parity.md names as proof is a test that there is. */
class ParityTest {
    private static final Pattern PROOF = Pattern.compile("`(\\w+Test)\\.(\\w+)`");

    private final Path root = Tree.find().root();

    private List<String> rows() throws IOException {
        return Files.readAllLines(root.resolve("docs/parity.md")).stream()
                .filter(line -> line.startsWith("| ") && !line.startsWith("| promise"))
                .toList();
    }

    @Test
    void everyPromiseNamesItsProof() throws IOException {
        assertThat(rows())
                .hasSizeGreaterThanOrEqualTo(12)
                .allMatch(row -> PROOF.matcher(row).find());
    }

    @Test
    void everyProofIsATest() throws IOException {
        List<MatchResult> proofs =
                rows().stream().flatMap(row -> PROOF.matcher(row).results()).toList();
        assertThat(proofs).isNotEmpty();
        for (MatchResult proof : proofs) {
            assertThat(isTest(proof.group(1), proof.group(2))).as(proof.group()).isTrue();
        }
    }

    @Test
    void aMethodThatIsNoTestIsNoProof() throws IOException {
        assertThat(isTest("ParityTest", "everyProofIsATest")).isTrue();
        assertThat(isTest("ParityTest", "isTest")).isFalse();
        assertThat(isTest("ParityTest", "noSuchMethod")).isFalse();
        assertThat(isTest("NoSuchTest", "everyProofIsATest")).isFalse();
    }

    /** The annotation stands above the method, with others perhaps between. */
    private boolean isTest(String type, String method) throws IOException {
        Pattern test = Pattern.compile(
                "@(Test|ParameterizedTest|RepeatedTest)\\b(?:\\([^)]*\\))?\\s+(?:@\\w+(?:\\((?:[^()\"]|\"[^\"]*\")*\\))?\\s+)*void "
                        + method + "\\(");
        for (Path source : sources(type)) {
            if (test.matcher(Files.readString(source)).find()) {
                return true;
            }
        }
        return false;
    }

    private List<Path> sources(String type) throws IOException {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> modules = Files.newDirectoryStream(root, Files::isDirectory)) {
            for (Path module : modules) {
                Path tests = module.resolve("src/test/java");
                if (Files.isDirectory(tests)) {
                    try (Stream<Path> files = Files.walk(tests)) {
                        files.filter(file -> file.endsWith(type + ".java")).forEach(found::add);
                    }
                }
            }
        }
        return found;
    }
}

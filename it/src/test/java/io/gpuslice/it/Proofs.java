// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A page with a table: what is said on the left, and on the right the tests that prove it. */
record Proofs(List<Row> rows) {

    /** @param proof names of tests, {@code `SomeTest.itHolds`}, perhaps with words between them */
    record Row(String said, String proof) {}

    /** A test of Java's, one of C's in the interposer, and one of the benchmark's. */
    private static final Pattern NAME = Pattern.compile("`((\\w+Test)\\.(\\w+)|(\\w+_test)\\.(?:c|py): (\\w+))`");

    private static final Pattern ROW = Pattern.compile("\\| (.+) \\| (.+) \\|");

    /** The rows of a page's tables, without their heads. */
    static Proofs in(String page) throws IOException {
        return new Proofs(Files.readAllLines(root().resolve(page)).stream()
                .flatMap(line -> ROW.matcher(line).results())
                .map(row -> new Row(row.group(1), row.group(2)))
                .filter(row -> !row.proof.equals("proof"))
                .toList());
    }

    static Path root() {
        return Tree.find().root();
    }

    /** Each row names at least one test, and each of them is there. */
    void assertHeld() {
        assertThat(rows).hasSizeGreaterThanOrEqualTo(12);
        for (Row row : rows) {
            List<MatchResult> names = NAME.matcher(row.proof).results().toList();
            assertThat(names).as("tests that prove: %s", row.said).isNotEmpty();
            assertThat(names).as(row.said).allMatch(Proofs::isTest);
        }
    }

    private static boolean isTest(MatchResult name) {
        return name.group(2) != null
                ? isTest(name.group(2), name.group(3))
                : isTestFunction(name.group(4), name.group(5));
    }

    /** The annotation stands above the method, with others perhaps between. */
    static boolean isTest(String type, String method) {
        Pattern test = Pattern.compile(
                "@(Test|ParameterizedTest|RepeatedTest)\\b(?:\\([^)]*\\))?\\s+(?:@\\w+(?:\\((?:[^()\"]|\"[^\"]*\")*\\))?\\s+)*void "
                        + method + "\\(");
        return sources(type).stream()
                .anyMatch(source -> test.matcher(read(source)).find());
    }

    /** Of the interposer, {@code RUN(itHolds);}, or of the benchmark, {@code def test_it_holds(}. */
    static boolean isTestFunction(String file, String function) {
        return has("interposer/test/" + file + ".c", "RUN(" + function + ");")
                || has("bench/test/" + file + ".py", "def " + function + "(");
    }

    private static boolean has(String file, String text) {
        Path path = root().resolve(file);
        return Files.exists(path) && read(path).contains(text);
    }

    private static List<Path> sources(String type) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> modules = Files.newDirectoryStream(root(), Files::isDirectory)) {
            for (Path module : modules) {
                Path tests = module.resolve("src/test/java");
                if (Files.isDirectory(tests)) {
                    try (Stream<Path> files = Files.walk(tests)) {
                        files.filter(file -> file.endsWith(type + ".java")).forEach(found::add);
                    }
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return found;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

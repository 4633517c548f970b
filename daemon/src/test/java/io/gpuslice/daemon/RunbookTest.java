// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The runbook in docs/operations.md against the sources: what can be said has an entry there, and what has an entry can be
 * said and is said in a test. Its first columns are the catalogue of messages.
 */
class RunbookTest {
    private static final Path ROOT = Path.of("..");

    /** Where refusals are said, and where lines of the log are. */
    private static final List<String> REFUSING = List.of("actors", "http", "daemon");

    private static final List<String> LOGGING = List.of("actors", "persistence", "http", "daemon");

    private static final String LITERAL = "\"(?:[^\"\\\\\n]|\\\\.)*\"";
    private static final Pattern COMMENT =
            Pattern.compile("/\\*.*?\\*/|^\\s*//[^\n]*$", Pattern.DOTALL | Pattern.MULTILINE);
    private static final Pattern REFUSAL =
            statement("ErrorCode\\.[A-Z_]+,|Problem\\.(?:of|badRequest|misdirected|unavailable)\\(|Refusal\\(");
    private static final Pattern LOG_LINE =
            statement("(?:LOG|log|getLog\\(\\)|scope)\\s*\\.(?:warn|error)\\(|\\.at(?:Warn|Error)\\(\\)");

    /**
     * What no test brings about: the last free descriptor would have to go between the making of a page, which needs one
     * and has its own refusal, and the copy of it a moment later.
     */
    private static final Set<String> OUT_OF_REACH = Set.of("the ledger page cannot be sent");

    private static String runbook = "";

    private static Pattern statement(String beginning) {
        return Pattern.compile("(?:" + beginning + ")((?:" + LITERAL + "|[^;\"])*);");
    }

    @BeforeAll
    static void read() throws IOException {
        String page = Files.readString(ROOT.resolve("docs/operations.md"));
        runbook = page.substring(page.indexOf("\n# Runbook\n"));
    }

    @Test
    void everyErrorCodeHasItsEntryWithItsNumber() {
        assertThat(headings(section("Error codes")))
                .containsExactlyElementsOf(
                        Arrays.stream(ErrorCode.values()).map(ErrorCode::name).toList());
        for (ErrorCode code : ErrorCode.values()) {
            assertThat(entry(code)).contains(code.number() + " in frames").contains("| message | what to look at");
        }
    }

    @Test
    void everyStatusOfHttpHasItsEntryWithTheCodesThatHaveIt() throws IOException {
        String problem = source(ROOT.resolve("http/src/main/java/io/gpuslice/http/Problem.java"));
        String routes = source(ROOT.resolve("http/src/main/java/io/gpuslice/http/Routes.java"));
        Set<String> statuses = Pattern.compile("\\b4\\d\\d\\b|\\b50\\d\\b")
                .matcher(problem + routes)
                .results()
                .map(MatchResult::group)
                .collect(toSet());

        assertThat(statuses).contains("401", "429", "503");
        assertThat(firstCells(section("HTTP statuses"))).containsAll(statuses).doesNotHaveDuplicates();
    }

    @Test
    void everyExitCodeHasItsEntry() throws IOException {
        Set<String> codes = Pattern.compile("(?m)^\\| (\\d+) \\|")
                .matcher(Files.readString(ROOT.resolve("docs/exit-codes.md")))
                .results()
                .map(code -> code.group(1))
                .filter(code -> !code.equals("0"))
                .collect(toSet());

        assertThat(codes).contains("125", "141");
        assertThat(section("Exit codes").lines().filter(line -> line.startsWith("| `gpuslice")))
                .extracting(line -> line.split("\\|", -1)[2].strip())
                .containsAll(codes);
    }

    @Test
    void everyRefusalHasItsEntryAndEveryEntryIsARefusal() throws IOException {
        agree(said(REFUSAL, REFUSING), entries(section("Error codes")));
    }

    @Test
    void everyWarningOfTheLogHasItsEntryAndEveryEntryIsAWarning() throws IOException {
        agree(said(LOG_LINE, LOGGING), entries(section("Lines of the log")));
    }

    @Test
    void everyRefusalIsExercisedByATest() throws IOException {
        StringBuilder all = new StringBuilder();
        for (String module : List.of("actors", "http", "daemon", "it", "cli")) {
            all.append(joined(ROOT.resolve(module).resolve("src/test")));
        }
        String tests = all.toString();
        assertThat(entries(section("Error codes")))
                .containsAll(OUT_OF_REACH)
                .filteredOn(entry -> !OUT_OF_REACH.contains(entry))
                // Not of the sources: a failure would print them all.
                .allMatch(entry -> tests.contains(entry.replace("\"", "\\\"")), "is in a test");
    }

    /** Each of what is said contains an entry, and each entry is in something that is said. */
    private static void agree(List<String> said, List<String> entries) {
        assertThat(said).hasSizeGreaterThan(30);
        assertThat(said).allSatisfy(text -> assertThat(entries).anyMatch(text::contains));
        assertThat(entries).allSatisfy(entry -> assertThat(said).anyMatch(text -> text.contains(entry)));
    }

    /** The literals of each statement that begins so, with an ellipsis for what differs. */
    private static List<String> said(Pattern statement, List<String> modules) throws IOException {
        List<String> said = new ArrayList<>();
        for (String module : modules) {
            statement
                    .matcher(joined(ROOT.resolve(module).resolve("src/main/java")))
                    .results()
                    .map(found -> Pattern.compile(LITERAL)
                            .matcher(found.group(1))
                            .results()
                            .map(literal -> text(literal.group()))
                            .collect(joining("…")))
                    // Else names: of fields, of keys.
                    .filter(text -> text.contains(" "))
                    .forEach(said::add);
        }
        return said;
    }

    private static String text(String literal) {
        return literal.substring(1, literal.length() - 1).replace("\\\"", "\"").replace("{}", "…");
    }

    /** All sources below it, without comments and with literals in one piece. */
    private static String joined(Path directory) throws IOException {
        StringBuilder all = new StringBuilder();
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".java"))
                    .filter(path -> !path.endsWith("RunbookTest.java"))
                    .toList()) {
                all.append(source(file));
            }
        }
        return all.toString();
    }

    private static String source(Path file) throws IOException {
        return COMMENT.matcher(Files.readString(file)).replaceAll("").replaceAll("\"\\s*\\+\\s*\"", "");
    }

    private static String section(String heading) {
        int start = runbook.indexOf("\n## " + heading + "\n");
        assertThat(start).as(heading).isNotNegative();
        int end = runbook.indexOf("\n## ", start + 1);
        return runbook.substring(start, end < 0 ? runbook.length() : end);
    }

    private static String entry(ErrorCode code) {
        String codes = section("Error codes");
        int start = codes.indexOf("\n### `" + code + "`\n");
        int end = codes.indexOf("\n### ", start + 1);
        return codes.substring(start, end < 0 ? codes.length() : end);
    }

    private static List<String> headings(String section) {
        return section.lines()
                .filter(line -> line.startsWith("### `"))
                .map(line -> line.substring("### `".length(), line.length() - 1))
                .toList();
    }

    private static List<String> firstCells(String section) {
        return section.lines()
                .filter(line -> line.startsWith("| "))
                .map(line -> line.split("\\|", -1)[1].strip())
                .toList();
    }

    /** What stands in backticks in the first column. */
    private static List<String> entries(String section) {
        return firstCells(section).stream()
                .flatMap(cell -> Arrays.stream(cell.split("<br>", -1)))
                .filter(text -> text.startsWith("`"))
                .map(text -> text.substring(1, text.length() - 1))
                .toList();
    }
}

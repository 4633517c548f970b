// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** docs/environment.md against the sources of all modules. */
class EnvironmentPageTest {
    private static final Path ROOT = Path.of("..");
    private static final Path PAGE = ROOT.resolve("docs/environment.md");

    private static final List<String> MODULES = List.of(
            "config",
            "wire",
            "linux",
            "actors",
            "persistence",
            "http",
            "cli",
            "daemon",
            "interposer",
            "it",
            "bench",
            "tools");

    /** Read by tests, by benchmarks or by the build's own tools, or misspelt on purpose: nobody else meets them. */
    private static final Set<String> TESTS_OWN = Set.of(
            "GPUSLICE_KEPT_LD_PRELOAD",
            "GPUSLICE_IPC_TOKNE",
            "GPUSLICE_IPC_WIAT",
            "GPUSLICE_LIMIT",
            "GPUSLICE_SESSION_MAX",
            "GPUSLICE_STATEDIR");

    /** As whoever reads a variable has to write it. */
    private static final Pattern QUOTED = Pattern.compile("\"(GPUSLICE_[A-Z_]+)[\"=]");

    private static final Pattern ANYWHERE = Pattern.compile("\\b(GPUSLICE_[A-Z_]+)");
    private static final Pattern SETTING = Pattern.compile(
            "### `([^`]+)`\\n\\n.+\\n\\n\\| \\| \\|\\n\\|---\\|---\\|\\n\\| value \\| (.+) \\|\\n\\| default \\| (.+) \\|\\n\\| variable \\| `(.+)` \\|");

    private static final String BEFORE_SETTINGS =
            "<!-- settings: made from configuration.md; EnvironmentPageTest says how to write it anew -->\n\n";
    private static final String AFTER_SETTINGS = "\n<!-- end of settings -->\n";

    private static Set<String> names(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map(match -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * Our names in code that is shipped, in what builds it and in what tests it.
     *
     * @param inJava where names stand in Java; in C most such words are constants, and a variable is one in quotes
     */
    private static Set<String> inSources(Pattern inJava) throws IOException {
        Set<String> found = new TreeSet<>();
        for (String module : MODULES) {
            try (Stream<Path> files = Files.walk(ROOT.resolve(module))) {
                for (Path file : files.filter(Files::isRegularFile)
                        .filter(file -> !file.toString().contains("/target/"))
                        .filter(file -> !file.endsWith("EnvironmentPageTest.java"))
                        .toList()) {
                    String name = file.getFileName().toString();
                    if (name.endsWith(".java")) {
                        found.addAll(names(inJava, text(file)));
                    } else if (name.matches(".*\\.[chS]")) {
                        found.addAll(names(QUOTED, text(file)));
                    } else if (name.endsWith(".py") || name.endsWith(".sh") || isShellScript(file)) {
                        found.addAll(names(ANYWHERE, text(file)));
                    }
                }
            }
        }
        // Constants of the contract, which Java's twin names.
        found.removeAll(names(ANYWHERE, text(ROOT.resolve("interposer/include/gpuslice_abi.h"))));
        found.removeIf(name -> name.endsWith("_") && !name.equals("GPUSLICE_KEPT_"));
        return found;
    }

    private static boolean isShellScript(Path file) throws IOException {
        return Files.isExecutable(file) && text(file).startsWith("#!");
    }

    private static String text(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
    }

    private static List<MatchResult> settings() throws IOException {
        return SETTING.matcher(Files.readString(ROOT.resolve("docs/configuration.md")))
                .results()
                .toList();
    }

    private static Set<String> told() throws IOException {
        Set<String> told = names(ANYWHERE, Files.readString(PAGE));
        told.remove("GPUSLICE_");
        return told;
    }

    @Test
    void everyVariableThatTheSourcesNameIsOnThePage() throws IOException {
        Set<String> named = inSources(ANYWHERE);
        assertThat(named).contains("GPUSLICE_IPC_WAIT", "GPUSLICE_JAVA_OPTS", "GPUSLICE_STATE_DIR");
        assertThat(named).containsAll(TESTS_OWN);
        named.removeAll(TESTS_OWN);
        assertThat(told()).containsAll(named);
    }

    @Test
    void everyVariableOnThePageIsReadBySomebody() throws IOException {
        Set<String> read = inSources(QUOTED);
        settings().forEach(setting -> read.add(setting.group(4)));
        assertThat(read).containsAll(told());
    }

    /** With {@code -Dgpuslice.update-docs=true} it writes the table instead. */
    @Test
    void everySettingHasItsLine() throws IOException {
        List<MatchResult> settings = settings();
        assertThat(settings).hasSizeGreaterThan(10);
        StringBuilder table = new StringBuilder("| variable | setting | format | default |\n|---|---|---|---|\n");
        for (MatchResult setting : settings) {
            table.append("| `%s` | `%s` | %s | %s |\n"
                    .formatted(
                            setting.group(4),
                            setting.group(1),
                            setting.group(2),
                            setting.group(3).equals("see above") ? "see there" : setting.group(3)));
        }
        String page = Files.readString(PAGE);
        int from = page.indexOf(BEFORE_SETTINGS) + BEFORE_SETTINGS.length();
        int to = page.indexOf(AFTER_SETTINGS);
        if (Boolean.getBoolean("gpuslice.update-docs")) {
            page = page.substring(0, from) + table + page.substring(to);
            Files.writeString(PAGE, page);
            to = page.indexOf(AFTER_SETTINGS);
        }
        assertThat(page.substring(from, to))
                .as("write it anew: mvn -pl cli test -Dtest=EnvironmentPageTest -Dgpuslice.update-docs=true")
                .isEqualTo(table.toString());
    }

    @Test
    void whatIsHandedOnToADaemonIsOnThePage() throws IOException {
        String starter = Files.readString(Path.of("src/main/java/io/gpuslice/cli/DaemonStarter.java"));
        String list = starter.substring(starter.indexOf("HANDED_ON = "), starter.indexOf("HANDED_ON_PREFIXES"));
        assertThat(names(Pattern.compile("\"([A-Z_]+)\""), list))
                .hasSizeGreaterThan(5)
                .allSatisfy(name -> assertThat(Files.readString(PAGE)).contains("`" + name + "`"));
    }
}

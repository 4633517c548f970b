// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** docs/exit-codes.md against the code, and every code of it against the real thing. */
class ExitCodesTest extends LauncherFixture {
    private static final Path DAEMON = Path.of("..", "daemon", "src", "main");
    private static final Pattern ROW = Pattern.compile("(?m)^\\| (\\d+) \\|");

    /** The codes in a section of the page. */
    private static Set<Integer> told(String section) throws IOException {
        String page = Files.readString(Path.of("..", "docs", "exit-codes.md"));
        int start = page.indexOf("\n## " + section + "\n");
        assertThat(start).as(section).isPositive();
        int end = page.indexOf("\n## ", start + 1);
        return numbers(ROW, page.substring(start, end < 0 ? page.length() : end));
    }

    private static Set<Integer> numbers(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map((MatchResult match) -> Integer.valueOf(match.group(1)))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static int status(String... arguments) throws IOException, InterruptedException {
        return gpuslice.gpuslice(arguments).status();
    }

    @Test
    void thePageHasTheCodesOfTheCode() throws Exception {
        List<Integer> constants = new ArrayList<>();
        for (Field field : ExitCode.class.getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers())) {
                constants.add(field.getInt(null));
            }
        }
        Set<Integer> told = new TreeSet<>(told("`gpuslice run` and `gpuslice exec`"));
        told.addAll(told("The other verbs of `gpuslice`"));
        assertThat(told).containsExactlyInAnyOrderElementsOf(constants);

        String main = Files.readString(DAEMON.resolve("java/io/gpuslice/daemon/Main.java"));
        Set<Integer> daemons = numbers(Pattern.compile("static final int \\w+ = (\\d+);"), main);
        assertThat(daemons).isNotEmpty();
        daemons.add(0);
        assertThat(told("`gpusliced`")).isEqualTo(daemons);
    }

    @Test
    void runAndExecEndAsThePageSays() throws Exception {
        Path data = Files.writeString(here.resolve("data"), "x");
        List<Integer> seen = new ArrayList<>();
        for (String[] verb : List.of(new String[] {"run", "--limit", "1GB"}, new String[] {"exec", "train"})) {
            seen.add(status(with(verb, data.toString())));
            seen.add(status(with(verb, "no-such-program")));
            assertThat(status(with(verb, "sh", "-c", "exit 124"))).isEqualTo(124);
            assertThat(status(with(verb, "sh", "-c", "kill -KILL $$"))).isEqualTo(137);
        }
        seen.add(status("run", "--limit", "0", "true"));
        seen.add(status("exec", "nobody", "true"));
        assertThat(seen).containsExactly(126, 127, 126, 127, 125, 125);
        assertThat(told("`gpuslice run` and `gpuslice exec`")).isEqualTo(new TreeSet<>(seen));
    }

    @Test
    void theOtherVerbsEndAsThePageSays() throws Exception {
        daemon.bodies.put("GET /sessions", "{\"status\":200,\"body\":{\"sessions\":[]}}");
        List<Integer> seen = new ArrayList<>();
        seen.add(status("ps"));
        seen.add(status("inspect", "nobody"));
        seen.add(status("update", "nobody"));
        seen.add(gpuslice.shell("mkfifo '" + here + "/pipe'; : < '" + here + "/pipe' & exec 3> '" + here
                        + "/pipe'; wait; exec \"$G\" ps >&3")
                .status());
        assertThat(seen).containsExactly(0, 1, 2, 141);
        assertThat(told("The other verbs of `gpuslice`")).isEqualTo(new TreeSet<>(seen));
        daemon.close();
        assertThat(status("ps")).isZero();
        assertThat(status("devices")).isEqualTo(1);
    }

    @Test
    void aDaemonWithoutAJavaEndsAsThePageSays() throws Exception {
        gpuslice.environment.put("GPUSLICE_JAVA_HOME", "/nowhere");
        Installation.Result refused =
                gpuslice.shell("exec sh '" + DAEMON.resolve("sh/gpusliced").toAbsolutePath() + "'");
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).contains("no Java").contains("GPUSLICE_JAVA_HOME is /nowhere");
    }

    private static String[] with(String[] verb, String... command) {
        List<String> all = new ArrayList<>(List.of(verb));
        all.add("--");
        all.addAll(List.of(command));
        return all.toArray(String[]::new);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Model.OptionSpec;

/** Real shells, asked what they would offer. */
class CompletionTest extends LauncherFixture {
    private static final String TWIN = "beef5678beef5678";

    /** What is typed, and what is offered then by any shell: of the sessions one has a name, and two have the same. */
    private static final Map<String, String> OFFERED = Map.ofEntries(
            Map.entry("gpuslice insp", "inspect"),
            Map.entry("gpuslice completion ", "bash zsh fish"),
            Map.entry("gpuslice completion bash ", ""),
            Map.entry("gpuslice ps --format ", "table json"),
            Map.entry("gpuslice run --limit ", ""),
            Map.entry("gpuslice run --limit 8GB --gpus ", "0"),
            Map.entry("gpuslice inspect ", "train cafe1234cafe1234 " + TWIN),
            Map.entry("gpuslice inspect t", "train"),
            Map.entry("gpuslice inspect train ", ""),
            Map.entry("gpuslice rm --force train b", TWIN),
            Map.entry("gpuslice update --limit 8GB tr", "train"),
            Map.entry("gpuslice exec tr", "train"),
            Map.entry("gpuslice run --limit 8GB gpuslic", "gpuslice"),
            Map.entry("gpuslice exec train -- gpuslic", "gpuslice"),
            Map.entry("gpuslice nonsense ", ""));

    /** Of the command line of the program that is run; bash knows that only with the package bash-completion. */
    private static final Map<String, String> OFFERED_BY_PROGRAMS = Map.of(
            "gpuslice run --limit 8GB -- gpuslice insp", "inspect",
            "gpuslice run --limit 8GB gpuslice rm tr", "train",
            "gpuslice exec train -- gpuslice ps --format j", "json");

    @BeforeEach
    void scriptDaemon() {
        daemon.bodies.put("GET /sessions", """
                {"status":200,"body":{"sessions":[
                  {"id":"0123456789abcdef","name":"train","limit_bytes":1048576,"leader":{"pid":1,"command":"python"}},
                  {"id":"cafe1234cafe1234","name":"twin"},
                  {"id":"beef5678beef5678","name":"twin"}]}}""");
        daemon.bodies.put(
                "GET /devices",
                "{\"status\":200,\"body\":{\"devices\":[{\"index\":0,\"uuid\":\"GPU-aa\",\"total_bytes\":1048576}]}}");
        gpuslice.environment.put("PATH", gpuslice.home.resolve("bin") + ":/usr/bin:/bin");
    }

    /** What the shell says of each line. */
    private List<String> ask(String shell, List<String> lines, String... command) throws Exception {
        Assumptions.assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/" + shell)), shell + " is not installed (tools/debian-packages)");
        Installation.Result made = gpuslice.gpuslice("completion", shell);
        assertThat(made.status()).as(made.err()).isZero();
        Path script = Files.writeString(here.resolve("script." + shell), made.text());
        Path asker = Path.of("src/test/resources/completion/ask." + shell).toAbsolutePath();
        List<String> asking = new ArrayList<>(Arrays.asList(command));
        asking.addAll(List.of(asker.toString(), script.toString()));
        Installation.Result said = Installation.capture(gpuslice.builder(asking), String.join("\n", lines) + "\n");
        assertThat(said.err()).isEmpty();
        List<String> answers = said.text().lines().toList();
        assertThat(answers).hasSameSizeAs(lines);
        return answers;
    }

    /** The same words, in whatever order. */
    private void offers(Map<String, String> offered, String shell, String... command) throws Exception {
        List<String> answers = ask(shell, List.copyOf(offered.keySet()), command);
        Iterator<String> answer = answers.iterator();
        for (Map.Entry<String, String> entry : offered.entrySet()) {
            assertThat(words(answer.next())).as(entry.getKey()).isEqualTo(words(entry.getValue()));
        }
    }

    private static Set<String> words(String text) {
        return Stream.of(text.split(" ")).filter(word -> !word.isEmpty()).collect(Collectors.toSet());
    }

    @Test
    void bashOffersWhatFits() throws Exception {
        offers(OFFERED, "bash", "bash", "--norc");
    }

    @Test
    void fishOffersWhatFits() throws Exception {
        offers(OFFERED, "fish", "fish", "--no-config");
        offers(OFFERED_BY_PROGRAMS, "fish", "fish", "--no-config");
    }

    @Test
    void zshCompletesWhereOneWordFits() throws Exception {
        Map<String, String> offered = new HashMap<>(OFFERED_BY_PROGRAMS);
        OFFERED.forEach((typed, words) -> {
            if (words(words).size() == 1) {
                offered.put(typed, words);
            }
        });
        Iterator<String> answer =
                ask("zsh", List.copyOf(offered.keySet()), "zsh", "-f").iterator();
        offered.forEach((typed, word) -> {
            String before = typed.substring(0, typed.lastIndexOf(' ') + 1);
            assertThat(answer.next()).isEqualTo(before + word + " ");
        });
    }

    @Test
    void everyVerbAndEveryOptionOfItIsOffered() throws Exception {
        Map<String, String> expected = new HashMap<>();
        expected.put(
                "gpuslice ", Arrays.stream(Verb.values()).map(Verb::typedName).collect(Collectors.joining(" ")));
        for (Verb verb : Verb.values()) {
            expected.put(
                    "gpuslice " + verb.typedName() + " -",
                    verb.spec().options().stream()
                            .map(OptionSpec::names)
                            .flatMap(Arrays::stream)
                            .collect(Collectors.joining(" ")));
        }
        offers(expected, "bash", "bash", "--norc");
    }

    @Test
    void aNameWithABlankIsOneWordInBash() throws Exception {
        daemon.bodies.put(
                "GET /sessions", "{\"status\":200,\"body\":{\"sessions\":[{\"id\":\"aa\",\"name\":\"my job; ls\"}]}}");
        assertThat(ask("bash", List.of("gpuslice inspect "), "bash", "--norc")).containsExactly("my\\ job\\;\\ ls");
    }

    @Test
    void withoutADaemonNothingIsOfferedAndNothingIsSaid() throws Exception {
        daemon.close();
        assertThat(ask("bash", List.of("gpuslice inspect "), "bash", "--norc")).containsExactly("");
    }

    @Test
    void anotherShellIsTurnedAwayWithThoseThatThereAre() throws Exception {
        Installation.Result result = gpuslice.gpuslice("completion", "ksh");
        assertThat(result.status()).isEqualTo(2);
        assertThat(result.err()).contains("ksh").contains("bash, zsh, fish");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** docs/cli-json.md against what the verbs print. */
class CliJsonPageTest extends LauncherFixture {
    private static final Path PAGE = Path.of("..", "docs", "cli-json.md");
    private static final String SESSION = SessionTextTest.SESSION.replace("\n", "");

    /** The example of a section. */
    private static Json example(String verb) throws IOException {
        String page = Files.readString(PAGE);
        int section = page.indexOf("\n## `" + verb + "`");
        assertThat(section).as(verb).isPositive();
        int begin = page.indexOf("```json\n", section) + "```json\n".length();
        return Json.parse(page.substring(begin, page.indexOf("```", begin)));
    }

    /** Path and type of every field; entries of a list are all alike, and null is of any type. */
    private static Map<String, String> shape(Json json) {
        Map<String, String> shape = new TreeMap<>();
        json.members().forEach((name, value) -> add(shape, name, value));
        return shape;
    }

    private static void add(Map<String, String> shape, String name, @Nullable Object value) {
        switch (value) {
            case null -> shape.put(name, "null");
            case Json inner -> shape(inner).forEach((field, type) -> shape.put(name + "." + field, type));
            case List<?> items -> items.forEach(item -> add(shape, name + "[]", item));
            case Number _ -> shape.put(name, "number");
            default -> shape.put(name, value.getClass().getSimpleName());
        }
    }

    private static String ok(String body) {
        return "{\"status\":200,\"body\":" + body + "}";
    }

    @Test
    void everyVerbThatPrintsJsonIsOnThePage() throws IOException {
        String headings = Files.readString(PAGE)
                .lines()
                .filter(line -> line.startsWith("## "))
                .collect(Collectors.joining("\n"));
        for (Verb verb : Verb.values()) {
            if (verb.spec().optionsMap().containsKey("--format")) {
                assertThat(headings).containsPattern("`" + verb.typedName() + "\\b");
            }
        }
    }

    @Test
    void statsHaveTheFieldsOfTheirExample() throws Exception {
        daemon.bodies.put("GET /sessions", ok("{\"sessions\":[" + SESSION + "]}"));
        Json printed = Json.parse(
                gpuslice.gpuslice("stats", "--no-stream", "--format", "json").text());
        assertThat(shape(printed)).isEqualTo(shape(example("stats")));
    }

    @Test
    void eventsArePrintedAsTheDaemonHasThem() throws Exception {
        Json event = example("events");
        daemon.bodies.put("GET /sessions/train", ok(SESSION));
        String path = "GET /sessions/" + FakeDaemon.ID + "/events?after=";
        daemon.bodies.put(path + "0", ok("{\"events\":[" + event.compact() + "],\"last\":17}"));
        daemon.bodies.put(path + "17", ok("{\"events\":[],\"last\":17}"));
        assertThat(Json.parse(
                        gpuslice.gpuslice("logs", "train", "--format", "json").text()))
                .isEqualTo(event);
    }

    @Test
    void versionAndInfoHaveTheFieldsOfTheirExample() throws Exception {
        daemon.close();
        for (String verb : List.of("version", "info")) {
            Json printed =
                    Json.parse(gpuslice.gpuslice(verb, "--format", "json").text());
            assertThat(shape(printed)).as(verb).isEqualTo(shape(example("version")));
        }
    }
}

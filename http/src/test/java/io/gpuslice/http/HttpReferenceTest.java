// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** docs/http.md says what is so. */
class HttpReferenceTest {

    private static final Path PAGE = Path.of("..", "docs", "http.md");

    private final String page;

    HttpReferenceTest() throws IOException {
        page = Files.readString(PAGE);
    }

    @Test
    void everyPathIsOnThePageWithWhoMayAskAndNothingElseIs() {
        Map<String, String> documented = all("(?m)^### `(.+)`\\n\\nWho: ([a-z ]+)\\.").stream()
                .collect(Collectors.toMap(match -> match.group(1), match -> match.group(2)));

        assertThat(all("(?m)^### ")).hasSameSizeAs(Endpoint.values());
        assertThat(documented)
                .isEqualTo(Arrays.stream(Endpoint.values())
                        .collect(Collectors.toMap(Endpoint::toString, endpoint -> switch (endpoint.audience()) {
                            case EVERYBODY -> "everybody";
                            case THIS_MACHINE -> "this machine";
                            case OWNERS -> "owner";
                            case OPERATOR -> "operator";
                        })));
    }

    @Test
    void everyErrorCodeIsOnThePageWithItsStatusAndNothingElseIs() {
        assertThat(all("(?m)^\\| `([A-Z_]+)` \\| (\\d+) \\|").stream()
                        .collect(Collectors.toMap(match -> match.group(1), match -> match.group(2))))
                .isEqualTo(Arrays.stream(ErrorCode.values())
                        .collect(Collectors.toMap(
                                ErrorCode::name,
                                code -> String.valueOf(Problem.of(code, "").status()))));
    }

    @ParameterizedTest
    @CsvSource({
        "GET /, /",
        "GET /info, /info",
        "GET /devices, /devices",
        "GET /sessions/{id}, /sessions/train",
        "GET /sessions/{id}/allocations, /sessions/train/allocations",
        "GET /sessions/{id}/history, /sessions/train/history",
        "GET /health/live, /health/live",
        "GET /health/ready, /health/ready"
    })
    void anExampleHasTheFieldsThatAnAnswerHas(String heading, String path) throws Exception {
        JsonNode example = example(heading);
        // Its user is nobody's business here: the token opens every door.
        try (Bound bound = new Bound(0)) {
            JsonNode answer = new ObjectMapper()
                    .readTree(bound.send(bound.request(path).header("Authorization", Bound.BEARER))
                            .body());
            assertThat(shape(example)).isEqualTo(shape(answer)).isNotEmpty();
            if (path.equals("/")) {
                assertThat(example).isEqualTo(answer);
            }
        }
    }

    @Test
    void theProblemThatIsShownHasTheFieldsOfAProblem() throws IOException {
        String errors = page.substring(page.indexOf("## Errors"));
        assertThat(shape(json(errors)))
                .isEqualTo(shape(
                        Problem.of(ErrorCode.SESSION_UNKNOWN, "x").answer().body()));
    }

    private JsonNode example(String heading) throws IOException {
        return json(page.substring(page.indexOf("### `" + heading + "`\n")));
    }

    /** The first example in {@code text}. */
    private static JsonNode json(String text) throws IOException {
        int begin = text.indexOf("```json\n") + "```json\n".length();
        return new ObjectMapper().readTree(text.substring(begin, text.indexOf("```", begin)));
    }

    /** The path of every field; entries of a list are all alike. */
    private static Set<String> shape(JsonNode json) {
        Set<String> names = new TreeSet<>();
        json.properties().forEach(field -> {
            names.add(field.getKey());
            shape(field.getValue()).forEach(inner -> names.add(field.getKey() + "." + inner));
        });
        if (json.isArray()) {
            json.forEach(entry -> names.addAll(shape(entry)));
        }
        return names;
    }

    private List<MatchResult> all(String pattern) {
        return Pattern.compile(pattern).matcher(page).results().toList();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuslice.actors.Sessions;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever decides by what was seen can have it done only if that is so still. */
class EntityTagsTest {

    private static Bound bound;

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        bound = new Bound(0);
    }

    @AfterAll
    static void stop() {
        bound.close();
    }

    @BeforeEach
    void hearNothingOld() {
        bound.forget();
    }

    @Test
    void aSessionIsShownWithTheVersionItHas() throws Exception {
        HttpResponse<String> shown = bound.send(bound.request("/sessions/train").header("Authorization", Bound.BEARER));

        assertThat(shown.headers().firstValue("ETag")).hasValue("\"v1\"");
        assertThat(bound.send(bound.request("/sessions").header("Authorization", Bound.BEARER))
                        .headers()
                        .firstValue("ETag"))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"v1\"", "\"v0\", \"v1\"", "*", "\"v0\" ,W/\"v9\",\"v1\""})
    void aChangeOfWhatWasSeenIsDoneAndShowsTheVersion(String tags) throws Exception {
        HttpResponse<String> changed = change("PATCH", "If-Match", tags);

        assertThat(changed.statusCode()).isEqualTo(200);
        assertThat(changed.headers().firstValue("ETag")).hasValue("\"v1\"");
        assertThat(change("DELETE", "If-Match", tags).statusCode()).isEqualTo(200);
    }

    /** What is nearly the same will not do (RFC 9110, 13.1.1). */
    @ParameterizedTest
    @ValueSource(strings = {"\"v0\"", "W/\"v1\"", "\"v0\", \"v2\"", "\"\""})
    void aChangeOfWhatIsNoMoreIsRefusedWithTheVersionThereIs(String tags) throws Exception {
        for (String method : List.of("PATCH", "DELETE")) {
            HttpResponse<String> refused = change(method, "If-Match", tags);

            assertThat(refused.statusCode()).isEqualTo(412);
            assertThat(refused.headers().firstValue("ETag")).hasValue("\"v1\"");
            JsonNode problem = Bound.json(refused);
            assertThat(problem.at("/version").asText()).isEqualTo("v1");
            assertThat(problem.at("/detail").asText())
                    .contains(Bound.ID.text())
                    .contains("has version v1, and not")
                    .contains("it was changed meanwhile, so nothing is done");
        }
    }

    /** Taken for no condition, a change would be made that was not to be. */
    @ParameterizedTest
    @ValueSource(strings = {"v1", "\"v1", "\"v1\" \"v2\"", "\"v1\", v2", ","})
    void whatIsNoListOfTagsIsRefused(String header) throws Exception {
        HttpResponse<String> refused = change("PATCH", "If-Match", header);

        assertThat(refused.statusCode()).isEqualTo(400);
        assertThat(Bound.json(refused).at("/detail").asText()).contains("is no list of entity tags");
        bound.asked.expectNoMessage(java.time.Duration.ZERO);
        assertThatExceptionOfType(Problem.class).isThrownBy(() -> EntityTags.ifMatch(header));
    }

    @Test
    void whoeverDecidesIsToldAllTheVersions() throws Exception {
        change("PATCH", "If-Match", "\"v0\"", "If-Match", "\"v1\"");

        assertThat(bound.asked.expectMessageClass(Sessions.Update.class).versions())
                .containsExactly("v0", "v1");
    }

    @Test
    void withoutATagItIsDoneWhateverThereIs() throws Exception {
        assertThat(change("PATCH").statusCode()).isEqualTo(200);
        assertThat(bound.asked.expectMessageClass(Sessions.Update.class).versions())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"/openapi.yaml", "/problems", "/problems/internal"})
    void aTextThatTheClientHasIsNotSentAgain(String path) throws Exception {
        HttpResponse<String> first = bound.send(bound.request(path));
        String tag = first.headers().firstValue("ETag").orElseThrow();
        HttpResponse<String> again = bound.send(bound.request(path).header("If-None-Match", "\"other\", W/" + tag));
        HttpResponse<String> other = bound.send(bound.request(path).header("If-None-Match", "\"other\""));

        assertThat(first.statusCode()).isEqualTo(200);
        assertThat(first.headers().firstValue("Cache-Control")).hasValue("no-cache");
        assertThat(again.statusCode()).isEqualTo(304);
        assertThat(again.body()).isEmpty();
        assertThat(again.headers().firstValue("ETag")).hasValue(tag);
        assertThat(other.statusCode()).isEqualTo(200);
        assertThat(other.body()).isEqualTo(first.body()).isNotEmpty();
    }

    private static HttpResponse<String> change(String method, String... headers)
            throws IOException, InterruptedException {
        var request = bound.request("/sessions/train")
                .header("Authorization", Bound.BEARER)
                .header("Content-Type", "application/json")
                .method(method, BodyPublishers.ofString(method.equals("PATCH") ? "{\"limit\":\"8GB\"}" : ""));
        return bound.send(headers.length == 0 ? request : request.headers(headers));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The type of a problem leads to what the runbook says about it. */
class ProblemPagesTest {

    private static Bound bound;

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        bound = new Bound(0);
    }

    @AfterAll
    static void stop() {
        bound.close();
    }

    @ParameterizedTest
    @EnumSource
    void aTypeLeadsToItsPartOfTheRunbook(ErrorCode code) throws Exception {
        JsonNode problem = Problem.of(code, "x").answer().body();
        URI type = bound.url()
                .resolve("/sessions/train")
                .resolve(problem.at("/type").asText());

        HttpResponse<String> page = bound.send(bound.request(type.getPath()));

        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.headers().firstValue("Content-Type")).hasValue("text/markdown; charset=UTF-8");
        assertThat(page.body())
                .startsWith("# `" + code + "`: " + problem.at("/title").asText() + "\n");
        // The runbook's own words, up to the end of the table.
        String[] lines = page.body().split("\n");
        String runbook = Files.readString(Path.of("..", "docs", "operations.md"));
        assertThat(runbook)
                .contains("### `" + code + "`\n"
                        + page.body()
                                .substring(
                                        page.body().indexOf('\n') + 1,
                                        page.body().indexOf("\nOf all of them")));
        assertThat(lines).hasSizeGreaterThan(6).noneMatch(line -> line.startsWith("##"));
    }

    @ParameterizedTest
    @EnumSource
    void aBrowserIsShownTheSameAsAPage(ErrorCode code) throws Exception {
        HttpResponse<String> page = bound.send(bound.request("/problems/" + Problem.slug(code))
                .header("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));

        assertThat(page.headers().firstValue("Content-Type")).hasValue("text/html; charset=UTF-8");
        assertThat(page.headers().firstValue("Vary")).hasValue("Accept");
        assertThat(page.headers().firstValue("Content-Security-Policy").orElse(""))
                .startsWith("default-src 'none';")
                .contains("frame-ancestors 'none'");
        assertThat(page.body())
                .contains("<title>gpuslice: " + code + ": ", "<h1><code>" + code + "</code>", "<table>", "</html>")
                .doesNotContain("`", "](", "|", "<script", "style=");
    }

    @Test
    void theListLeadsToAllOfThem() throws Exception {
        String list = bound.send(bound.request("/problems").header("Accept", "text/html"))
                .body();

        for (ErrorCode code : ErrorCode.values()) {
            assertThat(list)
                    .contains("<a href=\"/problems/" + Problem.slug(code) + "\"><code>" + code + "</code></a>: "
                            + code.description());
        }
    }

    @Test
    void aProblemThatThereIsNotIsOneItself() throws Exception {
        HttpResponse<String> answer = bound.send(bound.request("/problems/quota"));

        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(new ObjectMapper().readTree(answer.body()).at("/detail").asText())
                .isEqualTo("no problem is called \"quota\": /problems lists them");
    }

    @Test
    void whatLooksLikeMarkupInTheTextIsText() {
        assertThat(Markdown.html(
                        "a < b & `<script>` \"c\"\n\n| x \\| y | z |\n|---|---|\n| `1`<br>`2` | [p](/problems) |"))
                .isEqualTo("""
                        <p>a &lt; b &amp; <code>&lt;script&gt;</code> &quot;c&quot;</p>
                        <table>
                        <tr><th scope="col">x | y</th><th scope="col">z</th></tr>
                        <tr><td><code>1</code><br><code>2</code></td><td><a href="/problems">p</a></td></tr>
                        </table>""");
    }
}

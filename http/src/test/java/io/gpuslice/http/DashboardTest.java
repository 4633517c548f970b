// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The dashboard's files as a browser gets them; what they do is shown in a real one, by module `it`. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DashboardTest {

    private static final Pattern NAMED = Pattern.compile("(?:href|src)=\"(/dashboard/[^\"]+)\"");
    private static final Pattern IMPORTED = Pattern.compile("from \"\\./([^\"]+)\"");
    private static final Map<String, String> TYPES = Map.of(
            "html", "text/html; charset=UTF-8",
            "css", "text/css; charset=UTF-8",
            "js", "text/javascript; charset=UTF-8",
            "svg", "image/svg+xml");

    private final Bound bound;

    DashboardTest() throws IOException, InterruptedException {
        // Nobody's: the page and its files are for everybody.
        bound = new Bound(1);
    }

    @AfterAll
    void stop() {
        bound.close();
    }

    private HttpResponse<byte[]> get(String path, String... headers) throws IOException, InterruptedException {
        HttpRequest.Builder request = bound.request(path);
        if (headers.length > 0) {
            request.headers(headers);
        }
        return bound.client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    }

    private HttpResponse<byte[]> page() throws IOException, InterruptedException {
        return get("/", "Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    }

    private static String text(HttpResponse<byte[]> response) {
        return new String(response.body(), StandardCharsets.UTF_8);
    }

    private static String header(HttpResponse<?> response, String name) {
        return String.join(", ", response.headers().allValues(name));
    }

    private Set<String> named() throws IOException, InterruptedException {
        return NAMED.matcher(text(page()))
                .results()
                .map(found -> found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> folder() throws Exception {
        URI page = Objects.requireNonNull(Dashboard.class.getResource("dashboard/index.html"))
                .toURI();
        try (Stream<Path> files =
                Files.list(Objects.requireNonNull(Path.of(page).getParent()))) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toCollection(TreeSet::new));
        }
    }

    @Test
    void everyFileIsNamedByThePageAndServedAsWhatItIs() throws Exception {
        assertThat(named())
                .containsExactlyInAnyOrderElementsOf(Stream.concat(
                                folder().stream().filter(name -> !name.equals("index.html")),
                                Stream.of("uplot.css", "uplot.js"))
                        .map(name -> "/dashboard/" + name)
                        .toList());
        for (String path : named()) {
            HttpResponse<byte[]> file = get(path);
            assertThat(file.statusCode()).as(path).isEqualTo(200);
            assertThat(header(file, "content-type")).isEqualTo(TYPES.get(path.substring(path.lastIndexOf('.') + 1)));
            assertThat(file.body()).as(path).isNotEmpty();
            assertThat(IMPORTED.matcher(text(file))
                            .results()
                            .map((MatchResult found) -> "/dashboard/" + found.group(1)))
                    .as("what %s imports is fetched before it is read", path)
                    .isSubsetOf(named());
        }
        assertThat(header(page(), "content-type")).isEqualTo(TYPES.get("html"));
    }

    @Test
    void nothingFromElsewhereAndNothingInline() throws Exception {
        for (HttpResponse<byte[]> answer : List.of(page(), get("/dashboard/main.js"), get("/dashboard/style.css"))) {
            assertThat(header(answer, "content-security-policy"))
                    .isEqualTo("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
                            + " img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none';"
                            + " frame-ancestors 'none'");
            assertThat(header(answer, "x-content-type-options")).isEqualTo("nosniff");
            assertThat(header(answer, "referrer-policy")).isEqualTo("no-referrer");
            assertThat(header(answer, "cross-origin-resource-policy")).isEqualTo("same-origin");
            assertThat(header(answer, "cache-control")).isEqualTo("no-cache");
        }
        assertThat(text(page())).doesNotContain("style=\"", "onclick", "<style", "http://", "https://");
        for (String name : folder()) {
            assertThat(text(get("/dashboard/" + name)))
                    .as(name)
                    .doesNotContain("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/dashboard/main.js", "/dashboard/uplot.js"})
    void whatABrowserHasIsNotSentAgain(String path) throws Exception {
        String html = "text/html";
        String tag = header(get(path, "Accept", html), "etag");
        String packed = header(get(path, "Accept", html, "Accept-Encoding", "gzip"), "etag");

        assertThat(tag).matches("\"[0-9a-f]{24}\"").isNotEqualTo(packed);
        for (String known : List.of(tag, packed, "W/" + tag, "\"other\", " + tag, "*")) {
            HttpResponse<byte[]> again = get(path, "Accept", html, "If-None-Match", known);
            assertThat(again.statusCode()).as(known).isEqualTo(304);
            assertThat(again.body()).isEmpty();
            assertThat(header(again, "etag")).isEqualTo(tag);
        }
        assertThat(get(path, "Accept", html, "If-None-Match", "\"other\"").statusCode())
                .isEqualTo(200);
    }

    @ParameterizedTest
    @CsvSource({"gzip, true", "'br, gzip;q=0.5', true", "identity, false", "gzip;q=0, false", "br, false"})
    void itIsPackedForThoseWhoTakeThat(String accepted, boolean packed) throws Exception {
        String path = "/dashboard/main.js";
        HttpResponse<byte[]> answer = get(path, "Accept-Encoding", accepted);

        assertThat(header(answer, "content-encoding")).isEqualTo(packed ? "gzip" : "");
        assertThat(header(answer, "vary")).contains("Accept-Encoding");
        byte[] plain =
                packed ? new GZIPInputStream(new ByteArrayInputStream(answer.body())).readAllBytes() : answer.body();
        assertThat(plain).isEqualTo(get(path).body());
    }

    @Test
    void theWholePageIsUnder100Kilobytes() throws Exception {
        long bytes = get("/", "Accept", "text/html", "Accept-Encoding", "gzip").body().length;
        for (String path : named()) {
            bytes += get(path, "Accept-Encoding", "gzip").body().length;
        }

        assertThat(bytes).isBetween(20_000L, 100_000L);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "other.js",
                "Dashboard.class",
                "..%2FDashboard.class",
                "%2e%2e%2f%2e%2e%2fopenapi.yaml",
                "%00",
                "uPlot.d.ts"
            })
    void whatIsNoFileOfItIsNotServed(String name) throws Exception {
        HttpResponse<byte[]> answer = get("/dashboard/" + name);

        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(header(answer, "content-type")).isEqualTo("application/problem+json");
        assertThat(new ObjectMapper().readTree(answer.body()).path("detail").asText())
                .contains("the dashboard has no file");
    }
}

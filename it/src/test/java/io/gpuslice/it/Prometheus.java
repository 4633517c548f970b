// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A real Prometheus, asked by its HTTP API as Grafana asks it. It ends with the rig that started it. */
final class Prometheus {
    private static final Pattern LISTENING =
            Pattern.compile("\"address\":\"(127\\.0\\.0\\.1:\\d+)\"[^}]*\"Listening on\"");

    private final Web web;

    private Prometheus(Web web) {
        this.web = web;
    }

    /** With {@code CI=true} both are there, and a lack of them is a failure. */
    static void needed() {
        for (String program : List.of("prometheus", "promtool")) {
            Needs.that(
                    Stream.of(System.getenv("PATH").split(":"))
                            .anyMatch(folder -> Files.isExecutable(Path.of(folder, program))),
                    "there is no " + program + ": tools/install-deps test, or apt-get install prometheus");
        }
    }

    /** @param configuration its data goes beside it */
    static Prometheus start(Rig rig, Path configuration) {
        Guest server = rig.start(
                List.of(
                        "prometheus",
                        "--config.file=" + configuration,
                        "--storage.tsdb.path=" + configuration.resolveSibling("data"),
                        "--web.listen-address=127.0.0.1:0",
                        "--log.format=json"),
                rig.environment());
        Matcher said = LISTENING.matcher("");
        Rig.eventually(() -> said.reset(server.errors()).find() || !server.alive());
        assertThat(server.alive()).as("Prometheus runs\n%s", server.errors()).isTrue();
        Web web = new Web(URI.create("http://" + said.group(1)), "");
        Rig.eventually(() -> web.get("/-/ready").status() == 200);
        return new Prometheus(web);
    }

    /** What it answers under {@code /api/v1/}. */
    JsonNode api(String path) {
        return web.get("/api/v1/" + path).with(200).json().path("data");
    }

    /** The series that a query has now, each with {@code metric} and {@code value}. */
    List<JsonNode> series(String promql) {
        JsonNode found = api("query?query=" + URLEncoder.encode(promql, StandardCharsets.UTF_8));
        assertThat(found.path("resultType").asText()).as(promql).isEqualTo("vector");
        return found.path("result").valueStream().toList();
    }

    /** Of one that has one series. */
    double value(String promql) {
        List<JsonNode> series = series(promql);
        assertThat(series).as(promql).hasSize(1);
        return series.getFirst().path("value").path(1).asDouble();
    }
}

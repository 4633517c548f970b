// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What deploy/ has for Prometheus and Grafana, with a real Prometheus that scrapes a real daemon. The files are those
 * that are shipped, but for the daemon's address and a shorter interval.
 */
class PrometheusTest {
    private static final Path DEPLOY = Tree.find().root().resolve("deploy");

    /** Queries that have nothing to show here, by the panel's title, and why. */
    private static final Map<String, String> EMPTY = Map.of(
            "Memory without a member A", "no process died whose memory another one keeps",
            "Memory without a member B", "nobody uses memory whose exporter is gone",
            "Alerts", "nothing is wrong",
            "Daemon started", "it was started before the first scrape");

    /** What a scrape has not, and Prometheus gives to every series. */
    private static final Set<String> OF_THE_TARGET = Set.of("instance", "job");

    private static final Pattern PROMETHEUS_OWN = Pattern.compile("(ALERTS|up)\\{.*");

    private static final Pattern LEGEND = Pattern.compile("\\{\\{(\\w+)}}");

    private static Rig rig;
    private static Prometheus prometheus;
    private static Rig.Opened session;
    private static Guest holder;

    /** A session with charges, a denial, a collect and a reclaim, so that nearly everything has something to show. */
    @BeforeAll
    static void aPrometheusScrapesADaemonThatHasSomethingToShow() throws IOException {
        Prometheus.needed();
        rig = Rig.running();
        prometheus = Prometheus.start(rig, configuration(rig.web()));
        session = rig.open("64MB");
        Guest killed = rig.in(session, "holder", "--count", 16);
        killed.await("ready held=16");
        holder = rig.in(session, "holder", "--count", 100);
        holder.await("ready held=48 refused=2");
        killed.kill();
        Rig.eventually(() -> rig.used(session.id()) == 48 * Rig.MIB);
    }

    @AfterAll
    static void close() {
        if (rig != null) {
            rig.close();
        }
    }

    private static Path configuration(Web daemon) throws IOException {
        Path folder = Files.createDirectory(rig.dir.resolve("prometheus"));
        Files.writeString(folder.resolve("gpuslice.token"), daemon.token() + "\n");
        Files.copy(DEPLOY.resolve("prometheus/gpuslice.rules.yml"), folder.resolve("gpuslice.rules.yml"));
        String shipped = Files.readString(DEPLOY.resolve("prometheus/prometheus.yml"));
        assertThat(shipped).contains("127.0.0.1:8747", "_interval: 15s");
        return Files.writeString(
                folder.resolve("prometheus.yml"),
                shipped.replace("127.0.0.1:8747", daemon.url().getAuthority())
                        .replace("_interval: 15s", "_interval: 300ms"));
    }

    private static void awaitValue(String promql, double expected) {
        Awaitility.await()
                .atMost(Guest.PATIENCE)
                .untilAsserted(
                        () -> assertThat(prometheus.value(promql)).as(promql).isEqualTo(expected));
    }

    @Test
    void prometheusHasWhatAProgramHoldsMayHoldAndIsDenied() {
        String ours = "{job=\"gpuslice\",session=\"" + session.id() + "\"}";
        String there = ours.replace("}", ",device=\"" + firstDevice() + "\"}");
        awaitValue("gpuslice_used_bytes" + there, 48 * Rig.MIB);
        awaitValue("gpuslice_limit_bytes" + there, 64 * Rig.MIB);
        awaitValue("gpuslice_session_processes" + ours, 1);
        awaitValue("gpuslice_ready", 1);
        awaitValue("gpuslice_session_denied_alloc_total" + ours, 1);

        holder.say("more 20");
        holder.await("held=64");

        awaitValue("gpuslice_used_bytes" + there, 64 * Rig.MIB);
        awaitValue("gpuslice_session_denied_alloc_total" + ours, 2);
        awaitValue("gpuslice_used_bytes" + there + " / gpuslice_limit_bytes" + there, 1);

        holder.say("less 16");
        holder.await("held=48");
        awaitValue("gpuslice_used_bytes" + there, 48 * Rig.MIB);
    }

    private static String firstDevice() {
        return rig.card().path("devices").path(0).path("uuid").asText();
    }

    @Test
    void aSessionThatHasEndedIsGoneFromTheNextScrape() {
        Rig.Opened brief = rig.open("32MB");
        Guest guest = rig.in(brief, "holder", "--count", 100);
        guest.await("ready held=32 refused=2");
        String theirs = "{session=\"" + brief.id() + "\"}";
        awaitValue("sum(gpuslice_used_bytes" + theirs + ")", 32 * Rig.MIB);
        awaitValue("gpuslice_session_denied_alloc_total" + theirs, 1);

        rig.web().call("DELETE", "/sessions/" + brief.id() + "?force=true", "").with(200);

        Awaitility.await()
                .atMost(Guest.PATIENCE)
                .untilAsserted(() -> assertThat(prometheus.series(theirs)).isEmpty());
    }

    /**
     * One query of the dashboard or the alerts.
     *
     * @param at where it stands, for people
     * @param legend what its series are called; may name labels
     */
    private record Query(String at, String promql, String legend) {
        /** As Grafana would send it when everything is chosen. */
        Query filledIn() {
            return new Query(
                    at,
                    promql.replace("$__rate_interval", "5s")
                            .replace("$__interval", "5s")
                            .replace("$__range", "1m")
                            .replaceAll("\\$(instance|device|session)", ".*"),
                    legend);
        }
    }

    private static JsonNode dashboard() throws IOException {
        return Rig.json(Files.readString(DEPLOY.resolve("grafana/gpuslice.json")));
    }

    private static List<Query> ofTheDashboard() throws IOException {
        List<Query> queries = new ArrayList<>();
        JsonNode dashboard = dashboard();
        for (JsonNode panel : dashboard.path("panels")) {
            for (JsonNode target : panel.path("targets")) {
                String title = panel.path("title").asText();
                String at = panel.path("targets").size() == 1
                        ? title
                        : title + " " + target.path("refId").asText();
                queries.add(new Query(
                        at,
                        target.path("expr").asText(),
                        target.path("legendFormat").asText()));
            }
        }
        for (JsonNode annotation : dashboard.path("annotations").path("list")) {
            if (annotation.has("expr")) {
                queries.add(new Query(
                        annotation.path("name").asText(),
                        annotation.path("expr").asText(),
                        ""));
            }
        }
        return queries.stream().map(Query::filledIn).toList();
    }

    /** Of the alerts that Prometheus has loaded; without what they hold their figures against, most have figures. */
    private static List<Query> ofTheAlerts() {
        return alerts().stream()
                .map(alert -> new Query(
                        alert.path("name").asText(),
                        alert.path("query").asText().replaceAll(" (>|==) [0-9.]+", ""),
                        ""))
                .toList();
    }

    private static List<JsonNode> alerts() {
        return prometheus
                .api("rules")
                .path("groups")
                .valueStream()
                .flatMap(group -> group.path("rules").valueStream())
                .toList();
    }

    /** By metric, what labels it has; what is never shown but for memory without a member has a session's on a device. */
    private static Map<String, Set<String>> exported() {
        Scrape scrape = rig.web().scrape();
        Map<String, Set<String>> exported = new TreeMap<>();
        for (Scrape.Sample sample : scrape.samples()) {
            exported.computeIfAbsent(sample.name(), _ -> new HashSet<>(OF_THE_TARGET))
                    .addAll(sample.labels().keySet());
        }
        for (String rare : List.of("gpuslice_lingering_bytes", "gpuslice_imported_bytes")) {
            assertThat(scrape.text()).contains("# TYPE " + rare + " gauge\n");
            exported.putIfAbsent(rare, Set.of("device", "session", "instance"));
        }
        return exported;
    }

    @Test
    void everyMetricAndLabelThatIsAskedForIsExported() throws IOException {
        Map<String, Set<String>> exported = exported();
        List<Query> queries = new ArrayList<>(ofTheDashboard());
        queries.addAll(ofTheAlerts());
        assertThat(queries).hasSizeGreaterThan(60);
        for (Query query : queries) {
            Promql promql = Promql.of(query.promql());
            assertThat(exported.keySet()).as(query.toString()).containsAll(promql.metrics());
            Set<String> labels = new HashSet<>();
            Set<String> possible = new HashSet<>();
            for (String metric : promql.metrics()) {
                Set<String> its = exported.getOrDefault(metric, Set.of());
                labels.addAll(its);
                its.forEach(label -> possible.add(metric + "{" + label + "}"));
            }
            assertThat(labels).as(query.toString()).containsAll(promql.grouped());
            assertThat(promql.matched().stream()
                            .filter(PROMETHEUS_OWN.asMatchPredicate().negate()))
                    .as(query.toString())
                    .isSubsetOf(possible);
        }
        for (JsonNode variable : dashboard().path("templating").path("list")) {
            if (variable.path("type").asText().equals("query")) {
                Matcher asked = Pattern.compile("label_values\\((\\w+)(?:\\{.*})?, (\\w+)\\)")
                        .matcher(variable.path("definition").asText());
                assertThat(asked.matches()).as(variable.toString()).isTrue();
                assertThat(exported.get(asked.group(1))).as(variable.toString()).contains(asked.group(2));
            }
        }
    }

    @Test
    void everyQueryHasSomethingToShow() throws IOException {
        List<Query> queries = new ArrayList<>(ofTheDashboard());
        queries.addAll(ofTheAlerts());
        // Rates need two scrapes, and a histogram's quantile something that was timed between them.
        Awaitility.await().atMost(Guest.PATIENCE).untilAsserted(() -> {
            Map<String, String> empty = new TreeMap<>();
            for (Query query : queries) {
                List<JsonNode> series = prometheus.series(query.promql());
                if (series.isEmpty()) {
                    empty.put(query.at(), query.promql());
                }
                Set<String> named = new TreeSet<>();
                LEGEND.matcher(query.legend()).results().forEach(label -> named.add(label.group(1)));
                assertThat(series)
                        .as(query.toString())
                        .allSatisfy(one -> assertThat(
                                        one.path("metric").propertyStream().map(Map.Entry::getKey))
                                .containsAll(named));
            }
            assertThat(empty.keySet())
                    .as("queries that show nothing: %s", empty)
                    .isEqualTo(new TreeSet<>(EMPTY.keySet()));
        });
    }

    @Test
    void panelsHaveIdsOfTheirOwnAndDoNotOverlap() throws IOException {
        Set<Integer> ids = new HashSet<>();
        Map<List<Integer>, String> taken = new HashMap<>();
        for (JsonNode panel : dashboard().path("panels")) {
            String title = panel.path("title").asText();
            JsonNode place = panel.path("gridPos");
            assertThat(ids.add(panel.path("id").asInt())).as(title).isTrue();
            for (int x = place.path("x").asInt();
                    x < place.path("x").asInt() + place.path("w").asInt();
                    x++) {
                assertThat(x).as(title).isLessThan(24);
                for (int y = place.path("y").asInt();
                        y < place.path("y").asInt() + place.path("h").asInt();
                        y++) {
                    assertThat(taken.put(List.of(x, y), title)).as(title).isNull();
                }
            }
            assertThat(panel.path("type").asText().equals("row")
                            || !panel.path("description").asText().isBlank())
                    .as("%s says what it shows", title)
                    .isTrue();
        }
    }

    @Test
    void everyAlertIsLoadedTestedAndExplained() throws IOException {
        String page = Files.readString(DEPLOY.resolveSibling("docs/monitoring.md"));
        String tests = Files.readString(DEPLOY.resolve("prometheus/gpuslice.rules.test.yml"));
        Awaitility.await()
                .atMost(Guest.PATIENCE)
                .untilAsserted(() -> assertThat(alerts())
                        .hasSizeGreaterThan(10)
                        .allSatisfy(alert -> assertThat(alert.path("health").asText())
                                .as(alert.toString())
                                .isEqualTo("ok")));
        assertThat(alerts()).allSatisfy(alert -> {
            String name = alert.path("name").asText();
            JsonNode said = alert.path("annotations");
            assertThat(alert.path("labels").path("severity").asText()).isIn("critical", "warning");
            assertThat(said.path("summary").asText()).isNotBlank();
            assertThat(said.path("description").asText()).isNotBlank();
            assertThat(said.path("runbook_url").asText())
                    .isEqualTo("docs/monitoring.md#" + name.toLowerCase(Locale.ROOT));
            assertThat(page).contains("\n### " + name + "\n");
            assertThat(tests)
                    .as("a test in which it fires, and one in which it does not")
                    .contains("alertname: " + name + ", exp_alerts: []}")
                    .contains("alertname: " + name + "\n        exp_alerts:\n          - exp_labels:");
        });
    }

    @Test
    void promtoolFindsNothingWrong() {
        Path shipped = DEPLOY.resolve("prometheus");
        assertThat(promtool(
                        "check",
                        "config",
                        rig.dir.resolve("prometheus/prometheus.yml").toString()))
                .contains("SUCCESS");
        assertThat(promtool(
                        "check", "rules", shipped.resolve("gpuslice.rules.yml").toString()))
                .contains("SUCCESS");
        assertThat(promtool(
                        "test",
                        "rules",
                        shipped.resolve("gpuslice.rules.test.yml").toString()))
                .contains("SUCCESS");
        Guest metrics = rig.start(List.of("promtool", "check", "metrics"), rig.environment());
        metrics.say(rig.web().get("/metrics").with(200).body());
        assertThat(metrics.finish().output() + metrics.errors()).isEmpty();
    }

    private static String promtool(String... arguments) {
        Guest promtool = rig.start(
                Stream.concat(Stream.of("promtool"), Stream.of(arguments)).toList(), rig.environment());
        assertThat(promtool.finish().exitCode()).as(promtool.errors()).isZero();
        return promtool.output();
    }
}

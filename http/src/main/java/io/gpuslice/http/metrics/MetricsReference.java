// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import java.util.stream.Collectors;

/** The reference page docs/metrics.md, made of the catalogue so that the two cannot disagree. */
final class MetricsReference {
    private MetricsReference() {}

    static String markdown() {
        StringBuilder page = new StringBuilder("""
                <!-- Made from the catalogue in module http; its test says how to write it anew. Do not edit. -->
                # Metrics

                `GET /metrics` shows them in Prometheus's text format. On loopback it needs no token: it names sessions by their ids only.
                [monitoring.md](monitoring.md) has what reads them: a scrape configuration, alerts, a dashboard.

                What is so at the moment (sessions, processes, bytes held, charged, allowed) is asked of the sessions at each scrape; scrapes
                within a quarter of a second share one answer. A session that has ended has no series. Counters count from the daemon's
                start, across the ends of sessions, and never fall while it runs; what a session did before a restart of the daemon is in
                `gpuslice inspect`. When the sessions cannot be listed, `/metrics` answers 503 rather than with sessions missing.

                A session has series with `device` for each device that it limits by name or has been used on: one with a plain limit
                (`8GB`), which is each device's, has none before its first process comes. At most `sessions.max` sessions have series, on at
                most 32 devices each; with [`metrics.sessions`](configuration.md#metricssessions)` = false` none has, and the sums are all
                there is. What is labelled `device` alone is the sum of all sessions there.

                `device` is a GPU's UUID, `session` a session's id; `state` and `reason` are spelled as in JSON and in the audit log.

                """);
        page.append("| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n");
        for (Family family : Catalogue.ALL) {
            page.append("| `%s` | %s | %s | %s | %s |\n"
                    .formatted(
                            family.name(),
                            family.kind(),
                            family.unit(),
                            family.labels().stream()
                                    .map(label -> "`" + label + "`")
                                    .collect(Collectors.joining(", ")),
                            family.help()));
        }
        page.append(
                "\nBuckets of the histograms, in seconds; a time is put into its bucket to within a hundredth:\n\n");
        Catalogue.ALL.stream()
                .filter(family -> family.kind() == Family.Kind.HISTOGRAM)
                .forEach(family -> page.append("- `%s`: %s\n"
                        .formatted(
                                family.name(),
                                family.buckets().stream().map(String::valueOf).collect(Collectors.joining(", ")))));
        return page.append("""

                ## Worth asking

                ```promql
                # sessions that hold more than nine tenths of their limit
                gpuslice_used_bytes / gpuslice_limit_bytes > 0.9

                # how much of each device the sessions hold
                sum by (instance, device) (gpuslice_used_bytes) / on (instance, device) gpuslice_device_memory_bytes

                # programs that the limit does not reach
                gpuslice_unenforced_processes > 0

                # denied allocations a second
                rate(gpuslice_denied_alloc_total[5m])

                # how long 99 of 100 requests wait for their answer
                histogram_quantile(0.99, rate(gpuslice_decision_duration_seconds_bucket[5m]))

                # the disk or the journal needs somebody
                increase(gpuslice_journal_failures_total[10m]) > 0 or increase(gpuslice_audit_lost_total[10m]) > 0
                ```
                """).toString();
    }
}

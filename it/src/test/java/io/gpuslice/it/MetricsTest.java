// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Each metric is what it says, by real guests and by the simulated card's own count. */
class MetricsTest {
    private static final Set<String> ALLOCATIONS =
            Set.of("cuMemAlloc_v2", "cuMemAlloc", "cuMemAllocManaged", "cuMemAllocPitch_v2", "cuMemAllocPitch");

    @AutoClose
    private final Rig rig = Rig.idle();

    /** A scrape shares its answer with those a moment later, so an event is in one of the next. */
    private void awaitMetric(String what, long expected, ToLongFunction<Scrape> value) {
        Awaitility.await().atMost(Guest.PATIENCE).untilAsserted(() -> {
            Scrape scrape = rig.web().scrape();
            assertThat(value.applyAsLong(scrape))
                    .as("%s in\n%s", what, scrape.text())
                    .isEqualTo(expected);
        });
    }

    private void awaitMetric(String name, long expected) {
        awaitMetric(name, expected, scrape -> scrape.number(name));
    }

    private void awaitMetric(String name, Map<String, String> labels, long expected) {
        awaitMetric(name + labels, expected, scrape -> scrape.number(name, labels));
    }

    @Test
    void everyDeniedAllocationIsCounted() {
        rig.daemon();
        awaitMetric("gpuslice_denied_alloc_total", 0);
        Guest holder = rig.in(rig.create("64MB"), "holder", "--count", 100);
        holder.await("ready held=64 refused=2");
        awaitMetric("gpuslice_denied_alloc_total", 1);

        for (int more = 0; more < 5; more++) {
            holder.say("more 1");
            holder.await("held=64 refused=2");
        }
        Guest other = rig.under("32MB", "fill").finish();
        assertThat(other.output()).contains("held=32 refused=2", "again=32 refused=2");

        awaitMetric("gpuslice_denied_alloc_total", 1 + 5 + 2);
    }

    @Test
    void activeSessionsFallWhenTheyEndAndAreRightAfterARestart() {
        Guest daemon = rig.with("GPUSLICE_SESSIONS_END_GRACE", "100ms").daemon();
        awaitMetric("gpuslice_sessions_active", 0);
        String removed = rig.create("64MB");
        rig.create("64MB", "--name", "stays");
        String brief = rig.create("64MB", "--ttl", "1s");
        Guest guest = rig.under("64MB", "holder", "--count", 8);
        guest.await("ready held=8");
        Rig.eventually(() -> rig.inspect(brief).path("state").asText().equals("EXPIRED"));
        awaitMetric("gpuslice_sessions_active", 3);
        awaitMetric("gpuslice_sessions", Map.of("state", "ACTIVE"), 3);
        awaitMetric("gpuslice_sessions", Map.of("state", "EXPIRED"), 1);

        rig.run("rm", removed).ok();
        awaitMetric("gpuslice_sessions_active", 2);
        guest.finish().exitCode();
        awaitMetric("gpuslice_sessions_active", 1);

        daemon.kill().exitCode();
        rig.daemon();
        awaitMetric("gpuslice_sessions_active", 1);
        awaitMetric("gpuslice_sessions", Map.of("state", "EXPIRED"), 1);
    }

    @Test
    void recoveredBytesAreWhatWasUsedAtDeath() {
        rig.daemon();
        String session = rig.create("64MB");
        assertThat(rig.in(session, "fill").finish().output()).contains("freed");
        Guest holder = rig.in(session, "holder", "--count", 20);
        holder.await("ready held=20");
        holder.say("less 5");
        holder.await("held=15");
        awaitMetric("gpuslice_recovered_bytes_total", 0);

        holder.kill();

        // Not the 64 that it was charged, of which it had used 20, nor those: 5 of them it had given back itself.
        awaitMetric("gpuslice_recovered_bytes_total", 15 * Rig.MIB);
        awaitMetric("gpuslice_reclaims_total", Map.of("reason", "DIED"), 2);
        awaitMetric("gpuslice_reclaim_duration_seconds_count", 2);
    }

    @Test
    void allocationEventsAreTheCardsOwnCount() {
        rig.daemon();
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 10);
        holder.await("ready held=10");
        holder.say("less 9");
        holder.await("held=1");
        holder.say("more 7");
        holder.await("held=8");
        assertThat(rig.in(session, "fill").finish().output()).contains("held=56 refused=2");
        Guest killed = rig.in(session, "holder", "--count", 5);
        killed.await("ready held=5");
        killed.kill();
        Guest churn = rig.under("8MB", "churn", "--threads", 2, "--most", "2M", "--seconds", 1);
        assertThat(Guest.number(churn.await("calls"), "failed")).isZero();
        churn.finish().exitCode();

        long onCard = allocationsOnCard();
        assertThat(onCard).isGreaterThan(10 + 7 + 56 + 8 + 5);
        awaitMetric("gpuslice_alloc_events_total", onCard);
    }

    /** Those that succeeded, of all processes that there ever were: the card keeps the books of the dead as long as it has room. */
    private long allocationsOnCard() {
        long count = 0;
        for (JsonNode process : rig.card().path("processes")) {
            for (JsonNode device : process.path("devices")) {
                for (String call : ALLOCATIONS) {
                    count += device.path("calls").path(call).asLong();
                }
            }
        }
        return count;
    }

    @Test
    void usedBytesAreTheCardsAndASessionsSeriesEndWithIt() {
        rig.daemon();
        String session = rig.create("64MB");
        String other = rig.create("32MB");
        Guest first = rig.in(session, "holder", "--count", 20);
        first.await("ready held=20");
        first.say("less 5");
        first.await("held=15");
        Guest second = rig.in(other, "fill", "--step", 1_000_001, "--max", 3, "--hold");
        second.await("held=3");
        String device = rig.card().path("devices").path(0).path("uuid").asText();
        Map<String, String> ofFirst = Map.of("session", session, "device", device);

        awaitMetric("gpuslice_used_bytes_total", rig.heldOnCard());
        awaitMetric("gpuslice_used_bytes", rig.heldOnCard());
        awaitMetric("gpuslice_used_bytes", ofFirst, 15 * Rig.MIB);
        awaitMetric("gpuslice_used_bytes", Map.of("session", other, "device", device), 3 * 1_000_001);
        awaitMetric("gpuslice_limit_bytes", ofFirst, 64 * Rig.MIB);
        Scrape scrape = rig.web().scrape();
        assertThat(scrape.number("gpuslice_charge_bytes", ofFirst)).isBetween(15 * Rig.MIB, 64 * Rig.MIB);
        assertThat(scrape.number("gpuslice_device_memory_bytes", Map.of("device", device)))
                .isEqualTo(4096 * Rig.MIB);

        rig.run("rm", "--force", session).ok();
        awaitMetric("gpuslice_used_bytes_total", 3 * 1_000_001);
        assertThat(rig.web().scrape().text()).doesNotContain(session).contains(other);
    }

    @Test
    void grantsAndCollectsAndTheirTimesAreTheAuditLogs() {
        rig.daemon();
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 64);
        holder.await("ready held=64");
        holder.say("less 40");
        holder.await("held=24");
        assertThat(rig.in(session, "fill").finish().output()).contains("held=40 refused=2");
        Audit audit = rig.audit();
        audit.await(Audit.says("reclaim", "ok"));
        long grants = count(audit, "grant");
        long collects = count(audit, "collect");
        long denials = count(audit, "deny");
        assertThat(grants).isPositive();
        assertThat(collects).isPositive();
        assertThat(denials).isPositive();
        assertThat(audit.bytes(session, "collect")).isGreaterThanOrEqualTo(40 * Rig.MIB);

        awaitMetric("gpuslice_grants_total", grants);
        awaitMetric("gpuslice_collects_total", collects);
        awaitMetric("gpuslice_collected_bytes_total", audit.bytes(session, "collect"));
        awaitMetric("gpuslice_decision_duration_seconds_count", grants + denials);
        Scrape scrape = rig.web().scrape();
        assertThat(scrape.number("gpuslice_decision_duration_seconds_bucket", Map.of("le", "+Inf")))
                .isEqualTo(grants + denials);
        assertThat(scrape.of("gpuslice_decision_duration_seconds_sum", Map.of()))
                .singleElement()
                .satisfies(sum -> assertThat(sum.value()).isPositive());
        // Every grant is in the journal before it counts.
        assertThat(scrape.number("gpuslice_journal_write_duration_seconds_count"))
                .isGreaterThanOrEqualTo(grants);
        assertThat(scrape.number("gpuslice_journal_failures_total")).isZero();
        assertThat(scrape.number("gpuslice_audit_lost_total")).isZero();
    }

    private static long count(Audit audit, String operation) {
        return audit.lines().stream()
                .filter(line -> line.path("operation").asText().equals(operation))
                .count();
    }

    @Test
    void theBuildSaysItsVersionAndPromtoolHasNothingToSay() throws Exception {
        rig.daemon();
        String session = rig.create("64MB");
        Guest holder = rig.in(session, "holder", "--count", 70);
        holder.await("ready held=64 refused=2");
        holder.kill();
        awaitMetric("gpuslice_recovered_bytes_total", 64 * Rig.MIB);

        Scrape scrape = rig.web().scrape();
        String version = Rig.json(rig.run("version", "--format", "json").ok().out())
                .path("daemon")
                .path("version")
                .asText();
        assertThat(scrape.number("gpuslice_build_info", Map.of("version", version)))
                .isEqualTo(1);
        for (String inherited : List.of(
                "gpuslice_sessions_active",
                "gpuslice_used_bytes_total",
                "gpuslice_alloc_events_total",
                "gpuslice_denied_alloc_total",
                "gpuslice_recovered_bytes_total")) {
            assertThat(scrape.of(inherited, Map.of())).as(inherited).isNotEmpty();
        }
        assertThat(promtool(scrape.text())).isEmpty();
    }

    /** What {@code promtool check metrics} finds wrong. */
    private String promtool(String metrics) throws IOException {
        try {
            Guest promtool = rig.start(List.of("promtool", "check", "metrics"), rig.environment());
            promtool.say(metrics);
            return promtool.finish().output() + promtool.errors();
        } catch (UncheckedIOException e) {
            Needs.that(false, "promtool is not installed: tools/install-deps installs it as root");
            throw e;
        }
    }
}

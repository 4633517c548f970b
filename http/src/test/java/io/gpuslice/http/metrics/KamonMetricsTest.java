// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.MemberView;
import io.gpuslice.actors.Remainder;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.Totals;
import io.gpuslice.actors.Unenforced;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class KamonMetricsTest {
    private static final DeviceId FIRST = new DeviceId(new UUID(0, 1));
    private static final DeviceId SECOND = new DeviceId(new UUID(0, 2));
    private static final String ON_FIRST = "{device=\"" + FIRST + "\",session=\"%s\"}";
    private static final String ON_SECOND = "{device=\"" + SECOND + "\",session=\"%s\"}";
    private static final Totals NOTHING = new Totals(0, 0, 0);
    private static final Devices.Known DEVICES = new Devices.Known(
            List.of(new Devices.Device(FIRST, 0, "A", 16L << 30), new Devices.Device(SECOND, 1, "B", 0)), "");

    private final AtomicLong nanos = new AtomicLong();
    private final AtomicLong auditLost = new AtomicLong();
    private final AtomicInteger asked = new AtomicInteger();
    private CompletionStage<Sessions.ListReply> reply = listed(NOTHING);
    private CompletionStage<Devices.Known> devices = CompletableFuture.completedFuture(DEVICES);
    private CompletionStage<Boolean> ready = CompletableFuture.completedFuture(true);
    private final KamonMetrics metrics = new KamonMetrics(
            new KamonMetrics.Sources(
                    () -> {
                        asked.incrementAndGet();
                        return reply;
                    },
                    () -> devices,
                    () -> ready,
                    auditLost::get),
            "1.2.3",
            true,
            nanos::get);

    @Test
    void whatHappensIsCountedAtOnce() {
        assertThat(scrape().values())
                .containsEntry("gpuslice_grants_total", 0.0)
                .containsEntry("gpuslice_collects_total", 0.0)
                .containsEntry("gpuslice_collected_bytes_total", 0.0)
                .containsEntry("gpuslice_refused_logins_total", 0.0);

        happened(Operation.GRANT, Result.OK, 4096, "");
        happened(Operation.GRANT, Result.OK, 0, "");
        happened(Operation.COLLECT, Result.OK, 1L << 33, "");
        happened(Operation.LOGIN, Result.DENIED, 0, "wrong token");

        assertThat(scrape().values())
                .containsEntry("gpuslice_grants_total", 2.0)
                .containsEntry("gpuslice_collects_total", 1.0)
                .containsEntry("gpuslice_collected_bytes_total", 0x1p33)
                .containsEntry("gpuslice_refused_logins_total", 1.0);
    }

    @Test
    void everyReclaimIsCountedByItsReasonButMemoryIsRecoveredFromTheDeadAlone() {
        happened(Operation.RECLAIM, Result.OK, 100, "DIED");
        happened(Operation.RECLAIM, Result.OK, 20, "DIED");
        happened(Operation.RECLAIM, Result.OK, 4000, "LINGERED");
        happened(Operation.RECLAIM, Result.OK, 3, "EXECED");

        assertThat(scrape().values())
                .containsEntry("gpuslice_reclaims_total{reason=\"DIED\"}", 2.0)
                .containsEntry("gpuslice_reclaims_total{reason=\"EXECED\"}", 1.0)
                .containsEntry("gpuslice_reclaims_total{reason=\"RECONNECTED\"}", 0.0)
                .containsEntry("gpuslice_recovered_bytes_total", 4120.0);
    }

    @Test
    void whatFailedCountsAsAFailureAndAsNothingElse() {
        happened(Operation.GRANT, Result.FAILED, 4096, "");
        happened(Operation.RECLAIM, Result.FAILED, 4096, "DIED");

        assertThat(scrape().values())
                .containsEntry("gpuslice_journal_failures_total", 2.0)
                .containsEntry("gpuslice_grants_total", 0.0)
                .containsEntry("gpuslice_reclaims_total{reason=\"DIED\"}", 0.0)
                .containsEntry("gpuslice_recovered_bytes_total", 0.0);
    }

    @Test
    void everyOperationCanBeHeard() {
        for (Operation operation : Operation.values()) {
            for (Result result : Result.values()) {
                happened(operation, result, 1, "");
            }
        }

        assertThat(scrape().value("gpuslice_journal_failures_total")).isEqualTo(Operation.values().length);
    }

    @Test
    void aSessionShowsWhatItHoldsIsChargedAndMayHoldOnEachDevice() {
        reply = listed(
                NOTHING,
                session("aa", SessionState.ACTIVE, new DeviceUse(FIRST, 800, 5, 7), new DeviceUse(SECOND, 400, 1, 2)),
                session("bb", SessionState.EXPIRED, new DeviceUse(FIRST, 8L << 40, 20, 20)));

        Scraped scraped = scrape();

        assertThat(scraped.values())
                .containsEntry("gpuslice_used_bytes" + ON_FIRST.formatted("aa"), 5.0)
                .containsEntry("gpuslice_charge_bytes" + ON_FIRST.formatted("aa"), 7.0)
                .containsEntry("gpuslice_limit_bytes" + ON_FIRST.formatted("aa"), 800.0)
                .containsEntry("gpuslice_used_bytes" + ON_SECOND.formatted("aa"), 1.0)
                .containsEntry("gpuslice_charge_bytes" + ON_SECOND.formatted("aa"), 2.0)
                .containsEntry("gpuslice_limit_bytes" + ON_SECOND.formatted("aa"), 400.0)
                .containsEntry("gpuslice_used_bytes" + ON_FIRST.formatted("bb"), 20.0)
                .containsEntry("gpuslice_limit_bytes" + ON_FIRST.formatted("bb"), 0x1p43)
                .containsEntry("gpuslice_used_bytes_total", 26.0)
                .containsEntry("gpuslice_processes", 2.0);
        assertThat(scraped.types())
                .containsEntry("gpuslice_used_bytes_total", "untyped")
                .containsEntry("gpuslice_used_bytes", "gauge");
    }

    @Test
    void whatNoProcessHoldsAndWhoEscapesTheLimitIsShown() {
        SessionView usual = session("aa", SessionState.ACTIVE, new DeviceUse(FIRST, 800, 50, 70));
        ProcessId dead = new ProcessId("boot", 66, 1);
        reply = listed(
                NOTHING,
                session(
                        "bb",
                        List.of(
                                new Remainder(dead, FIRST, 30, Remainder.Reason.LINGERING),
                                new Remainder(new ProcessId("boot", 67, 1), FIRST, 4, Remainder.Reason.LINGERING),
                                new Remainder(new ProcessId("boot", 68, 1), FIRST, 5, Remainder.Reason.IMPORTED)),
                        List.of(new Unenforced(88, "a", "b"), new Unenforced(89, "a", "b")),
                        new DeviceUse(FIRST, 800, 50, 70),
                        new DeviceUse(SECOND, 800, 6, 6)),
                usual);

        assertThat(scrape().values())
                .containsEntry("gpuslice_lingering_bytes" + ON_FIRST.formatted("bb"), 34.0)
                .doesNotContainKey("gpuslice_lingering_bytes" + ON_SECOND.formatted("bb"))
                .containsEntry("gpuslice_imported_bytes" + ON_FIRST.formatted("bb"), 5.0)
                .containsEntry("gpuslice_unenforced_processes{session=\"bb\"}", 2.0)
                .doesNotContainKey("gpuslice_lingering_bytes" + ON_FIRST.formatted("aa"))
                .containsEntry("gpuslice_unenforced_processes{session=\"aa\"}", 0.0);
    }

    @Test
    void sessionsAreCountedByState() {
        reply = listed(
                NOTHING,
                session("aa", SessionState.ACTIVE),
                session("bb", SessionState.ACTIVE),
                session("cc", SessionState.EXPIRED));

        assertThat(scrape().values())
                .containsEntry("gpuslice_sessions_active", 2.0)
                .containsEntry("gpuslice_sessions{state=\"ACTIVE\"}", 2.0)
                .containsEntry("gpuslice_sessions{state=\"EXPIRED\"}", 1.0)
                .containsEntry("gpuslice_sessions{state=\"CLOSED\"}", 0.0);
    }

    /** Of every family that has any: one that holds memory, holds what no process holds, and has happened something to. */
    private void aSessionOfEverySeries() {
        ProcessId gone = new ProcessId("boot", 66, 1);
        reply = listed(
                NOTHING,
                session(
                        "aa",
                        List.of(
                                new Remainder(gone, FIRST, 2, Remainder.Reason.LINGERING),
                                new Remainder(gone, FIRST, 1, Remainder.Reason.IMPORTED)),
                        List.of(new Unenforced(88, "a", "b")),
                        new DeviceUse(FIRST, 800, 5, 7)));
        for (Operation operation : Operation.values()) {
            happened(operation, Result.OK, 1, "DIED");
            happened(operation, Result.DENIED, 1, "DIED");
        }
        metrics.telemetry().took(Timing.DECISION, 30_000);
        metrics.telemetry().took(Timing.RECLAIM, 30_000);
    }

    private static List<String> familiesOfSessions() {
        return Catalogue.ALL.stream()
                .filter(Family::isOfSessions)
                .map(Family::name)
                .toList();
    }

    @Test
    void aSessionThatHasEndedLeavesNoSeriesBehind() {
        aSessionOfEverySeries();
        Scraped living = scrape();
        assertThat(familiesOfSessions())
                .hasSizeGreaterThan(5)
                .allSatisfy(family -> assertThat(living.values().keySet())
                        .anyMatch(series -> series.startsWith(family + "{") && series.contains("session=\"aa\"")));

        reply = listed(NOTHING);

        assertThat(scrape().values())
                .allSatisfy((series, _) -> assertThat(series).doesNotContain("\"aa\"", "session="))
                .containsEntry("gpuslice_device_used_bytes{device=\"" + FIRST + "\"}", 0.0)
                .containsEntry("gpuslice_device_lingering_bytes{device=\"" + FIRST + "\"}", 0.0)
                .containsEntry("gpuslice_used_bytes_total", 0.0)
                .containsEntry("gpuslice_sessions_active", 0.0);
    }

    @Test
    void withoutSeriesOfSessionsTheSumsAreTheSame() {
        aSessionOfEverySeries();
        Scraped with = scrape();

        metrics.perSession(false);

        Scraped without = scrape();
        assertThat(without.values())
                .allSatisfy((series, _) -> assertThat(series).doesNotContain("session="));
        Set<String> others = new TreeSet<>(with.families());
        others.removeAll(familiesOfSessions());
        assertThat(without.families()).isEqualTo(others);
        assertThat(without.types().keySet()).isEqualTo(without.families());
        assertThat(without.values())
                .containsEntry("gpuslice_used_bytes_total", 5.0)
                .containsEntry("gpuslice_processes_unenforced", 1.0)
                .containsEntry("gpuslice_device_used_bytes{device=\"" + FIRST + "\"}", 5.0);

        metrics.perSession(true);

        assertThat(scrape().families()).isEqualTo(with.families());
    }

    @Test
    void aDeviceShowsWhatAllItsSessionsHold() {
        ProcessId dead = new ProcessId("boot", 66, 1);
        reply = listed(
                NOTHING,
                session(
                        "aa",
                        List.of(new Remainder(dead, FIRST, 2, Remainder.Reason.LINGERING)),
                        List.of(),
                        new DeviceUse(FIRST, 800, 5, 7)),
                session("bb", SessionState.ACTIVE, new DeviceUse(FIRST, 800, 50, 70)));

        assertThat(scrape().values())
                .containsEntry("gpuslice_device_info{device=\"" + FIRST + "\",index=\"0\",name=\"A\"}", 1.0)
                .containsEntry("gpuslice_device_used_bytes{device=\"" + FIRST + "\"}", 55.0)
                .containsEntry("gpuslice_device_charge_bytes{device=\"" + FIRST + "\"}", 77.0)
                .containsEntry("gpuslice_device_lingering_bytes{device=\"" + FIRST + "\"}", 2.0)
                .containsEntry("gpuslice_device_used_bytes{device=\"" + SECOND + "\"}", 0.0);
    }

    @Test
    void devicesThatAProgramInventsMakeABoundedNumberOfSeries() {
        DeviceUse[] invented = IntStream.range(0, 500)
                .mapToObj(i -> new DeviceUse(new DeviceId(new UUID(7, i)), 800, 5, 7))
                .toArray(DeviceUse[]::new);
        reply = listed(NOTHING, session("aa", SessionState.ACTIVE, invented));

        Set<String> series = scrape().values().keySet();

        assertThat(series)
                .filteredOn(name -> name.startsWith("gpuslice_used_bytes{"))
                .hasSize(32);
        assertThat(series)
                .filteredOn(name -> name.startsWith("gpuslice_device_used_bytes{"))
                .hasSize(2 + 32);
    }

    @Test
    void theNameOfADeviceIsQuotedAsPrometheusReadsIt() {
        devices = CompletableFuture.completedFuture(
                new Devices.Known(List.of(new Devices.Device(FIRST, 0, "a \"b\" \\ c\nd", 1)), ""));

        assertThat(text(metrics.scrape())).contains("name=\"a \\\"b\\\" \\\\ c\\nd\"} 1\n");
    }

    @Test
    void aDaemonThatIsNotReadySaysSo() {
        assertThat(scrape().value("gpuslice_ready")).isEqualTo(1);

        ready = CompletableFuture.completedFuture(false);
        assertThat(scrape().value("gpuslice_ready")).isZero();

        ready = CompletableFuture.failedFuture(new IllegalStateException("nobody answers"));
        assertThat(scrape().value("gpuslice_ready")).isZero();
    }

    @Test
    void noSeriesStandsForHalfOfItsLabels() {
        reply = listed(NOTHING, session("aa", SessionState.ACTIVE, new DeviceUse(FIRST, 800, 5, 7)));

        assertThat(scrape().values().keySet())
                .filteredOn(series -> series.matches("gpuslice_(used|charge|limit)_bytes(\\{.*)?"))
                .hasSize(3)
                .allMatch(series -> series.contains("session=") && series.contains("device="));
    }

    @Test
    void aSilentSessionIsShownAsItWasLastSeen() {
        SessionView quick = session("aa", SessionState.ACTIVE, new DeviceUse(FIRST, 800, 5, 7));
        SessionView slow = session("bb", SessionState.ACTIVE, new DeviceUse(FIRST, 800, 50, 70));
        reply = listed(new Totals(10, 5, 2), quick, slow);
        scrape();

        reply = CompletableFuture.completedFuture(new Sessions.ListReply.Listed(
                List.of(quick), List.of(slow.id(), new SessionId("never-seen")), new Totals(4, 5, 1)));

        assertThat(scrape().values())
                .containsEntry("gpuslice_used_bytes" + ON_FIRST.formatted("bb"), 50.0)
                .containsEntry("gpuslice_used_bytes_total", 55.0)
                .containsEntry("gpuslice_sessions_active", 2.0)
                .containsEntry("gpuslice_sessions_silent", 2.0)
                .containsEntry("gpuslice_alloc_events_total", 10.0)
                .containsEntry("gpuslice_free_events_total", 5.0)
                .containsEntry("gpuslice_denied_alloc_total", 2.0);

        reply = listed(new Totals(11, 5, 2), quick);

        assertThat(scrape().values())
                .doesNotContainKey("gpuslice_used_bytes" + ON_FIRST.formatted("bb"))
                .containsEntry("gpuslice_sessions_silent", 0.0)
                .containsEntry("gpuslice_alloc_events_total", 11.0);
    }

    @Test
    void aDeviceOfUnknownSizeHasNoSize() {
        assertThat(scrape().values())
                .containsEntry("gpuslice_device_memory_bytes{device=\"" + FIRST + "\"}", 0x1p34)
                .doesNotContainKey("gpuslice_device_memory_bytes{device=\"" + SECOND + "\"}");
    }

    @Test
    void devicesThatCannotBeAskedForTakeNothingElseAway() {
        devices = CompletableFuture.failedFuture(new IllegalStateException("the driver hangs"));

        assertThat(scrape().values())
                .containsKey("gpuslice_sessions_active")
                .allSatisfy((series, _) -> assertThat(series).doesNotStartWith("gpuslice_device"));
    }

    @Test
    void sessionsThatCannotBeListedFailTheScrapeAndNotTheNextOne() {
        reply = CompletableFuture.completedFuture(new Sessions.ListReply.Refused(ErrorCode.OVERLOADED, "try again"));
        assertThatThrownBy(() -> metrics.scrape().toCompletableFuture().get())
                .isInstanceOf(ExecutionException.class)
                .hasMessageContaining("OVERLOADED, try again");

        reply = listed(NOTHING);

        assertThat(Scraped.of(text(metrics.scrape())).values()).containsEntry("gpuslice_sessions_active", 0.0);
    }

    @Test
    void scrapesWithinAQuarterOfASecondShareOneAnswer() {
        String first = text(metrics.scrape());
        happened(Operation.GRANT, Result.OK, 1, "");

        nanos.addAndGet(KamonMetrics.FRESH.toNanos() - 1);
        assertThat(text(metrics.scrape())).isSameAs(first);
        nanos.addAndGet(1);
        assertThat(Scraped.of(text(metrics.scrape())).value("gpuslice_grants_total"))
                .isEqualTo(1);
        assertThat(asked).hasValue(2);
    }

    @Test
    void whoAsksWhileOthersWaitWaitsWithThem() {
        CompletableFuture<Sessions.ListReply> slow = new CompletableFuture<>();
        reply = slow;
        CompletionStage<String> first = metrics.scrape();
        nanos.addAndGet(Duration.ofMinutes(1).toNanos());
        CompletionStage<String> second = metrics.scrape();

        slow.complete(new Sessions.ListReply.Listed(List.of(), List.of(), NOTHING));

        assertThat(text(second)).isSameAs(text(first));
        assertThat(asked).hasValue(1);
    }

    @Test
    void theAnswerIsNotWrittenByTheThreadThatBringsTheSessions() throws InterruptedException {
        AtomicReference<Thread> writer = new AtomicReference<>();
        CompletableFuture<Sessions.ListReply> sessions = new CompletableFuture<>();
        KamonMetrics observed = KamonMetrics.create(
                new KamonMetrics.Sources(() -> sessions, () -> devices, () -> ready, () -> {
                    writer.set(Thread.currentThread());
                    return 0;
                }),
                "1.2.3",
                true);
        CompletionStage<String> answer = observed.scrape();
        Thread loop = Thread.ofPlatform()
                .start(() -> sessions.complete(new Sessions.ListReply.Listed(List.of(), List.of(), NOTHING)));
        loop.join();

        assertThat(text(answer)).isNotEmpty();
        assertThat(writer.get()).isNotNull().isNotSameAs(loop).isNotSameAs(Thread.currentThread());
    }

    @Test
    void aTimeIsInItsBucketAndInThoseAboveIt() {
        metrics.telemetry().took(Timing.DECISION, 30_000);
        metrics.telemetry().took(Timing.DECISION, 2_000_000_000);
        metrics.telemetry().took(Timing.RECLAIM, TimeUnit.SECONDS.toNanos(3));
        metrics.telemetry().took(Timing.JOURNAL_WRITE, 1);

        Scraped scraped = scrape();

        assertThat(scraped.values())
                .containsEntry("gpuslice_decision_duration_seconds_bucket{le=\"1.0E-6\"}", 0.0)
                .containsEntry("gpuslice_decision_duration_seconds_bucket{le=\"2.5E-5\"}", 0.0)
                .containsEntry("gpuslice_decision_duration_seconds_bucket{le=\"5.0E-5\"}", 1.0)
                .containsEntry("gpuslice_decision_duration_seconds_bucket{le=\"1.0\"}", 1.0)
                .containsEntry("gpuslice_decision_duration_seconds_bucket{le=\"+Inf\"}", 2.0)
                .containsEntry("gpuslice_decision_duration_seconds_count", 2.0)
                .containsEntry("gpuslice_reclaim_duration_seconds_bucket{le=\"2.5\"}", 0.0)
                .containsEntry("gpuslice_reclaim_duration_seconds_bucket{le=\"5.0\"}", 1.0)
                .containsEntry("gpuslice_journal_write_duration_seconds_bucket{le=\"1.0E-6\"}", 1.0);
        assertThat(scraped.value("gpuslice_decision_duration_seconds_sum")).isCloseTo(2.00003, within(0.02));
    }

    @Test
    void histogramsHaveTheirBucketsBeforeAnythingWasTimed() {
        Scraped before = scrape();
        metrics.telemetry().took(Timing.RECLAIM, 1);
        Scraped after = scrape();

        assertThat(before.values())
                .containsEntry("gpuslice_reclaim_duration_seconds_count", 0.0)
                .containsEntry("gpuslice_reclaim_duration_seconds_sum", 0.0)
                .containsEntry("gpuslice_reclaim_duration_seconds_bucket{le=\"+Inf\"}", 0.0);
        assertThat(after.values().keySet()).isEqualTo(before.values().keySet());
    }

    @Test
    void nothingIsLostAndNothingFallsWhileManyCountAndSomebodyScrapes() throws Exception {
        int each = 20_000;
        List<Scraped> scrapes = new ArrayList<>();
        try (var threads = Executors.newFixedThreadPool(4)) {
            List<Future<?>> counting = new ArrayList<>();
            for (int thread = 0; thread < 4; thread++) {
                counting.add(threads.submit(() -> IntStream.range(0, each).forEach(i -> {
                    happened(Operation.GRANT, Result.OK, 1, "");
                    metrics.telemetry().took(Timing.DECISION, i);
                })));
            }
            while (!counting.stream().allMatch(Future::isDone)) {
                scrapes.add(scrape());
            }
            for (Future<?> one : counting) {
                one.get();
            }
        }
        scrapes.add(scrape());

        for (String counter : List.of(
                "gpuslice_grants_total",
                "gpuslice_decision_duration_seconds_count",
                "gpuslice_decision_duration_seconds_bucket{le=\"1.0E-5\"}")) {
            assertThat(scrapes.stream().map(scraped -> scraped.value(counter)).toList())
                    .as(counter)
                    .isSorted();
        }
        assertThat(scrapes.getLast().value("gpuslice_grants_total")).isEqualTo(4.0 * each);
        assertThat(scrapes.getLast().value("gpuslice_decision_duration_seconds_count"))
                .isEqualTo(4.0 * each);
    }

    @Test
    void theDaemonShowsItself() {
        auditLost.set(3);

        Scraped scraped = scrape();

        assertThat(scraped.value("gpuslice_build_info{java=\"" + Runtime.version() + "\",version=\"1.2.3\"}"))
                .isEqualTo(1);
        assertThat(scraped.value("gpuslice_audit_lost_total")).isEqualTo(3);
        assertThat(Instant.ofEpochSecond((long) scraped.value("gpuslice_clock_seconds")))
                .isBetween(Instant.now().minus(Duration.ofMinutes(1)), Instant.now());
        assertThat(scraped.value("process_cpu_seconds_total")).isBetween(0.01, 1e6);
        assertThat(scraped.value("process_resident_memory_bytes")).isBetween(0x1p24, 0x1p40);
        assertThat(scraped.value("process_open_fds")).isBetween(3.0, scraped.value("process_max_fds"));
        assertThat(Instant.ofEpochSecond((long) scraped.value("process_start_time_seconds")))
                .isBetween(Instant.now().minus(Duration.ofHours(1)), Instant.now());
    }

    @Test
    void everyMetricOfTheCatalogueIsShownAndNoOther() {
        ProcessId gone = new ProcessId("boot", 66, 1);
        reply = listed(
                NOTHING,
                session(
                        "aa",
                        List.of(
                                new Remainder(gone, FIRST, 1, Remainder.Reason.LINGERING),
                                new Remainder(gone, FIRST, 1, Remainder.Reason.IMPORTED)),
                        List.of(),
                        new DeviceUse(FIRST, 800, 5, 7)));

        Scraped scraped = scrape();

        assertThat(scraped.families())
                .containsExactlyInAnyOrderElementsOf(
                        Catalogue.ALL.stream().map(Family::name).toList());
        assertThat(Catalogue.ALL).allSatisfy(family -> {
            assertThat(scraped.types())
                    .containsEntry(family.name(), family.kind().toString());
            assertThat(scraped.help()).containsEntry(family.name(), family.help());
        });
    }

    @Test
    void promtoolHasNothingToSay() throws IOException, InterruptedException {
        needsPromtool();
        reply = listed(
                new Totals(3, 2, 1),
                session("aa", SessionState.ACTIVE, new DeviceUse(FIRST, 800, 5, 7), new DeviceUse(SECOND, 1, 0, 0)));
        happened(Operation.RECLAIM, Result.OK, 100, "DIED");
        metrics.telemetry().took(Timing.DECISION, 30_000);

        Process promtool = new ProcessBuilder("promtool", "check", "metrics")
                .redirectErrorStream(true)
                .start();
        try (OutputStream stdin = promtool.getOutputStream()) {
            stdin.write(text(metrics.scrape()).getBytes(StandardCharsets.UTF_8));
        }

        assertThat(new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEmpty();
        assertThat(promtool.waitFor()).isZero();
    }

    /** With {@code CI=true} it is there, and its lack is a failure. */
    private static void needsPromtool() throws InterruptedException {
        try {
            new ProcessBuilder("promtool", "--version")
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
        } catch (IOException e) {
            assertThat(System.getenv("CI"))
                    .as("promtool is missing: %s", e.getMessage())
                    .isNotEqualTo("true");
            Assumptions.abort(
                    "promtool is missing; it comes with Debian's package prometheus: tools/install-deps test");
        }
    }

    @Test
    void kamonRunsNothingOfItsOwn() {
        scrape();

        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.toLowerCase(Locale.ROOT).contains("kamon"));
    }

    /** Printed, not asserted: a slow machine is no defect. */
    @Test
    void aThousandSessionsCanBeScraped() {
        reply = listed(
                NOTHING,
                IntStream.range(0, 1000)
                        .mapToObj(i -> session(
                                "%016x".formatted(i),
                                SessionState.ACTIVE,
                                new DeviceUse(FIRST, 8L << 30, i, 2L * i),
                                new DeviceUse(SECOND, 8L << 30, i, 2L * i)))
                        .toArray(SessionView[]::new));
        scrape();
        int times = 20;
        long begun = System.nanoTime();
        IntStream.range(0, times).forEach(_ -> scrapeAnew());
        System.out.printf(
                "a scrape of 1,000 sessions on 2 devices: %.1f ms%n", (System.nanoTime() - begun) / 1e6 / times);

        assertThat(scrape().values().keySet())
                .filteredOn(series -> series.startsWith("gpuslice_used_bytes{"))
                .hasSize(2000);
    }

    private void happened(Operation operation, Result result, long bytes, String detail) {
        metrics.telemetry()
                .happened(new Occurrence(
                        Instant.EPOCH,
                        operation,
                        result,
                        Optional.of(new SessionId("aa")),
                        42,
                        1000,
                        Optional.of(FIRST),
                        bytes,
                        result == Result.OK ? Optional.empty() : Optional.of(ErrorCode.INTERNAL),
                        detail));
    }

    private Scraped scrape() {
        return Scraped.of(scrapeAnew());
    }

    /** One that shares nothing with the one before. */
    private String scrapeAnew() {
        nanos.addAndGet(KamonMetrics.FRESH.toNanos());
        return text(metrics.scrape());
    }

    private static String text(CompletionStage<String> answer) {
        return answer.toCompletableFuture().orTimeout(30, TimeUnit.SECONDS).join();
    }

    private static CompletionStage<Sessions.ListReply> listed(Totals totals, SessionView... sessions) {
        return CompletableFuture.completedFuture(new Sessions.ListReply.Listed(List.of(sessions), List.of(), totals));
    }

    private static SessionView session(String id, SessionState state, DeviceUse... devices) {
        return session(id, state, List.of(), List.of(), devices);
    }

    private static SessionView session(
            String id, List<Remainder> remainders, List<Unenforced> unenforced, DeviceUse... devices) {
        return session(id, SessionState.ACTIVE, remainders, unenforced, devices);
    }

    private static SessionView session(
            String id,
            SessionState state,
            List<Remainder> remainders,
            List<Unenforced> unenforced,
            DeviceUse... devices) {
        ProcessId process = new ProcessId("boot", 77, 1);
        return new SessionView(
                new SessionId(id),
                "a name that is nobody's \"business\"\n",
                state,
                1000,
                Optional.of(process),
                Instant.EPOCH,
                Optional.empty(),
                false,
                false,
                "8GB",
                8L << 30,
                List.of(devices),
                List.of(new MemberView(
                        process, 1000, "python train.py", Instant.EPOCH, 5, 7, MemberView.PageState.OK, List.of())),
                0,
                SessionView.Counters.NONE,
                List.of(),
                remainders,
                unenforced,
                "");
    }
}

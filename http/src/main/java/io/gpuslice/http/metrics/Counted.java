// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.domain.LedgerEvent;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import kamon.metric.Counter;
import kamon.metric.Timer;

/** Counts and times what happens, from the daemon's start to its end. */
final class Counted implements Telemetry {
    /** What a process held when it died comes back at once, or when whoever kept it has ended. */
    private static final Set<String> FROM_THE_DEAD = Set.of(LedgerEvent.Reason.DIED.name(), "LINGERED");

    private final Instruments instruments = new Instruments();

    // Kept, because finding a series costs ten times what counting does, and this is called for every charge.
    private final Counter grants = instruments.counter(Catalogue.GRANTS);
    private final Counter collects = instruments.counter(Catalogue.COLLECTS);
    private final Counter collected = instruments.counter(Catalogue.COLLECTED);
    private final Counter recovered = instruments.counter(Catalogue.RECOVERED);
    private final Counter refusedLogins = instruments.counter(Catalogue.REFUSED_LOGINS);
    private final Counter journalFailures = instruments.counter(Catalogue.JOURNAL_FAILURES);
    private final Map<String, Counter> reclaims = Arrays.stream(LedgerEvent.Reason.values())
            .map(Enum::name)
            .collect(Collectors.toUnmodifiableMap(
                    Function.identity(), reason -> instruments.counter(Catalogue.RECLAIMS, reason)));
    private final Timer decision = instruments.timer(Catalogue.DECISION);
    private final Timer reclaim = instruments.timer(Catalogue.RECLAIM);
    private final Timer journalWrite = instruments.timer(Catalogue.JOURNAL_WRITE);

    @Override
    public void happened(Occurrence occurrence) {
        if (occurrence.result() == Result.FAILED) {
            journalFailures.increment();
            return;
        }
        switch (occurrence.operation()) {
            case GRANT -> grants.increment();
            case COLLECT -> {
                collects.increment();
                collected.increment(occurrence.bytes());
            }
            case RECLAIM -> reclaimed(occurrence);
            case LOGIN -> refusedLogins.increment();
            // What the guests did is counted by their pages, and what there is by the sessions.
            case OPEN, TOKEN, JOIN, DENY, FREE, RESIZE, RENEW, EXPIRE, SIGNAL, UNENFORCED, CLOSE -> {}
        }
    }

    private void reclaimed(Occurrence occurrence) {
        Counter counter = reclaims.get(occurrence.detail());
        if (counter != null) {
            counter.increment();
        }
        if (FROM_THE_DEAD.contains(occurrence.detail())) {
            recovered.increment(occurrence.bytes());
        }
    }

    @Override
    public void took(Timing what, long nanos) {
        switch (what) {
            case DECISION -> decision.record(nanos);
            case RECLAIM -> reclaim.record(nanos);
            case JOURNAL_WRITE -> journalWrite.record(nanos);
        }
    }

    String exposition() {
        return instruments.exposition();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

/** What histories came to: a test that never grants, denies or collects proves nothing. */
final class Tally {
    long granted;
    long denied;
    /** Grants of more than was asked for. */
    long ahead;
    /** Grants and denials that took credit from somebody. */
    long collected;

    /** Memory that was charged over the limit, because it was held already. */
    long forced;
    /** Dead members whose memory stayed counted. */
    long lingering;

    long returned;
    long daemonKills;
    long stepsInsideDecisions;

    void add(Tally other) {
        granted += other.granted;
        denied += other.denied;
        ahead += other.ahead;
        collected += other.collected;
        forced += other.forced;
        lingering += other.lingering;
        returned += other.returned;
        daemonKills += other.daemonKills;
        stepsInsideDecisions += other.stepsInsideDecisions;
    }

    @Override
    public String toString() {
        return "%d granted, %d of them ahead, %d denied, %d collected, %d forced, %d lingering, %d returned, %d daemon kills, %d guest steps inside decisions"
                .formatted(
                        granted,
                        ahead,
                        denied,
                        collected,
                        forced,
                        lingering,
                        returned,
                        daemonKills,
                        stepsInsideDecisions);
    }
}

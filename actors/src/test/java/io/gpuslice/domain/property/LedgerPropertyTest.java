// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** More and other histories: {@code -Dgpuslice.property.seed=S -Dgpuslice.property.histories=N}. */
class LedgerPropertyTest {
    private static final long SEED = Long.getLong("gpuslice.property.seed", 20_261_122L);
    private static final int HISTORIES = Integer.getInteger("gpuslice.property.histories", 5_000);
    private static final int LENGTH = 120;

    /** A history that broke an invariant, and how. */
    private record Failure(long seed, History history, Throwable why) {}

    private final Tally tally = new Tally();

    @Test
    void noHistoryBreaksAnInvariant() {
        Optional<Failure> failure = firstFailure(Sabotage.NONE, HISTORIES);

        assertThat(failure.map(LedgerPropertyTest::report)).isEmpty();
        assertThat(tally.granted).as("grants").isGreaterThan(HISTORIES);
        assertThat(tally.denied).as("denials").isGreaterThan(HISTORIES);
        assertThat(tally.ahead).as("grants of more than was asked for").isGreaterThan(HISTORIES);
        System.out.println(HISTORIES + " histories: " + tally);
        assertThat(tally.collected).as("collects").isGreaterThan(HISTORIES / 20);
        assertThat(tally.forced).as("charges by force").isGreaterThan(HISTORIES / 10);
        assertThat(tally.lingering).as("dead whose memory was kept").isGreaterThan(HISTORIES / 50);
        assertThat(tally.returned).as("charges returned").isGreaterThan(HISTORIES / 10);
        assertThat(tally.daemonKills).as("daemon kills").isGreaterThan(HISTORIES / 10);
        assertThat(tally.stepsInsideDecisions)
                .as("guest steps inside decisions")
                .isGreaterThan(HISTORIES);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void everyMistakeBuiltInOnPurposeIsFound(Sabotage sabotage) {
        assertThat(firstFailure(sabotage, 50_000))
                .hasValueSatisfying(failure -> System.out.println(sabotage + " is found:\n" + report(failure)));
    }

    private Optional<Failure> firstFailure(Sabotage sabotage, int histories) {
        for (long seed = SEED; seed < SEED + histories; seed++) {
            RandomGenerator random =
                    RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
            History history = History.random(random, LENGTH);
            Optional<Throwable> broken = broken(history, sabotage);
            if (broken.isPresent()) {
                return Optional.of(shrink(new Failure(seed, history, broken.get()), sabotage));
            }
        }
        return Optional.empty();
    }

    /** Takes the first simpler history that still breaks something, as long as there is one. */
    private Failure shrink(Failure failure, Sabotage sabotage) {
        Failure smallest = failure;
        for (Optional<Failure> next = Optional.of(failure); next.isPresent(); ) {
            smallest = next.get();
            next = smallest.history()
                    .shrunk()
                    .flatMap(history ->
                            broken(history, sabotage).map(why -> new Failure(failure.seed(), history, why)).stream())
                    .findFirst();
        }
        return smallest;
    }

    private Optional<Throwable> broken(History history, Sabotage sabotage) {
        World world = new World(history, sabotage);
        try {
            world.play();
            return Optional.empty();
        } catch (AssertionError | RuntimeException e) {
            return Optional.of(e);
        } finally {
            tally.add(world.tally);
        }
    }

    private static String report(Failure failure) {
        return "seed " + failure.seed() + ", shrunk to " + failure.history() + "\n  => " + failure.why();
    }
}

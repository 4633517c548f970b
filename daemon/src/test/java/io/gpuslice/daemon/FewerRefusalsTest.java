// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.wire.ErrorCode;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class FewerRefusalsTest {

    private final List<Occurrence> said = new CopyOnWriteArrayList<>();
    private final Telemetry listener = new Telemetry() {
        @Override
        public void happened(Occurrence occurrence) {
            said.add(occurrence);
        }

        @Override
        public void took(Timing what, long nanos) {}
    };

    /** Without its clock: a second is over when the test says so. */
    private FewerRefusals still() {
        return new FewerRefusals(listener, Executors.newSingleThreadScheduledExecutor());
    }

    private static Occurrence occurrence(Operation operation, int uid, String detail) {
        return new Occurrence(
                Instant.EPOCH,
                operation,
                Result.DENIED,
                Optional.empty(),
                0,
                uid,
                Optional.empty(),
                0,
                Optional.of(ErrorCode.UNAUTHENTICATED),
                detail);
    }

    private List<String> details() {
        return said.stream().map(Occurrence::detail).toList();
    }

    @Test
    void theFirstIsSaidAtOnceAndTheOthersAsOneWithTheirCount() {
        try (FewerRefusals fewer = still()) {
            for (int i = 0; i < 6_591; i++) {
                fewer.happened(occurrence(Operation.LOGIN, 1000, "a guess"));
            }
            assertThat(details()).containsExactly("a guess");

            fewer.tell();
            assertThat(details()).containsExactly("a guess", "a guess (and 6,589 more of this user within a second)");
            assertThat(said).extracting(Occurrence::uid).containsOnly(1000);
        }
        assertThat(said).hasSize(2);
    }

    @Test
    void whoGoesOnIsSaidOnceASecondAndWhoComesBackAtOnce() {
        try (FewerRefusals fewer = still()) {
            fewer.happened(occurrence(Operation.LOGIN, 1000, "1"));
            fewer.happened(occurrence(Operation.LOGIN, 1000, "2"));
            fewer.tell();
            fewer.happened(occurrence(Operation.LOGIN, 1000, "3"));
            assertThat(details()).containsExactly("1", "2");
            fewer.tell();
            assertThat(details()).containsExactly("1", "2", "3");

            fewer.tell();
            fewer.happened(occurrence(Operation.LOGIN, 1000, "4"));
            assertThat(details()).containsExactly("1", "2", "3", "4");
        }
    }

    @Test
    void usersAreToldApartAsLongAsTheyAreFew() {
        try (FewerRefusals fewer = still()) {
            for (int uid = 0; uid < 1_000; uid++) {
                fewer.happened(occurrence(Operation.LOGIN, uid, "a guess"));
            }
            assertThat(said).hasSize(FewerRefusals.MOST_USERS + 1);
            fewer.tell();
            assertThat(details().getLast())
                    .isEqualTo("a guess (and " + (1_000 - FewerRefusals.MOST_USERS - 2)
                            + " more of other users within a second)");
        }
    }

    @Test
    void whoNamesASessionThatThereIsNoneOfIsAStrangerToo() {
        try (FewerRefusals fewer = still()) {
            for (int i = 0; i < 100; i++) {
                fewer.happened(occurrence(Operation.JOIN, 1000, "there is no session x"));
            }
            assertThat(details()).containsExactly("there is no session x");
        }
    }

    @Test
    void everythingElseIsSaidEachTime() {
        try (FewerRefusals fewer = still()) {
            for (int i = 0; i < 100; i++) {
                fewer.happened(occurrence(Operation.DENY, 1000, "no room"));
            }
            assertThat(said).hasSize(100);
        }
    }

    @Test
    void whatIsLeftIsSaidAtTheEndAndByItselfAfterASecond() {
        try (FewerRefusals fewer = still()) {
            fewer.happened(occurrence(Operation.LOGIN, 1000, "1"));
            fewer.happened(occurrence(Operation.LOGIN, 1000, "2"));
        }
        assertThat(details()).containsExactly("1", "2");

        try (FewerRefusals fewer = FewerRefusals.of(listener)) {
            fewer.happened(occurrence(Operation.LOGIN, 1000, "3"));
            fewer.happened(occurrence(Operation.LOGIN, 1000, "4"));
            await().untilAsserted(() -> assertThat(details()).containsExactly("1", "2", "3", "4"));
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.live;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class UsageTest {
    private static final Viewer ANN = new Viewer(false, 1000, Optional.empty());
    private static final Viewer ONE = new Viewer(false, 1000, Optional.of(Views.id(1)));

    private final Usage usage = new Usage();

    private long see(Look look) {
        usage.saw(look, 0, Instant.EPOCH);
        return usage.version(0);
    }

    private JsonNode told(long since, Viewer viewer) throws IOException {
        String event = usage.since(since, viewer).utf8String();
        assertThat(event).contains("event:usage\n").doesNotContain("id:");
        String line = event.lines()
                .filter(each -> each.startsWith("data:"))
                .findFirst()
                .orElseThrow();
        return new ObjectMapper().readTree(line.substring("data:".length()));
    }

    private static List<String> ids(JsonNode told) {
        return told.path("sessions").findValuesAsText("id");
    }

    @Test
    void everybodyIsToldOfItsOwnSessions() throws Exception {
        see(Views.look(Views.session(1, 1000, 5), Views.session(2, 1001, 7), Views.session(3, 1000, 9)));
        assertThat(told(Usage.NONE, Viewer.OF_ALL).path("sessions")).hasSize(3);
        assertThat(ids(told(Usage.NONE, ANN)))
                .containsExactly(Views.id(1).text(), Views.id(3).text());
        assertThat(ids(told(Usage.NONE, ONE))).containsExactly(Views.id(1).text());
        assertThat(told(Usage.NONE, Viewer.OF_ALL).at("/devices/0/used_bytes").asLong())
                .isEqualTo(21);
        assertThat(told(Usage.NONE, ANN).at("/devices/0/used_bytes").asLong()).isEqualTo(14);
        assertThat(told(Usage.NONE, ONE).at("/devices/0/used_bytes").asLong()).isEqualTo(5);
    }

    @Test
    void whoWasToldLongAgoIsToldAllThatHasChangedSince() throws Exception {
        long first = see(Views.look(Views.session(1, 1000, 5), Views.session(2, 1000, 7), Views.session(3, 1000, 1)));
        told(first - 1, ANN);
        long second = see(Views.look(Views.session(1, 1000, 6), Views.session(2, 1000, 7)));
        see(Views.look(Views.session(1, 1000, 6), Views.session(2, 1000, 8)));
        assertThat(ids(told(second, ANN))).containsExactly(Views.id(2).text());
        assertThat(told(second, ANN).path("gone")).isEmpty();
        assertThat(ids(told(first, ANN)))
                .containsExactly(Views.id(1).text(), Views.id(2).text());
        assertThat(told(first, ANN).path("gone")).hasToString("[\"" + Views.id(3) + "\"]");
        assertThat(told(first, ONE).path("gone")).isEmpty();
        assertThat(told(Usage.NONE, ANN).path("gone")).isEmpty();
    }

    @Test
    void whereNothingHasChangedNothingIsTold() {
        long first = see(Views.look(Views.session(1, 1000, 5)));
        usage.since(first - 1, ANN);
        see(Views.look(Views.session(1, 1000, 5)));
        assertThat(usage.since(first, ANN).isEmpty()).isTrue();
    }

    @Test
    void whoDoesNotAnswerInTimeIsNotGone() {
        long first = see(Views.look(Views.session(1, 1000, 5)));
        usage.since(first - 1, ANN);
        see(Views.look(List.of(Views.id(1))));
        // The device's sum is told of those that are known.
        assertThat(usage.since(first, ANN).isEmpty()).isTrue();
    }

    @Test
    void textIsMadeOnceForAllWhoAreToldTheSame() {
        see(Views.look(Views.session(1, 1000, 5)));
        assertThat(usage.since(Usage.NONE, ANN))
                .isSameAs(usage.since(Usage.NONE, new Viewer(false, 1000, Optional.empty())));
        assertThat(usage.since(Usage.NONE, new Viewer(true, 5, Optional.empty())))
                .isSameAs(usage.since(Usage.NONE, Viewer.OF_ALL));
    }

    @Test
    void whatNobodyWantedToKnowForAWhileIsOutOfDate() {
        see(Views.look(Views.session(1, 1000, 5)));
        assertThat(usage.version(3_000_000_000L)).isEqualTo(1);
        assertThat(usage.version(3_000_000_001L)).isEqualTo(Usage.NONE);
    }
}

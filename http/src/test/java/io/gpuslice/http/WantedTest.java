// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.Totals;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.http.live.Look;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The list shows the sessions that fit everything that is asked for, and as many as are asked for. */
class WantedTest {

    private static final DeviceId FIRST = DeviceId.valueOf("GPU-aa000000-0000-0000-0000-000000000000");
    private static final DeviceId SECOND = DeviceId.valueOf("GPU-ab000000-0000-0000-0000-000000000000");
    private static final Devices.Known KNOWN = new Devices.Known(
            List.of(new Devices.Device(FIRST, 0, "One", 0), new Devices.Device(SECOND, 1, "Two", 0)), "");
    private static final DeviceId LOST = new DeviceId(new UUID(9, 9));

    private static final List<SessionView> ALL = List.of(
            session(4, "eval", SessionState.ACTIVE, 1001, LOST),
            session(3, "train", SessionState.ACTIVE, 1000, FIRST, SECOND),
            session(2, "train", SessionState.EXPIRED, 1000, SECOND),
            session(1, "", SessionState.ACTIVE, 0));

    @ParameterizedTest
    @CsvSource({
        "'', 1 2 3 4",
        "state=ACTIVE, 1 3 4",
        "state=expired, 2",
        "state=CLOSED, ''",
        "name=train, 2 3",
        "name=, 1",
        "name=Train, ''",
        "uid=1000, 2 3",
        "uid=0, 1",
        "device=1, 2 3",
        "device=7, ''",
        "device=GPU-A, 2 3",
        "device=gpu-aa00, 3",
        "device=GPU-00000000-0000-0009, 4",
        "device=, ''",
        "state=ACTIVE&name=train&uid=1000&device=0, 3",
        "state=EXPIRED&uid=0, ''"
    })
    void thoseThatFitEverythingAreShown(String query, String shown) throws Exception {
        assertThat(ids(page("/sessions?" + query, ALL))).isEqualTo(shown);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "state=open",
                "uid=me",
                "uid=-1",
                "uid=4294967296",
                "limit=0",
                "limit=-1",
                "limit=many",
                "limit=",
                "after=x",
                "color=red"
            })
    void whatMakesNoSenseIsRefused(String query) {
        assertThatExceptionOfType(Problem.class)
                .isThrownBy(() -> page("/sessions?" + query, ALL))
                .withMessageContaining(query.substring(0, query.indexOf('=')));
    }

    @Test
    void pagesOfTheSizeThatIsAskedForAreTheWholeListTogether() throws Exception {
        for (int limit = 1; limit <= ALL.size() + 1; limit++) {
            List<String> seen = new ArrayList<>();
            JsonNode page = page("/sessions?limit=" + limit, ALL);
            while (page.has("next")) {
                assertThat(page.at("/sessions")).hasSize(limit);
                seen.add(ids(page));
                page = page(
                        "/sessions?limit=" + limit + "&after="
                                + page.at("/next").asText(),
                        ALL);
            }
            assertThat(page.at("/sessions")).hasSizeBetween(1, limit);
            seen.add(ids(page));
            assertThat(String.join(" ", seen)).as("limit=%s", limit).isEqualTo("1 2 3 4");
        }
    }

    @Test
    void aPageOfThoseThatFitGoesOnWithThoseThatFit() throws Exception {
        JsonNode first = page("/sessions?state=ACTIVE&limit=2", ALL);
        JsonNode second =
                page("/sessions?state=ACTIVE&limit=2&after=" + first.at("/next").asText(), ALL);

        assertThat(ids(first)).isEqualTo("1 3");
        assertThat(ids(second)).isEqualTo("4");
        assertThat(second.has("next")).isFalse();
    }

    @Test
    void whoDoesNotAnswerIsNamedWhateverIsAskedFor() throws Exception {
        assertThat(page("/sessions?name=nobody", ALL).at("/silent/0").asText()).isEqualTo("quiet");
    }

    private static ObjectNode page(String target, List<SessionView> sessions) throws Problem {
        Request request = Request.of("GET", target.replaceFirst("\\?$", ""), Json.object());
        request.takes(Wanted.PARAMETERS, List.of());
        Look look = new Look(
                new Sessions.ListReply.Listed(sessions, List.of(new SessionId("quiet")), new Totals(0, 0, 0)), KNOWN);
        return Json.parse(Json.text(SessionJson.page(look, Wanted.of(request.query()))));
    }

    private static String ids(JsonNode page) {
        List<String> ids = new ArrayList<>();
        page.at("/sessions").forEach(session -> ids.add(session.at("/id").asText()));
        return String.join(" ", ids);
    }

    private static SessionView session(int id, String name, SessionState state, int uid, DeviceId... devices) {
        return new SessionView(
                new SessionId(String.valueOf(id)),
                name,
                state,
                uid,
                Optional.empty(),
                Instant.EPOCH.plusSeconds(id),
                Optional.empty(),
                false,
                true,
                "8GB",
                8L << 30,
                List.of(devices).stream()
                        .map(device -> new DeviceUse(device, 8L << 30, 5, 7))
                        .toList(),
                List.of(),
                0,
                SessionView.Counters.NONE,
                List.of(),
                List.of(),
                List.of(),
                "");
    }
}

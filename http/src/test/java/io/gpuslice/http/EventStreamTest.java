// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.domain.SessionId;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Events as they happen, over HTTP: what they look like, who hears of which, and how a stream ends. */
class EventStreamTest {
    private static final Optional<SessionId> MINE = Optional.of(Bound.ID);
    private static final Optional<SessionId> OTHERS = Optional.of(new SessionId("ffffffffffffffff"));
    private static final String TOKEN = "Authorization: " + Bound.BEARER;
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @AutoClose
    private final Bound bound = new Bound(0);

    EventStreamTest() throws IOException, InterruptedException {
        // Each of them may fail to start.
    }

    /** The operator's, which has said that it listens. */
    private EventStream open(String target, String... headers) throws IOException {
        List<String> all = new ArrayList<>(List.of(headers));
        all.add(TOKEN);
        EventStream stream = new EventStream(bound.url(), target, all.toArray(String[]::new));
        assertThat(stream.block().field("retry")).isEqualTo("2000");
        return stream;
    }

    private void say(Operation operation, Optional<SessionId> session) {
        bound.recent.happened(Happenings.said(operation, session, 5));
    }

    private static List<String> read(EventStream stream, int count) throws IOException {
        List<String> heard = new ArrayList<>();
        while (heard.size() < count) {
            EventStream.Block block = stream.block();
            if (!block.field("id").isEmpty() || block.field("event").equals("lost")) {
                heard.add(block.field("event"));
            }
        }
        return heard;
    }

    @Test
    void anEventIsTheObjectOfTheListWithItsNumberAndItsName() throws Exception {
        try (EventStream stream = open("/events")) {
            assertThat(stream.status()).contains(" 200 ");
            assertThat(stream.headers())
                    .containsEntry("Content-Type", "text/event-stream")
                    .containsEntry("Cache-Control", "no-store");
            say(Operation.DENY, MINE);
            EventStream.Block deny = stream.next("deny");
            assertThat(deny.field("id")).endsWith("-1");
            assertThat(deny.data())
                    .isEqualTo(Bound.json(
                                    bound.send(bound.request("/events?after=0").header("Authorization", Bound.BEARER)))
                            .at("/events/0"));
        }
    }

    @Test
    void whoComesBackHearsWhatItMissedOnceAndInOrder() throws Exception {
        say(Operation.OPEN, MINE);
        say(Operation.GRANT, MINE);
        say(Operation.JOIN, MINE);
        String id;
        try (EventStream stream = open("/events?after=0")) {
            assertThat(read(stream, 1)).containsExactly("open");
            EventStream.Block join = stream.next("join");
            id = join.field("id");
            assertThat(id).endsWith("-3");
        }
        say(Operation.DENY, MINE);
        say(Operation.COLLECT, MINE);
        say(Operation.RECLAIM, MINE);
        try (EventStream stream = open("/events", "Last-Event-ID: " + id)) {
            say(Operation.RESIZE, MINE);
            assertThat(read(stream, 3)).containsExactly("deny", "reclaim", "resize");
        }
    }

    @Test
    void anIdOfAnotherDaemonHidesNothing() throws Exception {
        say(Operation.OPEN, MINE);
        for (String id : List.of("another-1", "1", "0-99", "0-x", "")) {
            try (EventStream stream = open("/events", "Last-Event-ID: " + id)) {
                assertThat(read(stream, 1)).as(id).containsExactly("open");
            }
        }
    }

    @Test
    void whatIsForgottenIsCounted() throws Exception {
        for (int i = 0; i < 2048 + 7; i++) {
            say(Operation.DENY, MINE);
        }
        try (EventStream stream = open("/events?after=0")) {
            EventStream.Block lost = stream.block();
            assertThat(lost.field("event")).isEqualTo("lost");
            assertThat(lost.field("id")).isEmpty();
            assertThat(lost.data().path("lost").asInt()).isEqualTo(7);
            assertThat(stream.next("deny").field("id")).endsWith("-8");
        }
    }

    @Test
    void ofOneSessionNothingElseIsToldAndNothingAfterItsEnd() throws Exception {
        say(Operation.LOGIN, Optional.empty());
        say(Operation.OPEN, OTHERS);
        say(Operation.JOIN, MINE);
        try (EventStream stream = open("/sessions/train/events?after=0")) {
            assertThat(read(stream, 1)).containsExactly("join");
            say(Operation.DENY, OTHERS);
            say(Operation.CLOSE, MINE);
            say(Operation.DENY, OTHERS);
            assertThat(read(stream, 1)).containsExactly("close");
            assertThat(stream.next()).isNull();
        }
        await().atMost(PATIENCE).until(() -> bound.api.streams() == 0);
    }

    @Test
    void aStreamThatIsQuietShowsThatItLives() throws Exception {
        try (EventStream stream = open("/events")) {
            stream.next("usage");
            bound.clock.pass(Duration.ofSeconds(14));
            bound.api.beat();
            bound.clock.pass(Duration.ofSeconds(1));
            bound.api.beat();
            EventStream.Block heartbeat = stream.block();
            assertThat(heartbeat.fields()).containsOnlyKeys("");
        }
    }

    @Test
    void usageTellsAllAtFirstAndThenWhatHasChangedOnceASecond() throws Exception {
        try (EventStream stream = open("/events")) {
            EventStream.Block first = stream.next("usage");
            assertThat(first.field("id")).isEmpty();
            assertThat(first.data().at("/sessions/0/id").asText()).isEqualTo(Bound.ID.text());
            assertThat(first.data().at("/sessions/0/used_bytes").asLong()).isEqualTo(5);
            assertThat(first.data().at("/sessions/0/credit_bytes").asLong()).isEqualTo(2);
            assertThat(first.data().at("/sessions/0/devices/0/index").asInt()).isZero();
            assertThat(first.data().at("/devices/0/used_bytes").asLong()).isEqualTo(5);
            assertThat(first.data().path("gone")).isEmpty();

            int asked = bound.looks.get();
            bound.clock.pass(Duration.ofMillis(900));
            bound.api.beat();
            assertThat(bound.looks).hasValue(asked);

            bound.used = 6;
            bound.clock.pass(Duration.ofMillis(100));
            bound.api.beat();
            EventStream.Block second = stream.next("usage");
            assertThat(second.data().at("/sessions/0/used_bytes").asLong()).isEqualTo(6);

            // Nothing has changed: the next one that is told is the one after.
            beatAndAwaitLook();
            bound.used = -1;
            bound.clock.pass(Duration.ofSeconds(1));
            bound.api.beat();
            EventStream.Block third = stream.next("usage");
            assertThat(third.data().path("sessions")).isEmpty();
            assertThat(third.data().at("/gone/0").asText()).isEqualTo(Bound.ID.text());
            assertThat(third.data().at("/devices/0/used_bytes").asLong()).isZero();
        }
    }

    private void beatAndAwaitLook() {
        int asked = bound.looks.get();
        bound.clock.pass(Duration.ofSeconds(1));
        bound.api.beat();
        await().atMost(PATIENCE).until(() -> bound.looks.get() > asked);
    }

    @Test
    void whileNobodyListensTheSessionsAreAskedForTheHistoryAlone() throws Exception {
        bound.api.beat();
        await().atMost(PATIENCE).until(() -> bound.looks.get() == 1);
        for (int second = 0; second < 9; second++) {
            bound.clock.pass(Duration.ofSeconds(1));
            bound.api.beat();
        }
        assertThat(bound.looks).hasValue(1);
        beatAndAwaitLook();
        assertThat(bound.looks).hasValue(2);
    }

    @Test
    void whoDoesNotReadIsDroppedWithAReason() throws Exception {
        try (EventStream deaf = open("/events");
                EventStream reader = open("/events")) {
            deaf.next("usage");
            reader.next("usage");
            // More than waits on its way, in pieces that are read in turn.
            String detail = "x".repeat(1 << 18);
            long said = 0;
            while (bound.api.streams() == 2) {
                bound.recent.happened(withDetail(detail));
                assertThat(reader.next("deny").field("id")).endsWith("-" + ++said);
                bound.clock.pass(Duration.ofSeconds(1));
                bound.api.beat();
                assertThat(said).isLessThan(1000);
            }
            EventStream.Block last = deaf.last();
            assertThat(last.field("event")).isEqualTo("dropped");
            assertThat(last.data().path("error_code").asText()).isEqualTo("OVERLOADED");
            assertThat(last.data().path("detail").asText())
                    .contains("you read too slowly: you have read nothing for 30 s");
            bound.recent.happened(withDetail(""));
            reader.next("deny");
        }
    }

    private static Occurrence withDetail(String detail) {
        return new Occurrence(
                Instant.EPOCH,
                Operation.DENY,
                Result.OK,
                Optional.of(new SessionId(detail + "0123456789abcdef")),
                7,
                5,
                Optional.empty(),
                0,
                Optional.empty(),
                detail);
    }

    @Test
    void whoGoesAwayIsForgotten() throws Exception {
        EventStream stream = open("/events");
        assertThat(bound.api.streams()).isEqualTo(1);
        stream.close();
        await().atMost(PATIENCE).until(() -> bound.api.streams() == 0);
    }

    @Test
    void aServerThatStopsEndsItsStreams() throws Exception {
        CompletableFuture<Void> stopped;
        try (EventStream stream = open("/events")) {
            stopped = CompletableFuture.runAsync(bound.server::close);
            stream.readToTheEnd();
        }
        stopped.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        assertThat(bound.api.streams()).isZero();
    }

    @Test
    void whoAsksForJsonGetsTheList() throws Exception {
        Raw list = Raw.exchange(bound.url(), Raw.get("/events", "Host: localhost", TOKEN));
        assertThat(list.header("Content-Type")).isEqualTo("application/json");
        Raw unknown = Raw.exchange(
                bound.url(), Raw.get("/sessions/nobody/events", "Host: localhost", TOKEN, "Accept: text/event-stream"));
        assertThat(unknown.status()).isEqualTo(404);
        assertThat(unknown.header("Content-Type")).isEqualTo("application/problem+json");
    }
}

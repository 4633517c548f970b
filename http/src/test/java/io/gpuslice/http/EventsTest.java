// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.ingress.Watching;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What has happened and what happens: who hears of it, in which order, and what becomes of one who does not listen. */
class EventsTest {
    private static final Caller OWNER = new Caller(1, Bound.OWNER, false);
    private static final Caller ROOT = new Caller(1, 0, false);
    private static final Optional<SessionId> MINE = Optional.of(Bound.ID);
    private static final Optional<SessionId> OTHERS = Optional.of(new SessionId("ffffffffffffffff"));

    @AutoClose
    private final Bound bound = new Bound(0);

    private final Recent recent = bound.recent;
    private final Api api = bound.api;

    EventsTest() throws IOException, InterruptedException {
        // Each of them may fail to start.
    }

    private static String call(String path) {
        return "{\"method\":\"GET\",\"path\":\"" + path + "\"}";
    }

    private static JsonNode json(String text) {
        try {
            return new ObjectMapper().readTree(text);
        } catch (IOException e) {
            throw new AssertionError(text, e);
        }
    }

    private JsonNode list(Caller caller, String path) throws Exception {
        return json(api.answer(caller, call(path)).toCompletableFuture().get(10, TimeUnit.SECONDS))
                .path("body");
    }

    private Watching watch(Caller caller, String path) throws Exception {
        return api.watch(caller, call(path)).toCompletableFuture().get(10, TimeUnit.SECONDS);
    }

    private static List<Long> numbers(JsonNode body) {
        List<Long> numbers = new ArrayList<>();
        body.path("events").forEach(event -> numbers.add(event.path("number").asLong()));
        return numbers;
    }

    private void say(Operation operation, Optional<SessionId> session, int uid) {
        recent.happened(Happenings.said(operation, session, uid));
    }

    /** Reads what it is sent, unless it is told not to. */
    private static final class Reader implements Watching.Watcher {
        final BlockingQueue<JsonNode> heard = new ArrayBlockingQueue<>(10_000);
        final List<String> dropped = new CopyOnWriteArrayList<>();
        volatile boolean reads = true;

        @Override
        public void send(List<String> events, Runnable sent) {
            events.forEach(event -> heard.add(json(event)));
            if (reads) {
                sent.run();
            }
        }

        @Override
        public void drop(ErrorCode code, String why) {
            dropped.add(code + ": " + why);
        }

        JsonNode next() throws InterruptedException {
            JsonNode next = heard.poll(10, TimeUnit.SECONDS);
            assertThat(next).isNotNull();
            return next;
        }
    }

    @Test
    void whoAsksGoesOnWhereTheLastAnswerEnded() throws Exception {
        say(Operation.JOIN, MINE, 5);
        JsonNode now = list(OWNER, "/events");
        assertThat(numbers(now)).isEmpty();
        assertThat(now.path("last").asLong()).isEqualTo(1);
        say(Operation.DENY, MINE, 5);
        JsonNode next = list(OWNER, "/events?after=1");
        assertThat(numbers(next)).containsExactly(2L);
        assertThat(next.at("/events/0/operation").asText()).isEqualTo("deny");
        assertThat(numbers(list(OWNER, "/events?after=0"))).containsExactly(1L, 2L);
        assertThat(numbers(list(OWNER, "/events?after=99")))
                .as("of a daemon before")
                .containsExactly(1L, 2L);
        assertThat(list(OWNER, "/events?after=x").path("detail").asText()).contains("take the `last`");
    }

    @Test
    void nobodyHearsOfSessionsThatItMayNotSee() throws Exception {
        say(Operation.JOIN, MINE, 5);
        say(Operation.JOIN, OTHERS, 5);
        say(Operation.LOGIN, Optional.empty(), 77);
        say(Operation.LOGIN, Optional.empty(), Bound.OWNER);
        assertThat(numbers(list(OWNER, "/events?after=0"))).containsExactly(1L, 4L);
        assertThat(numbers(list(ROOT, "/events?after=0"))).containsExactly(1L, 2L, 3L, 4L);
        assertThat(numbers(list(OWNER, "/sessions/train/events?after=0"))).containsExactly(1L);
        assertThat(list(OWNER, "/sessions/nobody/events").path("error_code").asText())
                .isEqualTo("SESSION_UNKNOWN");
    }

    @Test
    void moreThanOneAnswerHoldsComesInTheNextAndWhatIsForgottenIsCounted() throws Exception {
        for (int i = 0; i < Recent.MOST + 10; i++) {
            say(Operation.GRANT, MINE, 5);
        }
        JsonNode first = list(ROOT, "/events?after=0");
        assertThat(first.path("lost").asLong()).isEqualTo(10);
        assertThat(numbers(first)).hasSize(EventHandlers.MOST).startsWith(11L);
        assertThat(numbers(list(ROOT, "/events?after=" + first.path("last").asLong())))
                .startsWith(11L + EventHandlers.MOST);
    }

    @Test
    void whoWatchesHearsEachOnceInOrderAlsoOfSessionsThatItOpensLater() throws Exception {
        say(Operation.JOIN, MINE, 5);
        Reader reader = new Reader();
        Watching watching = watch(OWNER, "/events?after=0");
        assertThat(json(watching.reply()).at("/body/last").asLong()).isZero();
        watching.stream().orElseThrow().begin(reader);
        say(Operation.JOIN, OTHERS, 5);
        say(Operation.OPEN, OTHERS, Bound.OWNER);
        for (int i = 0; i < 300; i++) {
            say(Operation.DENY, OTHERS, 5);
        }
        assertThat(reader.next().path("operation").asText()).isEqualTo("join");
        assertThat(reader.next().path("operation").asText()).isEqualTo("open");
        for (long number = 4; number < 304; number++) {
            assertThat(reader.next().path("number").asLong()).isEqualTo(number);
        }
        watching.stream().orElseThrow().end();
        assertThat(recent.listeners()).as("the streams'").isEqualTo(1);
    }

    @Test
    void whoDoesNotReadIsDroppedWithAReasonAndNobodyWaitsForIt() throws Exception {
        Reader deaf = new Reader();
        deaf.reads = false;
        Reader reader = new Reader();
        watch(ROOT, "/events").stream().orElseThrow().begin(deaf);
        watch(ROOT, "/events").stream().orElseThrow().begin(reader);
        for (int i = 0; i < 2 * Feed.MOST_WAITING; i++) {
            say(Operation.DENY, MINE, 5);
            if (i % 100 == 99) {
                int said = i + 1;
                await().pollDelay(Duration.ZERO)
                        .pollInterval(Duration.ofMillis(1))
                        .until(() -> reader.heard.size() == said);
            }
        }
        await().untilAsserted(() -> assertThat(deaf.dropped)
                .singleElement()
                .asString()
                .contains("OVERLOADED", "too slowly", String.valueOf(Feed.MOST_WAITING)));
        assertThat(recent.listeners()).as("the reader, and the streams'").isEqualTo(2);
    }

    @Test
    void onlySoManyWatchAtATime() throws Exception {
        for (int i = 0; i < Happenings.MOST_WATCHERS; i++) {
            watch(ROOT, "/events").stream().orElseThrow().begin(new Reader());
        }
        Watching refused = watch(ROOT, "/events");
        assertThat(refused.stream()).isEmpty();
        assertThat(json(refused.reply()).at("/body/detail").asText())
                .contains(Happenings.MOST_WATCHERS + " watch already, and no more are let in");
        assertThat(json(watch(ROOT, "/devices").reply()).at("/body/detail").asText())
                .contains("/devices has no events");
    }
}

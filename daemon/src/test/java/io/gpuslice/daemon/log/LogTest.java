// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import ch.qos.logback.core.read.ListAppender;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

class LogTest {
    private static final Occurrence DENIED = new Occurrence(
            Instant.EPOCH,
            Operation.DENY,
            Result.DENIED,
            Optional.of(new SessionId("5d0c6a1f9b3e7724")),
            4711,
            1000,
            Optional.of(DeviceId.valueOf("GPU-01234567-89ab-cdef-0123-456789abcdef")),
            2L << 30,
            Optional.of(ErrorCode.QUOTA_EXCEEDED),
            "asked for 2.0 GiB with \"7.0 GiB\" of 8.0 GiB used");

    private final LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    private final Logger sessions = context.getLogger("io.gpuslice.sessions");
    private final ListAppender<ILoggingEvent> seen = new ListAppender<>();

    @BeforeEach
    void listen() {
        seen.start();
        sessions.addAppender(seen);
        sessions.setAdditive(false);
        sessions.setLevel(Level.DEBUG);
    }

    @AfterEach
    void listenNoMore() {
        sessions.detachAppender(seen);
        sessions.setAdditive(true);
        sessions.setLevel(null);
    }

    private static Occurrence with(Operation operation, Result result) {
        return new Occurrence(
                DENIED.at(),
                operation,
                result,
                DENIED.session(),
                DENIED.pid(),
                DENIED.uid(),
                DENIED.device(),
                DENIED.bytes(),
                DENIED.error(),
                DENIED.detail());
    }

    @Test
    void anOccurrenceIsOneLineWhoseFieldsAreMembersOfTheJson() throws Exception {
        new LogOfOccurrences().happened(DENIED);

        assertThat(seen.list).hasSize(1);
        FlatJsonEncoder encoder = new FlatJsonEncoder();
        encoder.setContext(context);
        encoder.start();
        String line = new String(encoder.encode(seen.list.getFirst()), StandardCharsets.UTF_8);
        assertThat(line).endsWith("}\n").doesNotContain("kvpList");
        JsonNode json = new ObjectMapper().readTree(line);
        assertThat(json.path("session_id").asText()).isEqualTo("5d0c6a1f9b3e7724");
        assertThat(json.path("pid").intValue()).isEqualTo(4711);
        assertThat(json.path("uid").intValue()).isEqualTo(1000);
        assertThat(json.path("operation").asText()).isEqualTo("deny");
        assertThat(json.path("device").asText()).isEqualTo("GPU-01234567-89ab-cdef-0123-456789abcdef");
        assertThat(json.path("bytes").longValue()).isEqualTo(2L << 30);
        assertThat(json.path("result").asText()).isEqualTo("denied");
        assertThat(json.path("error_code").asText()).isEqualTo("QUOTA_EXCEEDED");
        assertThat(json.path("level").asText()).isEqualTo("DEBUG");
        assertThat(json.path("message").asText()).isEqualTo("deny: " + DENIED.detail());
        assertThat(Instant.parse(json.path("time").asText())).isAfter(Instant.EPOCH);
    }

    @Test
    void whatProgramsDoAsOftenAsTheyLikeIsForDebuggingAndAFailureIsForEverybody() {
        LogOfOccurrences log = new LogOfOccurrences();
        for (Operation operation : Operation.values()) {
            log.happened(with(operation, Result.OK));
        }
        assertThat(seen.list)
                .filteredOn(line -> line.getLevel() == Level.DEBUG)
                .extracting(line -> line.getArgumentArray()[0])
                .containsExactlyInAnyOrder(Operation.GRANT, Operation.DENY, Operation.FREE, Operation.COLLECT);
        assertThat(seen.list)
                .filteredOn(line -> line.getLevel() == Level.WARN)
                .extracting(line -> line.getArgumentArray()[0])
                .containsExactly(Operation.UNENFORCED);
        seen.list.clear();

        log.happened(with(Operation.GRANT, Result.FAILED));

        assertThat(seen.list).extracting(ILoggingEvent::getLevel).containsExactly(Level.WARN);
    }

    @Test
    void belowTheLevelNothingIsMade() {
        sessions.setLevel(Level.INFO);
        new LogOfOccurrences().happened(DENIED);
        assertThat(seen.list).isEmpty();
    }

    /** A reader that stops reading. */
    private static final class Held extends AppenderBase<ILoggingEvent> {
        private final CountDownLatch released = new CountDownLatch(1);
        private final CountDownLatch holds = new CountDownLatch(1);
        private final List<String> lines = new CopyOnWriteArrayList<>();

        @Override
        protected void append(ILoggingEvent event) {
            holds.countDown();
            try {
                released.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            lines.add(event.getFormattedMessage());
        }
    }

    @Test
    void aReaderThatIsHeldHoldsNobodyAndIsToldWhatItMissed() throws Exception {
        Held held = new Held();
        held.setContext(context);
        held.start();
        LossyAppender appender = new LossyAppender();
        appender.setContext(context);
        appender.setQueueSize(100);
        appender.addAppender(held);
        appender.start();
        sessions.addAppender(appender);
        try {
            sessions.info("first");
            held.holds.await();
            for (int i = 0; i < 1_000; i++) {
                sessions.info("line {}", i);
            }
            held.released.countDown();
            await().untilAsserted(() -> assertThat(held.lines).hasSize(100));
            assertThat(held.lines).last().isEqualTo("line 98");

            sessions.info("last");
            await().untilAsserted(() -> assertThat(held.lines).last().isEqualTo("last"));
            assertThat(held.lines).element(100).asString().startsWith("901 lines of the log were lost");
        } finally {
            sessions.detachAppender(appender);
            appender.stop();
        }
    }

    @Test
    void whatWasLostIsSaidAtTheEndIfNotBefore() throws Exception {
        Held held = new Held();
        held.setContext(context);
        held.start();
        LossyAppender appender = new LossyAppender();
        appender.setContext(context);
        appender.setQueueSize(100);
        appender.addAppender(held);
        appender.start();
        sessions.addAppender(appender);
        sessions.info("first");
        held.holds.await();
        for (int i = 0; i < 1_000; i++) {
            sessions.info("line {}", i);
        }
        sessions.detachAppender(appender);
        held.released.countDown();

        appender.stop();

        assertThat(held.lines).last().asString().startsWith("901 lines of the log were lost");
    }
}

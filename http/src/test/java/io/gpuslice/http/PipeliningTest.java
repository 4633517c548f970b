// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.util.ByteString;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a client can send as fast as it can write, and what becomes of a server all the same. */
class PipeliningTest {

    private static final int MANY = 100_000;
    private static final String SHORTEST = "GET / HTTP/1.1\nHost:x\n\n";
    private static final String CHUNKED =
            "POST /sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";

    private final Bound bound;

    PipeliningTest() throws IOException, InterruptedException {
        bound = new Bound(PrivateDirectory.uid());
    }

    @AfterEach
    void stop() {
        bound.close();
    }

    @Test
    void asManyRequestsAsOneLikesInOneWriteAreAllAnswered() throws Exception {
        try (Socket socket = new Socket(bound.url().getHost(), bound.url().getPort())) {
            socket.setSoTimeout(20_000);
            byte[] all = (SHORTEST.repeat(MANY - 1) + Raw.get("/health/live", "Host: localhost"))
                    .getBytes(StandardCharsets.US_ASCII);
            CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
                try {
                    socket.getOutputStream().write(all);
                } catch (IOException e) {
                    throw new AssertionError("the server has closed the connection", e);
                }
            });

            assertThat(answers(socket.getInputStream())).isEqualTo(MANY);
            sent.get();
        }
        assertServing();
    }

    @Test
    void whatIsReadIsCutAtEmptyLinesAloneAndNothingIsLost() {
        for (String end : List.of("\n", "\r\n")) {
            String request = "GET / HTTP/1.1" + end + "Host: x" + end + end;
            String all = request.repeat(2 * Pieces.MOST) + "GET " + "\r\r\n a\r".repeat(1000);

            assertThat(Pieces.of(ByteString.fromString(all)))
                    .extracting(ByteString::utf8String)
                    .containsExactly(
                            request.repeat(Pieces.MOST),
                            request.repeat(Pieces.MOST),
                            all.substring(2 * Pieces.MOST * request.length()));
        }
        assertThat(Pieces.of(ByteString.emptyByteString())).isEmpty();
    }

    @Test
    void trailersWithoutEndAreRefused() throws Exception {
        String trailers = ("X-A: " + "a".repeat(8000) + "\r\n").repeat(200);

        Raw answer = Raw.exchange(bound.url(), CHUNKED + "0\r\n" + trailers + "\r\n");

        assertThat(answer.status()).isEqualTo(401);
        assertServing();
    }

    @Test
    void headersWithoutEndAreRefused() throws Exception {
        Raw answer = Raw.exchange(bound.url(), "GET / HTTP/1.1\r\n" + "X-A: a\r\n".repeat(65));

        assertThat(answer.status()).isEqualTo(400);
        assertServing();
    }

    @Test
    void chunksOfOneByteAreReadLikeAnyOthers() throws Exception {
        String body = "{\"limit\":\"8GB\"}" + " ".repeat(MANY);
        StringBuilder chunks = new StringBuilder(CHUNKED.replace(
                "\r\n\r\n", "\r\nContent-Type: application/json\r\nAuthorization: " + Bound.BEARER + "\r\n\r\n"));
        body.chars().forEach(one -> chunks.append("1\r\n").append((char) one).append("\r\n"));

        assertThat(Raw.exchange(bound.url(), chunks + "0\r\n\r\n").status()).isEqualTo(201);
    }

    /** What Pekko does when one of its threads dies of an error such as a stack overflow. */
    @Test
    void anErrorThatEndsTheActorSystemEndsNeitherTheProcessNorTheServing() throws Exception {
        assertServing();
        Thread worker = Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("gpuslice-http-pekko.actor.default-dispatcher"))
                .findFirst()
                .orElseThrow();

        worker.getUncaughtExceptionHandler().uncaughtException(worker, new StackOverflowError("injected"));

        await().atMost(Duration.ofSeconds(20))
                .until(() -> Thread.getAllStackTraces().keySet().stream().noneMatch(worker::equals));
        await().atMost(Duration.ofSeconds(20))
                .ignoreExceptionsInstanceOf(IOException.class)
                .untilAsserted(this::assertServing);
    }

    private void assertServing() throws IOException {
        assertThat(Raw.exchange(bound.url(), Raw.get("/health/live", "Host: localhost"))
                        .status())
                .isEqualTo(200);
    }

    private static int answers(InputStream in) throws IOException {
        byte[] sought = "HTTP/1.1 ".getBytes(StandardCharsets.US_ASCII);
        int found = 0;
        int matched = 0;
        byte[] read = new byte[1 << 16];
        for (int length = in.read(read); length >= 0; length = in.read(read)) {
            for (int i = 0; i < length; i++) {
                // "H" stands at the beginning alone: a mismatch can only be the beginning of another match.
                matched = read[i] == sought[matched] ? matched + 1 : read[i] == sought[0] ? 1 : 0;
                if (matched == sought.length) {
                    found++;
                    matched = 0;
                }
            }
        }
        return found;
    }
}

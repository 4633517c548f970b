// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.wire.Abi;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client sees of a server that is really bound; who may see it is {@link AccessTest}'s. */
class HttpServerTest {

    private static final String LOCALHOST = "Host: localhost";
    private static final String JSON = "application/json";

    private final Bound bound;

    HttpServerTest() throws IOException, InterruptedException {
        bound = new Bound(PrivateDirectory.uid());
    }

    @AfterEach
    void stop() {
        bound.close();
    }

    @ParameterizedTest
    @CsvSource({
        "/, /paths/3, /sessions",
        "/info, /version, 1.2.3",
        "/info, /audit_file, /state/audit.jsonl",
        "/devices, /devices/0/name, Test GPU",
        "/sessions, /sessions/0/name, train",
        "/sessions/train, /limit_bytes, 8589934592",
        "/sessions/train/allocations, /session, 0123456789abcdef",
        "/health/live, /status, ok",
        "/health/ready, /status, ok"
    })
    void whatCanBeReadIsJsonThatNobodyKeepsOrMistakes(String path, String pointer, String value) throws Exception {
        HttpResponse<String> answer = bound.send(bound.request(path));

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(json(answer).at(pointer).asText()).isEqualTo(value);
        assertThat(answer.headers().firstValue("content-type")).hasValue(JSON);
        assertThat(answer.headers().firstValue("cache-control")).hasValue("no-store");
        assertThat(answer.headers().firstValue("x-content-type-options")).hasValue("nosniff");
        assertThat(answer.headers().firstValue("server")).isEmpty();
        assertThat(answer.headers().map().keySet()).noneMatch(name -> name.startsWith("access-control"));
    }

    @Test
    void aSessionIsOpenedChangedAndRemoved() throws Exception {
        HttpResponse<String> opened = change("POST", "/sessions", """
            {"limit":1073741824,"name":"n","ttl":"2h"}\
            """);
        assertThat(opened.statusCode()).isEqualTo(201);
        assertThat(json(opened).at("/token").asText()).isEqualTo("session-token");
        Sessions.Open open = bound.asked.expectMessageClass(Sessions.Open.class);
        assertThat(open.limit()).isEqualTo("1073741824");
        assertThat(open.ttl()).isEqualTo(Duration.ofHours(2));
        assertThat(open.flags()).isEqualTo(Abi.FLAG_NO_LEADER | Abi.FLAG_KEEP);
        assertThat(open.caller().uid()).isEqualTo(PrivateDirectory.uid());

        HttpResponse<String> changed = change("PATCH", "/sessions/train", """
            {"limit":"4GB","ttl":"none"}\
            """);
        assertThat(changed.statusCode()).isEqualTo(200);
        assertThat(json(changed).at("/name").asText()).isEqualTo("train");
        Sessions.Update update = bound.asked.expectMessageClass(Sessions.Update.class);
        assertThat(update.limit()).hasValue("4GB");
        assertThat(update.ttl()).hasValue(Duration.ZERO);
        bound.asked.expectMessageClass(Sessions.Inspect.class);

        HttpResponse<String> removed = change("DELETE", "/sessions/train?force=true", "");
        assertThat(removed.statusCode()).isEqualTo(200);
        assertThat(bound.asked.expectMessageClass(Sessions.Remove.class).force())
                .isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "/sessions/%E2%82%AC, €",
        "/sessions/a%2Fb, a/b",
        "/sessions/a%2Bb, a+b",
        "/sessions/a+b, a+b",
        "/sessions/a%20b, a b",
        "/sessions/%25, %",
        "http://localhost/sessions/x%2By, x+y"
    })
    void aNameArrivesAsItWasMeant(String target, String name) throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.get(target, LOCALHOST));

        assertThat(bound.asked.expectMessageClass(Sessions.Inspect.class).selector())
                .isEqualTo(name);
        assertThat(answer.json().at("/detail").asText()).isEqualTo("no session is called " + name);
        assertProblem(answer, 404, "SESSION_UNKNOWN");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "POST | /sessions | {\"limit\": | not one JSON value, or has a name twice: line 1, column 10",
                "POST | /sessions | [] | no JSON object",
                "POST | /sessions | {\"limit\":\"8GB\",\"colour\":1} | \"colour\" is unknown here; there are limit,"
                        + " name",
                "POST | /sessions | {\"limit\":true} | \"limit\" must be a size such as \"8GB\", or a whole number of"
                        + " bytes, not boolean",
                "POST | /sessions | {\"limit\":\"8GB\",\"limit\":\"9GB\"} | has a name twice: line 1, column",
                "PATCH | /sessions/s | {} | give \"limit\", \"ttl\" or both",
                "PATCH | /sessions/s | {\"ttl\":60} | \"ttl\" must be a string",
                "DELETE | /sessions/s?force=maybe | '' | force must be true or false, not \"maybe\"",
                "DELETE | /sessions/s | {\"a\":1} | \"a\" is unknown here",
                "GET | /sessions?a=b | '' | the query's \"a\" is unknown"
            })
    void aRequestThatMakesNoSenseIsToldWhy(String method, String path, String body, String because) throws Exception {
        HttpResponse<String> answer = change(method, path, body);

        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.headers().firstValue("content-type")).hasValue("application/problem+json");
        assertThat(json(answer).at("/error_code").asText()).isEqualTo("BAD_REQUEST");
        assertThat(json(answer).at("/detail").asText()).contains(because);
        bound.asked.expectNoMessage(Duration.ZERO);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "GARBAGE GARBAGE GARBAGE~~ | 501",
                "GET /info HTTP/1.1~~ | 400",
                "GET /info HTTP/1.1~Host: a b~~ | 400",
                "GET /info HTTP/7.0~Host: localhost~~ | 505",
                "FETCH /info HTTP/1.1~Host: localhost~~ | 501",
                "GET /in<fo HTTP/1.1~Host: localhost~~ | 400",
                "GET /%zz HTTP/1.1~Host: localhost~~ | 400",
                "GET /info HTTP/1.1~Host: localhost~Content-Length: -1~~ | 400",
                "GET http://evil.example/info HTTP/1.1~Host: localhost~~ | 400",
                "CONNECT localhost:80 HTTP/1.1~Host: localhost~~ | 400"
            })
    void whatIsNoHttpIsAProblemLikeAnyOther(String bytes, int status) throws Exception {
        assertProblem(Raw.exchange(bound.url(), bytes.replace("~", "\r\n")), status, "BAD_REQUEST");
    }

    @Test
    void whatIsTooLongIsRefusedBeforeItIsKept() throws Exception {
        assertProblem(Raw.exchange(bound.url(), Raw.get("/" + "a".repeat(3000), LOCALHOST)), 414, "BAD_REQUEST");
        assertProblem(
                Raw.exchange(bound.url(), Raw.get("/info", LOCALHOST, "X-Long: " + "a".repeat(9000))),
                431,
                "BAD_REQUEST");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aBodyThatIsTooLongIsRefusedWithTheNumber(boolean chunked) throws Exception {
        byte[] body = ("{\"limit\":\"" + "8".repeat(Problem.MOST_BYTES) + "\"}").getBytes(StandardCharsets.UTF_8);
        HttpResponse<String> answer = bound.send(bound.request("/sessions")
                .header("Content-Type", JSON)
                .header("Authorization", Bound.BEARER)
                .POST(
                        chunked
                                ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
                                : BodyPublishers.ofByteArray(body)));

        assertThat(answer.statusCode()).isEqualTo(413);
        assertThat(json(answer).at("/limit_bytes").asInt()).isEqualTo(Problem.MOST_BYTES);
        assertThat(json(answer).at("/error_code").asText()).isEqualTo("BAD_REQUEST");
        bound.asked.expectNoMessage(Duration.ZERO);
    }

    /** It sends all of it before it reads, and wants the connection closed: what comes after the answer must not undo it. */
    @ParameterizedTest
    @ValueSource(strings = {LOCALHOST, LOCALHOST + "\r\nAuthorization: " + Bound.BEARER})
    void aRefusalReachesAClientThatIsStillSending(String headers) throws Exception {
        int length = 16 * Problem.MOST_BYTES;
        Raw answer = Raw.exchange(
                bound.url(),
                Raw.request("POST", "/sessions", headers, "Content-Type: " + JSON, "Content-Length: " + length)
                        + " ".repeat(length));

        assertThat(answer.status()).isEqualTo(headers.equals(LOCALHOST) ? 401 : 413);
    }

    @Test
    void headIsGetWithoutTheBody() throws Exception {
        Raw get = Raw.exchange(bound.url(), Raw.get("/info", LOCALHOST));
        Raw head = Raw.exchange(bound.url(), Raw.request("HEAD", "/info", LOCALHOST));

        assertThat(head.status()).isEqualTo(200);
        assertThat(head.body()).isEmpty();
        assertThat(head.header("Content-Length"))
                .isEqualTo(get.header("Content-Length"))
                .isNotEmpty();
        assertThat(head.header("Content-Type")).isEqualTo(JSON);
    }

    @ParameterizedTest
    @CsvSource({
        "/sessions, 'GET, POST, HEAD, OPTIONS'",
        "/sessions/x, 'GET, PATCH, DELETE, HEAD, OPTIONS'",
        "/metrics, 'GET, HEAD, OPTIONS'"
    })
    void aPathTellsItsMethods(String path, String methods) throws Exception {
        Raw options = Raw.exchange(bound.url(), Raw.request("OPTIONS", path, LOCALHOST));
        assertThat(options.status()).isEqualTo(204);
        assertThat(options.header("Allow")).isEqualTo(methods);

        Raw put = Raw.exchange(bound.url(), Raw.request("PUT", path, LOCALHOST, "Content-Length: 0"));
        assertProblem(put, 405, "BAD_REQUEST");
        assertThat(put.header("Allow")).isEqualTo(methods);
        assertThat(put.json().at("/detail").asText()).startsWith("PUT is not possible at " + path + ", only GET");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/nothing", "/sessions/", "/sessions/a/b", "//", "/INFO"})
    void whereThereIsNothingThePathsAreNamed(String path) throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.get(path, LOCALHOST));

        assertProblem(answer, 404, "BAD_REQUEST");
        assertThat(answer.json().at("/detail").asText()).contains("/sessions/{id}/allocations");
    }

    @ParameterizedTest
    @CsvSource({
        "/info, text/html, 406",
        "/info, application/json;q=0, 406",
        "/info, '*/*', 200",
        "/info, 'text/html, application/*;q=0.5', 200",
        "/metrics, application/json, 406",
        "/metrics, text/plain, 200",
        "/metrics, 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', 200"
    })
    void whoCannotReadTheAnswerIsToldSo(String path, String accept, int status) throws Exception {
        Raw answer = Raw.exchange(bound.url(), Raw.get(path, LOCALHOST, "Accept: " + accept));

        assertThat(answer.status()).isEqualTo(status);
        if (status == 406) {
            assertProblem(answer, 406, "BAD_REQUEST");
            assertThat(answer.json().at("/detail").asText()).contains(" answers with ", " alone: accept it");
        }
    }

    @Test
    void aBodyOfAnotherKindIsRefused() throws Exception {
        HttpResponse<String> answer = bound.send(bound.request("/sessions")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .header("Authorization", Bound.BEARER)
                .POST(BodyPublishers.ofString("limit=8GB")));

        assertThat(answer.statusCode()).isEqualTo(415);
        assertThat(json(answer).at("/detail").asText()).contains("send Content-Type: application/json");
    }

    @Test
    void metricsAreText() throws Exception {
        HttpResponse<String> answer = bound.send(bound.request("/metrics"));

        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.body()).isEqualTo("gpuslice_up 1\n");
        assertThat(answer.headers().firstValue("content-type")).hasValue("text/plain; version=0.0.4; charset=UTF-8");
    }

    @Test
    void metricsThatCannotBeGatheredAreNoMetrics() throws Exception {
        bound.metrics = CompletableFuture.failedFuture(new IllegalStateException("secret"));

        HttpResponse<String> answer = bound.send(bound.request("/metrics"));

        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(json(answer).at("/error_code").asText()).isEqualTo("INTERNAL");
        assertThat(json(answer).at("/detail").asText()).startsWith("the sessions could not be looked at: ");
        assertThat(answer.body()).doesNotContain("secret");
    }

    @Test
    void aDaemonThatIsNotReadySaysWhyButLives() throws Exception {
        bound.problems = CompletableFuture.completedFuture(List.of("the disk is full"));

        HttpResponse<String> ready = bound.send(bound.request("/health/ready"));
        assertThat(ready.statusCode()).isEqualTo(503);
        assertThat(json(ready).at("/status").asText()).isEqualTo("unavailable");
        assertThat(json(ready).at("/problems/0").asText()).isEqualTo("the disk is full");
        assertThat(bound.send(bound.request("/health/live")).statusCode()).isEqualTo(200);
    }

    @Test
    void aDefectIsNotShownToClients() throws Exception {
        bound.problems = CompletableFuture.failedFuture(new IllegalStateException("secret"));

        Raw answer = Raw.exchange(bound.url(), Raw.get("/health/ready", LOCALHOST));

        assertProblem(answer, 500, "INTERNAL");
        assertThat(answer.json().at("/detail").asText()).contains("its log says why");
        assertThat(answer.body()).doesNotContain("secret").doesNotContain("Exception");
    }

    @Test
    void requestsThatComeAtOnceAreAnsweredInOrder() throws Exception {
        String all = Raw.exchangeAll(
                bound.url(),
                "GET /sessions/one HTTP/1.1\r\n" + LOCALHOST + "\r\n\r\n"
                        + "GET /sessions/two HTTP/1.1\r\n" + LOCALHOST + "\r\n\r\n"
                        + Raw.get("/sessions/train", LOCALHOST));

        assertThat(all.split("HTTP/1.1 ")).hasSize(4);
        assertThat(all).containsSubsequence("404", "called one", "404", "called two", "200", "\"name\":\"train\"");
    }

    @Test
    void aConnectionOutlivesARefusalWithABody() throws Exception {
        String body = "{\"limit\":\"8GB\"}";
        String all = Raw.exchangeAll(
                bound.url(),
                "POST /sessions HTTP/1.1\r\n" + LOCALHOST + "\r\nContent-Type: application/json\r\nContent-Length: "
                        + body.length() + "\r\n\r\n" + body + Raw.get("/health/live", LOCALHOST));

        assertThat(all).containsSubsequence("HTTP/1.1 401", "HTTP/1.1 200");
    }

    @Test
    void clientsThatNeverFinishTheirRequestHoldNobodyUp() throws Exception {
        List<Socket> slow = new ArrayList<>();
        try {
            for (int i = 0; i < 100; i++) {
                Socket socket = new Socket(bound.url().getHost(), bound.url().getPort());
                slow.add(socket);
                socket.getOutputStream().write("GET /info HT".getBytes(StandardCharsets.US_ASCII));
            }
            assertThat(bound.send(bound.request("/info").timeout(Duration.ofSeconds(5)))
                            .statusCode())
                    .isEqualTo(200);
        } finally {
            for (Socket socket : slow) {
                socket.close();
            }
        }
    }

    @Test
    void oneUserCannotHaveAllConnections() throws Exception {
        List<Socket> held = new ArrayList<>();
        try {
            // One after the other: each has been let in when the next one comes.
            for (int i = 0; i < Crowd.OF_GUESTS.mostOfOne(); i++) {
                Socket socket = new Socket(bound.url().getHost(), bound.url().getPort());
                held.add(socket);
                socket.setSoTimeout(20_000);
                socket.getOutputStream()
                        .write(("GET /health/live HTTP/1.1\r\n" + LOCALHOST + "\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
                assertThat(new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII))
                        .as("connection %s", i)
                        .isEqualTo("HTTP/1.1 200");
            }
            Raw refused = Raw.of(Raw.exchangeAll(bound.url(), ""));
            assertProblem(refused, 503, "OVERLOADED");
            assertThat(refused.json().at("/detail").asText())
                    .contains(Crowd.OF_GUESTS.ofOne() + " of them may be yours");
        } finally {
            for (Socket socket : held) {
                socket.close();
            }
        }
        // Who is turned away and has asked something may hear nothing but the end.
        Awaitility.await()
                .ignoreExceptionsInstanceOf(IOException.class)
                .until(() -> Raw.exchange(bound.url(), Raw.get("/health/live", LOCALHOST))
                                .status()
                        == 200);
    }

    @Test
    void whoDoesNotFinishTheRequestIsCutOff() throws Exception {
        try (Socket socket = new Socket(bound.url().getHost(), bound.url().getPort())) {
            socket.setSoTimeout(20_000);
            socket.getOutputStream().write("GET /info HT".getBytes(StandardCharsets.US_ASCII));

            assertThat(socket.getInputStream().readAllBytes()).isEmpty();
        }
    }

    @Test
    void whatIsBeingAskedIsAnsweredBeforeTheEnd() throws Exception {
        CompletableFuture<HttpResponse<String>> answer = bound.client.sendAsync(
                bound.request("/sessions/slow")
                        .header("Authorization", Bound.BEARER)
                        .DELETE()
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        Sessions.Remove remove = bound.asked.expectMessageClass(Sessions.Remove.class, Duration.ofSeconds(30));

        CompletableFuture<Void> closing = CompletableFuture.runAsync(bound.server::close);
        remove.replyTo().tell(new Sessions.RemoveReply.Removed(Bound.ID));

        assertThat(answer.get(10, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
        closing.get(10, TimeUnit.SECONDS);
        assertThatExceptionOfType(ConnectException.class).isThrownBy(() -> bound.send(bound.request("/health/live")));
    }

    @Test
    void aServerWithIdleConnectionsEndsAtOnce() throws Exception {
        try (Socket idle = new Socket(bound.url().getHost(), bound.url().getPort())) {
            // Once it is answered it is the server's; until then it may be the kernel's alone, which resets it.
            idle.getOutputStream()
                    .write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            InputStream answer = idle.getInputStream();
            assertThat(answer.read()).isEqualTo('H');
            long before = System.nanoTime();
            bound.server.close();
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(3));
            assertThat(new String(answer.readAllBytes(), StandardCharsets.US_ASCII))
                    .startsWith("TTP/1.1 200");
        }
    }

    @Test
    void anAddressThatIsTakenIsAnErrorThatSaysWhatToDo() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
            InetSocketAddress address = (InetSocketAddress) taken.getLocalSocketAddress();
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> start(Optional.of(address), false))
                    .withMessageContaining("127.0.0.1:" + address.getPort())
                    .withMessageContaining("http.address");
        }
    }

    @Test
    void whereNothingIsSaidAnyFreePortWillDo() throws Exception {
        try (HttpServer one = start(Optional.empty(), false);
                HttpServer two = start(Optional.empty(), false)) {
            assertThat(one.url().getHost()).isEqualTo("127.0.0.1");
            assertThat(two.url().getPort()).isPositive().isNotEqualTo(one.url().getPort());
        }
    }

    @Test
    void otherMachinesAreServedOnlyWithATokenThatSomebodyKnows() {
        InetSocketAddress everywhere = new InetSocketAddress(InetAddress.ofLiteral("0.0.0.0"), 8747);
        assertThatExceptionOfType(InvalidValueException.class)
                .isThrownBy(() -> start(Optional.of(everywhere), false))
                .withMessageContaining("0.0.0.0:8747")
                .withMessageContaining("http.token")
                .withMessageContaining("127.0.0.1:8747");
    }

    @Test
    void ipv6IsAnsweredToo() throws Exception {
        assumeThat(NetworkInterface.getByInetAddress(InetAddress.ofLiteral("::1")))
                .as("IPv6 on this machine")
                .isNotNull();
        try (HttpServer six = start(Optional.of(new InetSocketAddress(InetAddress.ofLiteral("::1"), 0)), false)) {
            assertThat(six.url().toString()).startsWith("http://[0:0:0:0:0:0:0:1]:");
            Raw answer = Raw.exchange(
                    six.url(), Raw.get("/sessions", "Host: [::1]:" + six.url().getPort()));
            assertThat(answer.status()).isEqualTo(200);
        }
    }

    private HttpServer start(Optional<InetSocketAddress> address, boolean tokenConfigured)
            throws IOException, InterruptedException {
        return HttpServer.start(
                new HttpServer.Settings(address, Bound.TOKEN, tokenConfigured, Optional.empty(), 0),
                bound.api,
                bound.metricsPort(),
                () -> bound.problems,
                Telemetry.none(),
                PrivateDirectory.uid());
    }

    private HttpResponse<String> change(String method, String path, String body) throws Exception {
        return bound.send(bound.request(path)
                .header("Content-Type", JSON)
                .header("Authorization", Bound.BEARER)
                .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body)));
    }

    private static void assertProblem(Raw answer, int status, String code) throws IOException {
        assertThat(answer.status()).as(answer.head()).isEqualTo(status);
        assertThat(answer.header("Content-Type")).isEqualTo("application/problem+json");
        assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
        assertThat(answer.json().at("/status").asInt()).isEqualTo(status);
        assertThat(answer.json().at("/error_code").asText()).isEqualTo(code);
        assertThat(answer.json().at("/title").asText()).isNotEmpty();
        assertThat(answer.json().at("/detail").asText()).isNotEmpty();
    }

    private static JsonNode json(HttpResponse<String> answer) throws IOException {
        return new ObjectMapper().readTree(answer.body());
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.daemon.DaemonProcess.Http;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DaemonHttpTest {
    private static final String SESSION = "{\"limit\":\"64MB\"}";

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    private static void assertPrivate(Path file) throws IOException {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
    }

    @Test
    void httpAnswersWhereTheFileBesideTheSocketSays() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory);
                Client client = daemon.connect()) {
            assertPrivate(daemon.httpFile());
            Http http = daemon.http();
            client.ask(new Frame.Open("", "64MB", "train", 0, Abi.FLAG_KEEP), Frame.Opened.class);

            assertThat(http.get("/health/live").statusCode()).isEqualTo(200);
            assertThat(http.get("/health/ready").statusCode()).isEqualTo(200);
            assertThat(Http.json(http.get("/sessions")).path("sessions")).hasSize(1);
            assertThat(http.get("/metrics").body())
                    .contains("gpuslice_sessions_active")
                    .contains("gpuslice_build_info");
            JsonNode info = Http.json(http.get("/info"));
            assertThat(info.path("http_url").asText()).isEqualTo(http.url().toString());
            assertThat(info.path("audit_file").asText())
                    .isEqualTo(directory.resolve("state/audit.jsonl").toString());
            Frame.Reply byFrame =
                    client.ask(new Frame.Call("{\"method\":\"GET\",\"path\":\"/info\"}"), Frame.Reply.class);
            assertThat(byFrame.json()).contains(http.url().toString());
        }
    }

    @Test
    void aChangeNeedsTheToken() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            Http http = daemon.http();

            assertThat(http.post("/sessions", SESSION, "wrong").statusCode()).isEqualTo(401);
            assertThat(http.post("/sessions", SESSION, http.token()).statusCode())
                    .isEqualTo(201);
        }
    }

    @Test
    void theTokenOutlivesTheDaemonAndIsItsUsersAlone() throws Exception {
        String token;
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            token = daemon.http().token();
            assertPrivate(directory.resolve("state/http-token"));
            daemon.kill();
        }
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            assertThat(daemon.http().token()).isEqualTo(token).hasSizeGreaterThanOrEqualTo(32);
        }
    }

    @Test
    void aDaemonThatStopsTakesItsHttpWithIt() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            Http http = daemon.http();

            assertThat(daemon.stop()).isZero();

            assertThat(daemon.httpFile()).doesNotExist();
            assertThatThrownBy(() -> http.get("/health/live")).isInstanceOf(ConnectException.class);
        }
    }

    @Test
    void noHttpWhereItIsOffAndNoFileOfADaemonThatWasKilled() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            daemon.kill();
            assertThat(daemon.httpFile()).exists();
        }
        try (DaemonProcess daemon = DaemonProcess.start(directory, "--http-address=off");
                Client client = daemon.connect()) {
            assertThat(daemon.httpFile()).doesNotExist();
            Frame.Reply info = client.ask(new Frame.Call("{\"method\":\"GET\",\"path\":\"/info\"}"), Frame.Reply.class);
            assertThat(info.json()).contains("\"http_url\":null");
        }
    }

    @Test
    void noTokenIsEverInTheLogOrTheAuditLog() throws Exception {
        String operator = "operators-own-token";
        String bearer = "bearers-own-token-1";
        try (DaemonProcess daemon = DaemonProcess.start(
                        directory, "--log-level=debug", "--ipc-token=" + operator, "--http-token=" + bearer);
                Client client = daemon.connect()) {
            Http http = daemon.http();
            assertThat(http.token()).isEqualTo(bearer);
            Frame.Opened opened =
                    client.ask(new Frame.Open(operator, "64MB", "a", 0, Abi.FLAG_KEEP), Frame.Opened.class);
            client.ask(new Frame.Open("a-guess-at-it", "64MB", "b", 0, Abi.FLAG_KEEP), Frame.ErrorFrame.class);
            HttpResponse<String> created = http.post("/sessions", SESSION, bearer);
            assertThat(http.post("/sessions", SESSION, "another-guess-at-it").statusCode())
                    .isEqualTo(401);
            daemon.stop();

            String audit = Files.readString(directory.resolve("state/audit.jsonl"));
            assertThat(audit).contains("\"open\"").contains("\"login\"");
            assertThat(daemon.errors()).contains("open");
            assertThat(audit + daemon.errors())
                    .doesNotContain(
                            operator,
                            bearer,
                            opened.token(),
                            Http.json(created).path("token").asText(),
                            "a-guess-at-it",
                            "another-guess-at-it");
        }
    }

    @Test
    void whoTriesAsFastAsTheyCanIsCountedAndNotWrittenDownEachTime() throws Exception {
        int tries = 2_000;
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            URI url = daemon.http().url();
            String one = "GET /sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n";
            try (Socket socket = new Socket(url.getHost(), url.getPort())) {
                CompletableFuture<byte[]> answers = CompletableFuture.supplyAsync(() -> {
                    try {
                        return socket.getInputStream().readAllBytes();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
                socket.getOutputStream()
                        .write(((one + "\r\n").repeat(tries - 1) + one + "Connection: close\r\n\r\n")
                                .getBytes(StandardCharsets.US_ASCII));
                assertThat(new String(answers.get(30, TimeUnit.SECONDS), StandardCharsets.UTF_8).split("HTTP/1.1 401"))
                        .hasSize(tries + 1);
            }
            assertThat(daemon.http().get("/metrics").body()).contains("gpuslice_refused_logins_total " + tries);
            assertThat(daemon.stop()).isZero();

            List<String> details = DaemonProcess.jsonLines(directory.resolve("state/audit.jsonl")).stream()
                    .filter(line -> line.path("operation").asText().equals("login"))
                    .map(line -> line.path("detail").asText())
                    .toList();
            assertThat(details).hasSizeLessThan(tries / 20);
            assertThat(details.stream().mapToInt(DaemonHttpTest::counted).sum()).isEqualTo(tries);
            assertThat(daemon.log())
                    .filteredOn(line -> line.path("operation").asText().equals("login"))
                    .hasSameSizeAs(details);
        }
    }

    private static int counted(String detail) {
        Matcher more = Pattern.compile("\\(and ([0-9,]+) more of this user within a second\\)")
                .matcher(detail);
        return more.find() ? 1 + Integer.parseInt(more.group(1).replace(",", "")) : 1;
    }

    @Test
    void onAFullDiskItIsNotReadyAndSaysWhyUntilThereIsRoom() throws Exception {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), 160);
                DaemonProcess daemon = DaemonProcess.start(
                        directory,
                        "--state-dir",
                        disk.directory().resolve("state").toString())) {
            Http http = daemon.http();
            assertThat(http.get("/health/ready").statusCode()).isEqualTo(200);

            disk.fill();
            await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> {
                HttpResponse<String> ready = http.get("/health/ready");
                assertThat(ready.statusCode()).isEqualTo(503);
                assertThat(ready.body())
                        .contains("0 B")
                        .contains(disk.directory().toString());
            });
            assertThat(http.get("/health/live").statusCode()).isEqualTo(200);

            disk.empty();
            await().atMost(Duration.ofSeconds(20))
                    .untilAsserted(() ->
                            assertThat(http.get("/health/ready").statusCode()).isEqualTo(200));
        }
    }

    /** Whoever comes first has the usual one, this daemon or another on this machine. */
    @Test
    void twoDaemonsOnOneMachineHaveAPortEach() throws Exception {
        Path other = Files.createDirectory(directory.resolve("other"));
        try (DaemonProcess first = DaemonProcess.start(directory, "--http-address=");
                DaemonProcess second = DaemonProcess.start(other, "--http-address=")) {
            assertThat(second.http().url())
                    .hasHost("127.0.0.1")
                    .isNotEqualTo(first.http().url())
                    .isNotEqualTo(URI.create("http://127.0.0.1:8747"));
            assertThat(first.http().get("/health/live").statusCode()).isEqualTo(200);
            assertThat(second.http().get("/health/live").statusCode()).isEqualTo(200);
        }
    }

    @Test
    void anAddressThatWasChosenAndIsTakenIsAReasonNotToStart() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"));
                DaemonProcess daemon =
                        DaemonProcess.launch(directory, "--http-address=127.0.0.1:" + taken.getLocalPort())) {
            assertThat(daemon.exitCode()).isEqualTo(1);
            assertThat(daemon.errors())
                    .contains("127.0.0.1:" + taken.getLocalPort())
                    .contains("http.address")
                    .contains("off")
                    .doesNotContain("mv ");
            assertThat(daemon.socket()).doesNotExist();
        }
    }

    @Test
    void anAddressThatOthersReachWithoutATokenThatTheyKnowIsAReasonNotToStart() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.launch(directory, "--http-address=0.0.0.0:0")) {
            assertThat(daemon.exitCode()).isEqualTo(2);
            assertThat(daemon.errors()).contains("0.0.0.0").contains("http.token");
            assertThat(directory.resolve("state")).doesNotExist();
        }
    }
}

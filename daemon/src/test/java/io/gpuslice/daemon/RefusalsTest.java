// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.daemon.DaemonProcess.Http;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a daemon says to requests that it refuses, asked as a client asks. */
@Timeout(60)
class RefusalsTest {
    private static final String IMAGE = "00112233445566778899aabbccddeeff";
    private static final UUID GPU = UUID.fromString("01234567-89ab-cdef-0123-456789abcdef");
    private static final UUID OTHER = UUID.fromString("11111111-89ab-cdef-0123-456789abcdef");
    /** Nobody is in it, and it stays all the same. */
    private static final int KEEP = Abi.FLAG_KEEP | Abi.FLAG_NO_LEADER;

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private static Path directory = Path.of("");

    private static DaemonProcess daemon;

    @BeforeAll
    static void start() throws IOException {
        daemon = DaemonProcess.start(directory);
    }

    @AfterAll
    static void stop() {
        daemon.close();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\'',
            value = {
                "GET | /sessions/nonsense | 404 | SESSION_UNKNOWN | there is no session \"nonsense\": `gpuslice ps` lists them",
                "GET | sessions | 400 | BAD_REQUEST | the path must begin with /, not as in \"sessions\"",
                "GET | /sessions?limit=1&limit=2 | 400 | BAD_REQUEST | the query has \"limit\" twice: say it once",
                "GET | /sessions?colour=1 | 400 | BAD_REQUEST | the query's \"colour\" is unknown at /sessions",
                "GET | /sessions?after=here | 400 | BAD_REQUEST | after=here is no place in the list",
                "GET | /events?after=here | 400 | BAD_REQUEST | after=here is no number: take the `last`",
                "GET | /sessions/%zz | 400 | BAD_REQUEST | \"%zz\" is not percent-encoded: ",
                "GET | /metrics | 404 | BAD_REQUEST | /metrics is answered over HTTP alone",
                "GET | /nothing | 404 | BAD_REQUEST | there is nothing at /nothing; there are ",
                "PUT | /sessions | 405 | BAD_REQUEST | PUT is not possible at /sessions, only GET",
            })
    void aCallThatMakesNoSenseIsToldWhy(String method, String path, int status, String code, String text)
            throws Exception {
        assertThat(call("{\"method\":\"%s\",\"path\":\"%s\"}".formatted(method, path)))
                .contains("\"status\":" + status, "\"error_code\":\"" + code + "\"", json(text));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\'',
            value = {
                "[] | the request is no JSON object",
                "{}{} | the request is not one JSON value, or has a name twice",
                "{} | \"method\" is missing",
                "{\"method\":\"GET\",\"colour\":1} | \"colour\" is unknown here;",
                "{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{}} | \"limit\" is missing",
                "{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{\"limit\":\"8GB\",\"ttl\":\"soon\"}} | ttl: duration \"soon\"",
                "{\"method\":\"PATCH\",\"path\":\"/sessions/x\",\"body\":{}} | nothing is to be changed: give \"limit\", \"ttl\" or both",
            })
    void aCallThatIsNoRequestIsToldWhy(String request, String text) throws Exception {
        assertThat(call(request)).contains("\"status\":400", json(text));
    }

    @Test
    void aNameThatCannotBeOneIsRefused() throws Exception {
        assertRefused(new Frame.Open("", "8MB", "a\tb", 0, KEEP), "a session's name cannot have control characters");
        assertThat(call("{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{\"limit\":\"8MB\",\"name\":\"%s\"}}"
                        .formatted("x".repeat(200))))
                .contains("bytes of UTF-8, and this one has 200");
    }

    @Test
    void flagsThatNobodyKnowsAreRefused() throws Exception {
        assertRefused(new Frame.Open("", "8MB", "", 0, 1 << 30), "flags 40000000 are not known here");
    }

    @Test
    void aNameThatSeveralSessionsHaveIsNoAnswer() throws Exception {
        try (Client client = daemon.connect()) {
            client.ask(new Frame.Open("", "8MB", "twice", 0, KEEP), Frame.Opened.class);
            client.ask(new Frame.Open("", "8MB", "twice", 0, KEEP), Frame.Opened.class);
        }
        assertThat(call("{\"method\":\"GET\",\"path\":\"/sessions/twice\"}"))
                .contains("may be 2 sessions (", "): write more of the id");
    }

    @Test
    void aSessionThatHasEndedIsNeverEnteredAgain() throws Exception {
        Frame.Opened session = open();
        assertThat(call("{\"method\":\"DELETE\",\"path\":\"/sessions/%s\"}".formatted(session.sessionId())))
                .contains("\"status\":200");

        assertRefused(hello(session, GPU), "session " + session.sessionId() + " has ended: open another one");
        assertRefused(
                new Frame.Hello("0011223344556677", session.token(), IMAGE, List.of(GPU)),
                "there is no session 0011223344556677: `gpuslice ps` lists them");
    }

    @Test
    void aProgramKeepsToTheOrderOfTheProtocol() throws Exception {
        Frame.Opened session = open();
        assertRefused(new Frame.Charge(4096, 0), "CHARGE before HELLO was answered by WELCOME");
        assertRefused(new Frame.Reply("{}"), "REPLY is sent by the daemon, not to it");
        assertRefused(
                new Frame.Hello(session.sessionId(), "not-the-token", IMAGE, List.of(GPU)),
                "the token does not open session " + session.sessionId());
        try (Client client = daemon.connect()) {
            client.ask(hello(session, GPU), Frame.Welcome.class);
            assertThat(text(client.ask(hello(session, GPU)))).isEqualTo("a connection says HELLO once; connect anew");
            assertThat(text(client.ask(new Frame.Freed(1, 4096, 0)))).startsWith("FREED is for strict sessions");

            assertRefused(hello(session, OTHER), "they cannot change while it runs.");
        }
    }

    @Test
    void aConnectionWatchesOnce() throws Exception {
        Frame.Watch watch =
                new Frame.Watch("{\"method\":\"GET\",\"path\":\"/sessions/%s/events\"}".formatted(open().sessionId()));
        try (Client client = daemon.connect()) {
            assertThat(client.ask(watch, Frame.Reply.class).json()).contains("\"status\":200");
            assertThat(text(client.ask(watch))).isEqualTo("a connection watches once; connect anew");
        }
    }

    @Test
    void aDaemonWithATokenServesWhoeverShowsIt(@TempDir(factory = ShortTempDir.class) Path another) throws Exception {
        try (DaemonProcess guarded = DaemonProcess.start(another, "--ipc-token", "the operators own token");
                Client client = guarded.connect()) {
            assertThat(text(client.ask(new Frame.Open("", "8MB", "", 0, KEEP))))
                    .contains("the daemon wants the operator's token to open a session: set GPUSLICE_IPC_TOKEN");
        }
    }

    @Test
    void overHttpAChangeNeedsItsToken() throws Exception {
        Http http = daemon.http();
        assertThat(http.post("/sessions", "{\"limit\":\"8MB\"}", "not-the-token")
                        .body())
                .contains("show the operator's token as Authorization: Bearer TOKEN");
        assertThat(http.post("/sessions", "x".repeat((1 << 20) + 1), http.token())
                        .body())
                .contains("the body is longer than 1048576 bytes");
    }

    @Test
    void aBodyThatDoesNotComeIsNotWaitedForForEver() throws Exception {
        Http http = daemon.http();
        try (Socket socket = new Socket(http.url().getHost(), http.url().getPort())) {
            socket.getOutputStream()
                    .write(
                            "POST /sessions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
                                    .formatted(http.token())
                                    .getBytes(StandardCharsets.US_ASCII));
            BufferedReader answer =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
            assertThat(answer.readLine()).startsWith("HTTP/1.1 408 ");
            assertThat(answer.lines().anyMatch(line -> line.contains("the body was not complete after 5 s")))
                    .isTrue();
        }
    }

    private static void assertRefused(Frame request, String text) throws Exception {
        try (Client client = daemon.connect()) {
            assertThat(text(client.ask(request))).contains(text);
        }
    }

    private static String text(Frame answer) {
        assertThat(answer).isInstanceOf(Frame.ErrorFrame.class);
        return ((Frame.ErrorFrame) answer).text();
    }

    private static Frame.Opened open() throws Exception {
        try (Client client = daemon.connect()) {
            return client.ask(new Frame.Open("", "8MB", "", 0, KEEP), Frame.Opened.class);
        }
    }

    private static Frame.Hello hello(Frame.Opened session, UUID... devices) {
        return new Frame.Hello(session.sessionId(), session.token(), IMAGE, List.of(devices));
    }

    private static String call(String request) throws Exception {
        try (Client client = daemon.connect()) {
            return client.ask(new Frame.Call(request), Frame.Reply.class).json();
        }
    }

    /** As it stands in the answer. */
    private static String json(String text) {
        return text.replace("\"", "\\\"");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiFunction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The verbs that show what goes on, as a shell sees them. */
class ViewVerbsTest extends LauncherFixture {
    private static final String SESSION = SessionTextTest.SESSION.replace("\n", "");
    private static final String DENY =
            "{\"number\":2,\"time\":\"2026-11-22T12:00:09.000250Z\",\"session_id\":\"0123456789abcdef\",\"pid\":42,"
                    + "\"operation\":\"deny\",\"bytes\":1073741824,\"result\":\"denied\",\"error_code\":\"QUOTA_EXCEEDED\"}";
    private static final String JOIN =
            "{\"number\":1,\"time\":\"2026-11-22T12:00:08.000250Z\",\"session_id\":\"0123456789abcdef\",\"pid\":42,"
                    + "\"operation\":\"join\",\"result\":\"ok\"}";

    @BeforeEach
    void scriptDaemon() {
        daemon.bodies.put("GET /sessions", ok("{\"sessions\":[" + SESSION + "]}"));
        for (String selector : List.of(FakeDaemon.ID, "train")) {
            daemon.bodies.put("GET /sessions/" + selector, ok(SESSION));
        }
        daemon.bodies.put(
                "GET /devices",
                ok(
                        "{\"devices\":[{\"index\":0,\"uuid\":\"GPU-aa\",\"name\":\"A\",\"total_bytes\":17179869184,\"used_bytes\":134217728}]}"));
    }

    private static String ok(String body) {
        return "{\"status\":200,\"body\":" + body + "}";
    }

    private static Process start(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(gpuslice.launcher().toString()));
        command.addAll(List.of(arguments));
        return gpuslice.builder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    @Test
    void psShowsOnlyWhatTheFilterLetsThrough() throws Exception {
        assertThat(gpuslice.gpuslice("ps", "-q", "--filter", "state=active", "--filter", "name=tr*")
                        .text())
                .isEqualTo(FakeDaemon.ID + "\n");
        assertThat(gpuslice.gpuslice("ps", "--format", "json", "--filter", "uid=0")
                        .text())
                .isEqualTo("[]\n");
        Installation.Result wrong = gpuslice.gpuslice("ps", "--filter", "sate=active");
        assertThat(wrong.status()).isEqualTo(2);
        assertThat(wrong.err()).contains("no \"sate\"", "did you mean state?");
    }

    @Test
    void statsOnceIsATableAndALineOfJson() throws Exception {
        assertThat(gpuslice.gpuslice("stats", "--no-stream").text()).isEqualTo("""
            ID                     USED    LIMIT  USED %     CREDIT  PROCS  ALLOC/S  FREE/S  DENIED  NAME
            0123456789abcdef  128.0 MiB  8.0 GiB   1.6 %  128.0 MiB      1        -       -       1  train
            """);
        assertThat(gpuslice.gpuslice("stats", "--no-stream", "--format", "json", "train")
                        .text()
                        .lines())
                .singleElement()
                .asString()
                .contains("\"used_percent\":1.56");
        assertThat(gpuslice.gpuslice("stats", "--no-stream", "nobody").status()).isEqualTo(1);
        assertThat(gpuslice.gpuslice("stats", "--interval", "1ms").err()).contains("shorter than 100ms");
    }

    @Test
    void statsGoOnWithRates() throws Exception {
        Process stats = start("stats", "--format", "json", "--interval", "100ms");
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(stats.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(lines.readLine()).contains("\"allocations_per_second\":null");
            daemon.bodies.put(
                    "GET /sessions",
                    ok("{\"sessions\":[" + SESSION.replace("\"allocations\":7", "\"allocations\":700") + "]}"));
            assertThat(lines.lines().anyMatch(line -> line.matches(".*\"allocations_per_second\":[1-9].*")))
                    .isTrue();
        } finally {
            stats.destroy();
        }
    }

    @Test
    void eventsAreShownAsTheyComeAndTheDaemonsEndIsSaid() throws Exception {
        daemon.events.addAll(List.of(JOIN, DENY));
        Process events = start("events", "--filter", "operation=deny", "train");
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(events.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(lines.readLine())
                    .isEqualTo("2026-11-22T12:00:09.000Z 0123456789abcdef deny       denied   pid 42  1.0 GiB"
                            + "  QUOTA_EXCEEDED");
            assertThat(daemon.asked(Frame.Watch.class))
                    .singleElement()
                    .extracting(Frame.Watch::json)
                    .asString()
                    .contains("/sessions/" + FakeDaemon.ID + "/events\"");
        } finally {
            events.destroy();
        }
        daemon.refuse(ErrorCode.OVERLOADED, "64 watch already");
        assertThat(gpuslice.gpuslice("events").err()).contains("64 watch already (OVERLOADED)");
    }

    @Test
    void logsOfASessionAreWhatTheDaemonRemembers() throws Exception {
        String path = "GET /sessions/" + FakeDaemon.ID + "/events?after=";
        daemon.bodies.put(path + "0", ok("{\"events\":[" + JOIN + "," + DENY + "],\"last\":2,\"lost\":0}"));
        daemon.bodies.put(path + "2", ok("{\"events\":[],\"last\":2,\"lost\":0}"));
        assertThat(gpuslice.gpuslice("logs", "train").text().lines()).hasSize(2);
        assertThat(gpuslice.gpuslice("logs", "train", "-n", "1", "--format", "json")
                        .text())
                .isEqualTo(DENY + "\n");
        assertThat(gpuslice.gpuslice("logs", "-n", "x").err()).contains("not a number from 0");
    }

    @Test
    void logsOfTheDaemonAreItsFile() throws Exception {
        gpuslice.environment.put("XDG_STATE_HOME", here.toString());
        Installation.Result none = gpuslice.gpuslice("logs");
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("journalctl -u gpusliced");
        Files.createDirectories(here.resolve("gpuslice"));
        Files.writeString(here.resolve("gpuslice/gpusliced.log"), "one\ntwo\n");
        assertThat(gpuslice.gpuslice("logs", "-n", "1").text()).isEqualTo("two\n");
    }

    @Test
    void waitReturnsWhenTheSessionHasEnded() throws Exception {
        Process waiting = start("wait", "train");
        await().until(() -> !daemon.asked(Frame.Watch.class).isEmpty());
        assertThat(waiting.isAlive()).isTrue();
        daemon.bodies.remove("GET /sessions/" + FakeDaemon.ID);
        assertThat(new String(waiting.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo(FakeDaemon.ID + "\n");
        assertThat(waiting.waitFor()).isZero();
        assertThat(gpuslice.gpuslice("wait", "nobody").status()).isEqualTo(1);
    }

    @Test
    void waitGoesOnWhenTheDaemonIsBack() throws Exception {
        Path err = here.resolve("err");
        Process waiting = gpuslice.builder(List.of(gpuslice.launcher().toString(), "wait", "train"))
                .redirectError(err.toFile())
                .start();
        await().until(() -> !daemon.asked(Frame.Watch.class).isEmpty());
        BiFunction<Frame, Integer, byte[]> answers = daemon.answers;
        daemon.answers = (_, _) -> {
            throw new IllegalStateException("away");
        };
        await().until(() -> Files.readString(err).contains("the wait goes on when a daemon is back"));
        assertThat(waiting.isAlive()).isTrue();
        daemon.bodies.remove("GET /sessions/" + FakeDaemon.ID);
        daemon.answers = answers;
        assertThat(waiting.waitFor()).isZero();
    }

    @Test
    void waitEndsWhenItsTimeIsOverAndSaysWhoIsLeft() throws Exception {
        Installation.Result result = gpuslice.gpuslice("wait", "--timeout", "300ms", "train");
        assertThat(result.status()).isEqualTo(1);
        assertThat(result.err())
                .contains(FakeDaemon.ID + " has not ended within")
                .contains("gpuslice rm --force");
        assertThat(gpuslice.gpuslice("wait", "--timeout", "soon", "train").status())
                .isEqualTo(2);
    }

    @Test
    void topDrawsFollowsTheWindowAndLeavesTheScreenAsItWas() throws Exception {
        Path script = Files.writeString(here.resolve("top.py"), """
            import fcntl, os, pty, select, struct, sys, termios, time
            pid, fd = pty.fork()
            if pid == 0:
                fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
                os.execv(sys.argv[1], sys.argv[1:])
            seen = b""
            def until(text):
                global seen
                end = time.time() + 20
                while text not in seen:
                    if not select.select([fd], [], [], max(0, end - time.time()))[0]:
                        sys.exit("no %r in %r" % (text, seen))
                    try:
                        seen += os.read(fd, 65536)
                    except OSError:
                        sys.exit("ended, no %r in %r" % (text, seen))
                seen = b""
            until(b"train")
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
            until(b"CREDIT")
            os.write(fd, b"?")
            until(b"any key goes back")
            os.write(fd, b"qq")
            until(b"\\x1b[?1049l")
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """);
        gpuslice.environment.put("TERM", "xterm-256color");
        gpuslice.environment.put("LANG", "C.UTF-8");
        Installation.Result result = gpuslice.shell("python3 '" + script + "' \"$G\" top");
        assertThat(result.err()).isEmpty();
        assertThat(result.status()).isZero();
        Installation.Result piped = gpuslice.gpuslice("top");
        assertThat(piped.status()).isEqualTo(2);
        assertThat(piped.err()).contains("needs a terminal", "gpuslice stats");
    }

    @Test
    void anotherMachinesDaemonIsAskedOverHttp() throws Exception {
        List<String> asked = new CopyOnWriteArrayList<>();
        HttpServer there = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        there.createContext("/", exchange -> answer(exchange, asked));
        there.start();
        String url = "http://127.0.0.1:" + there.getAddress().getPort();
        try {
            assertThat(gpuslice.gpuslice("--host", url, "ps", "-q").err())
                    .contains("show the token", "set GPUSLICE_TOKEN");
            gpuslice.environment.put("GPUSLICE_TOKEN", "s3cret");
            assertThat(gpuslice.gpuslice("--host", url, "ps", "-q").text()).isEqualTo(FakeDaemon.ID + "\n");
            assertThat(gpuslice.gpuslice("--host=" + url, "inspect", "train").text())
                    .contains("python train.py");
            assertThat(gpuslice.gpuslice("--host", url, "update", "train", "--limit", "4GB")
                            .status())
                    .isZero();
            assertThat(asked).contains("PATCH /sessions/train {\"limit\":\"4GB\"}");
            gpuslice.environment.remove("GPUSLICE_TOKEN");
            Path file = Files.writeString(here.resolve("d.http.json"), "{\"url\":\"x\",\"token\":\"s3cret\"}");
            assertThat(gpuslice.gpuslice(
                                    "--host",
                                    url,
                                    "--token-file",
                                    file.toString(),
                                    "stats",
                                    "--no-stream",
                                    "--format",
                                    "json")
                            .text())
                    .contains("\"id\":\"" + FakeDaemon.ID + "\"");
            Process events = start("--host", url, "--token-file", file.toString(), "events", "--recent");
            try (BufferedReader lines =
                    new BufferedReader(new InputStreamReader(events.getInputStream(), StandardCharsets.UTF_8))) {
                assertThat(lines.readLine()).contains(" deny ");
                assertThat(lines.readLine()).contains(" join ");
            } finally {
                events.destroy();
            }
            assertThat(daemon.asked).as("what this machine's daemon was asked").isEmpty();
        } finally {
            there.stop(0);
        }
        assertThat(gpuslice.gpuslice("--host", url, "ps").err()).contains("nobody answers at " + url);
    }

    private static void answer(HttpExchange exchange, List<String> asked) throws IOException {
        String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
        String request = exchange.getRequestMethod() + " " + exchange.getRequestURI();
        asked.add((request + " " + body).strip());
        boolean letIn = "Bearer s3cret".equals(exchange.getRequestHeaders().getFirst("Authorization"));
        String text = !letIn
                ? "{\"detail\":\"show the token\",\"error_code\":\"UNAUTHENTICATED\"}"
                : switch (request) {
                    case "GET /sessions" -> "{\"sessions\":[" + SESSION + "]}";
                    case "GET /events?after=0" -> "{\"events\":[" + DENY + "],\"last\":2}";
                    case "GET /events?after=2" -> "{\"events\":[" + JOIN + "],\"last\":3}";
                    case "GET /events?after=3" -> "{\"events\":[],\"last\":3}";
                    default -> SESSION;
                };
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(letIn ? 200 : 401, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    @Test
    void whatWorksHereAloneSaysSo() throws Exception {
        Installation.Result run = gpuslice.gpuslice("--host", "http://localhost", "run", "--limit", "1GB", "true");
        assertThat(run.status()).isEqualTo(125);
        assertThat(run.err()).contains("run works on this machine alone").contains("ssh MACHINE gpuslice run");
        String help = gpuslice.gpuslice("--help").text().replaceAll("\\s+", " ");
        for (Verb verb : Verb.values()) {
            assertThat(help.replaceFirst(" Verbs: .*", "").contains(verb.typedName() + ","))
                    .as(verb.typedName())
                    .isEqualTo(verb.isForHosts() && verb != Verb.DEVICES);
        }
        assertThat(gpuslice.gpuslice("--host", "localhost:8747", "ps").err())
                .contains("is not the URL of a daemon", "http://machine:8747");
        assertThat(gpuslice.gpuslice("ps", "--host", "http://localhost").err())
                .contains("--host stands before the verb", "gpuslice --host URL ps");
        assertThat(gpuslice.gpuslice("--host", "http://localhost", "isnpect").err())
                .contains("there is no verb \"isnpect\"", "did you mean inspect?");
        assertThat(gpuslice.gpuslice("--host", "http://localhost", "--token-file", "/nowhere", "ps")
                        .err())
                .contains("the token cannot be read from /nowhere");
        assertThat(daemon.asked).isEmpty();
    }

    @Test
    void aSocketThatADeadDaemonHasLeftIsCalledThat() throws Exception {
        Path socket = here.resolve("dead.sock");
        gpuslice.shell("python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' '"
                + socket + "'");
        gpuslice.environment.put("GPUSLICE_IPC_SOCK", socket.toString());
        assertThat(gpuslice.gpuslice("inspect", "train").err())
                .contains("no daemon is running at " + socket)
                .contains("is what one has left that was killed");
    }

    @Test
    void aDaemonOfAnotherReleaseIsCalledThat() throws Exception {
        daemon.refuse(ErrorCode.UNSUPPORTED_VERSION, "this is 2.0, you are 1.0");
        assertThat(gpuslice.gpuslice("ps").err())
                .contains("is of another release", "this is 2.0, you are 1.0")
                .contains("use the `gpuslice` that came with it");
    }

    @Test
    void everyVerbsHelpHasAnExampleThatBeginsWithIt() throws Exception {
        for (Verb verb : Verb.values()) {
            assertThat(gpuslice.gpuslice(verb.typedName(), "--help").text())
                    .containsPattern("\nExamples?:\n  gpuslice " + verb.typedName());
        }
    }
}

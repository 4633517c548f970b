// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.linux.UnixSocket;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import io.gpuslice.wire.ProtocolException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A daemon in a process of its own, as people run it, and what its clients see of it. */
public final class DaemonProcess implements AutoCloseable {

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Process process;
    private final Path socket;
    private final Path errors;

    private DaemonProcess(Process process, Path socket, Path errors) {
        this.process = process;
        this.socket = socket;
        this.errors = errors;
    }

    /** Starts one with its state, its socket and its output in {@code directory}; does not wait until it listens. */
    public static DaemonProcess launch(Path directory, String... arguments) throws IOException {
        return launch(Main.class, directory, Files.createTempFile(directory, "errors", ".log"), arguments);
    }

    /** @param errors added to */
    private static DaemonProcess launch(Class<?> main, Path directory, Path errors, String... arguments)
            throws IOException {
        return launch(List.of(), main, directory, errors, arguments);
    }

    /** @param by a command that becomes the one behind it */
    private static DaemonProcess launch(
            List<String> by, Class<?> main, Path directory, Path errors, String... arguments) throws IOException {
        Path socket = directory.resolve("socket");
        List<String> command = new ArrayList<>(by);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.appendTo(errors.toFile()));
        Map<String, String> environment = builder.environment();
        environment.put("GPUSLICE_STATE_DIR", directory.resolve("state").toString());
        environment.put("GPUSLICE_IPC_SOCK", socket.toString());
        environment.put("GPUSLICE_READY_FD", "1");
        // Whoever else is on this machine; an empty one, by flag, is the default.
        environment.put("GPUSLICE_HTTP_ADDRESS", "127.0.0.1:0");
        return new DaemonProcess(builder.start(), socket, errors);
    }

    /** Starts one and waits until it listens. */
    public static DaemonProcess start(Path directory, String... arguments) throws IOException {
        return launch(directory, arguments).ready();
    }

    /** The same, with its standard error in a file of that name. */
    static DaemonProcess startWithLog(Path log, Path directory) throws IOException {
        return launch(Main.class, directory, log).ready();
    }

    /** The same; ends by itself when {@link #endByItself} is called. */
    static DaemonProcess startUnsteady(Path directory) throws IOException {
        return launch(EndsByItself.class, directory, Files.createTempFile(directory, "errors", ".log"))
                .ready();
    }

    /** The same, with more variables, each {@code NAME=value}. */
    static DaemonProcess startWith(List<String> variables, Path directory) throws IOException {
        List<String> by = new ArrayList<>(List.of("/usr/bin/env"));
        by.addAll(variables);
        return launch(by, Main.class, directory, Files.createTempFile(directory, "errors", ".log"))
                .ready();
    }

    /** The same, where everybody may read and write what a program makes, unless the program sees to it. */
    static DaemonProcess startWithUmask(String umask, Path directory) throws IOException {
        return launch(
                        List.of("/bin/sh", "-c", "umask " + umask + "; exec \"$@\"", "sh"),
                        Main.class,
                        directory,
                        Files.createTempFile(directory, "errors", ".log"))
                .ready();
    }

    private DaemonProcess ready() throws IOException {
        String line = process.inputReader(StandardCharsets.US_ASCII).readLine();
        if (!"READY".equals(line)) {
            throw new IOException("no daemon: " + errors());
        }
        return this;
    }

    long pid() {
        return process.pid();
    }

    /** What it said on standard output, all of it. */
    String output() throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    String errors() throws IOException {
        return Files.readString(errors);
    }

    Path socket() {
        return socket;
    }

    /** Its standard error, each line as the JSON that it is when that is a file. */
    List<JsonNode> log() throws IOException {
        return jsonLines(errors);
    }

    static List<JsonNode> jsonLines(Path file) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(file)) {
            lines.add(JSON.readTree(line));
        }
        return lines;
    }

    /** What it tells its user about its HTTP. */
    Path httpFile() {
        return socket.resolveSibling(socket.getFileName() + ".http.json");
    }

    /** Its HTTP, as its user sees it. */
    Http http() throws IOException {
        JsonNode told = JSON.readTree(httpFile().toFile());
        return new Http(
                URI.create(told.path("url").asText()), told.path("token").asText());
    }

    /** As a defect could, or Pekko after a stack overflow. */
    void endByItself() throws IOException {
        process.getOutputStream().close();
    }

    /** SIGHUP. */
    void hangUp() throws IOException {
        signal("HUP");
    }

    /** SIGINT; returns the exit code. */
    int interrupt() throws IOException, InterruptedException {
        signal("INT");
        return exitCode();
    }

    private void signal(String name) throws IOException {
        new ProcessBuilder("kill", "-" + name, Long.toString(pid()))
                .inheritIO()
                .start()
                .onExit()
                .join();
    }

    /** SIGKILL. */
    public void kill() throws InterruptedException {
        process.destroyForcibly();
        process.waitFor();
    }

    /** SIGTERM; returns the exit code. */
    public int stop() throws InterruptedException {
        process.destroy();
        return exitCode();
    }

    int exitCode() throws InterruptedException {
        if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError("the daemon has not ended within " + PATIENCE);
        }
        return process.exitValue();
    }

    public Client connect() throws IOException {
        return new Client(UnixSocket.connect(socket, PATIENCE));
    }

    @Override
    public void close() {
        process.destroyForcibly();
        process.onExit().join();
    }

    /** Its HTTP; each request on a connection of its own. */
    record Http(URI url, String token) {
        HttpResponse<String> get(String path) throws IOException, InterruptedException {
            return send(HttpRequest.newBuilder(url.resolve(path)));
        }

        HttpResponse<String> post(String path, String body, String bearer) throws IOException, InterruptedException {
            return send(HttpRequest.newBuilder(url.resolve(path))
                    .header("Authorization", "Bearer " + bearer)
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(body)));
        }

        static JsonNode json(HttpResponse<String> response) throws IOException {
            return JSON.readTree(response.body());
        }

        private static HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
            try (HttpClient client = HttpClient.newHttpClient()) {
                return client.send(request.timeout(PATIENCE).build(), HttpResponse.BodyHandlers.ofString());
            }
        }
    }

    /** One connection: asks and waits for the answer. */
    public static final class Client implements AutoCloseable {
        private static final int HEADER = 16;

        private final UnixSocket socket;
        private int seq;

        Client(UnixSocket socket) {
            this.socket = socket;
        }

        public <T extends Frame> T ask(Frame request, Class<T> answer) throws IOException, ProtocolException {
            Frame got = ask(request);
            if (!answer.isInstance(got)) {
                throw new AssertionError("expected " + answer.getSimpleName() + ", got " + got);
            }
            return answer.cast(got);
        }

        public Frame ask(Frame request) throws IOException, ProtocolException {
            socket.write(ByteBuffer.wrap(FrameCodec.encode(request, ++seq)));
            ByteBuffer header = ByteBuffer.allocate(HEADER).order(ByteOrder.LITTLE_ENDIAN);
            socket.read(header);
            ByteBuffer frame = ByteBuffer.allocate(header.getInt(0)).order(ByteOrder.LITTLE_ENDIAN);
            frame.put(header.flip());
            socket.read(frame);
            Frame answer = FrameCodec.decode(frame.flip()).frame();
            if (answer instanceof Frame.Welcome) {
                // The byte that carries the page; this client does without.
                socket.read(ByteBuffer.allocate(1));
            }
            return answer;
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }
}

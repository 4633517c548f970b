// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One daemon of our own with its own state, socket and simulated card, and the programs started under it. Closing it
 * ends them all.
 */
final class Rig implements AutoCloseable {
    static final long MIB = 1 << 20;

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Half of what a daemon that lives for seconds costs is what the second compiler does, too late for it to use. */
    static final String JAVA_OPTIONS = System.getProperty("gpuslice.daemon.options", "-XX:TieredStopAtLevel=1");

    final Tree tree;
    final Path dir;
    private final Map<String, String> environment = new HashMap<>();
    private final Map<String, String> tokens = new HashMap<>();
    private final Deque<Guest> started = new ArrayDeque<>();
    private boolean hasDaemon;

    private Rig(Tree tree, Path dir) {
        this.tree = tree;
        this.dir = dir;
        environment.put("PATH", System.getenv("PATH"));
        environment.put("HOME", dir.toString());
        environment.put("LANG", "C.UTF-8");
        environment.put("XDG_RUNTIME_DIR", dir.toString());
        environment.put("XDG_STATE_HOME", dir.resolve("state").toString());
        environment.put("GPUSLICE_IPC_SOCK", socket().toString());
        environment.put("LD_LIBRARY_PATH", tree.fakecuda().toString());
        environment.put("FAKECUDA_STATE", dir.resolve("card").toString());
        environment.put("FAKECUDA_MEMORY", "4G");
        environment.put("FAKECUDA_DEVICES", "2");
        environment.put("GPUSLICE_JAVA_OPTS", JAVA_OPTIONS);
    }

    /** Nothing is running yet. */
    static Rig idle() {
        return idle(Tree.find());
    }

    static Rig idle(Tree tree) {
        try {
            // Short, because a Unix socket's path has 107 bytes.
            return new Rig(tree, Files.createTempDirectory(Path.of("/tmp"), "gpuslice-it"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** With a daemon that is ready. */
    static Rig running() {
        Rig rig = idle();
        rig.daemon();
        return rig;
    }

    Path socket() {
        return dir.resolve("s");
    }

    Rig with(String variable, String value) {
        environment.put(variable, value);
        return this;
    }

    Map<String, String> environment() {
        return new HashMap<>(environment);
    }

    /** What a program is given that is started past the launcher. */
    Map<String, String> environmentOf(String session, String token) {
        Map<String, String> environment = environment();
        environment.put("GPUSLICE_SESSION", session);
        environment.put("GPUSLICE_IPC_TOKEN", token);
        environment.put("LD_PRELOAD", library().toString());
        return environment;
    }

    /** The library at a path that can stand in LD_PRELOAD, which ends at blanks and colons: a checkout's may have some. */
    Path library() {
        Path link = dir.resolve("libgpuslice.so");
        try {
            return Files.isSymbolicLink(link) ? link : Files.createSymbolicLink(link, tree.library());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Starts a daemon and waits until it serves. */
    Guest daemon() {
        return daemon(List.of());
    }

    /** The same through a command that becomes, or begets, the one given to it. */
    Guest daemon(List<String> through) {
        return daemon(tree, through);
    }

    /** The daemon of another build. */
    Guest daemon(Tree of) {
        return daemon(of, List.of());
    }

    private Guest daemon(Tree of, List<String> through) {
        hasDaemon = true;
        forgetHttp();
        List<String> command = new ArrayList<>(through);
        command.add(of.bin("gpusliced").toString());
        Guest daemon = start(command, environment());
        eventually(() -> listens() || !daemon.alive());
        assertThat(daemon.alive()).as("the daemon runs\n%s", daemon.errors()).isTrue();
        return daemon;
    }

    /** Where the daemon says how to reach it by HTTP. */
    private Path httpNote() {
        return dir.resolve("s.http.json");
    }

    /** A killed daemon leaves its note behind, and its port may by now be another's. */
    private void forgetHttp() {
        try {
            Files.deleteIfExists(httpNote());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The HTTP of the daemon that runs now. */
    Web web() {
        return Web.at(httpNote());
    }

    /** The audit log where the daemon says that it is. */
    Audit audit() {
        return new Audit(
                Path.of(web().get("/info").with(200).json().path("audit_file").asText()));
    }

    /** Asked with a bare connect: a command line started again and again would slow down the start it waits for. */
    private boolean listens() {
        try (SocketChannel _ = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    Guest start(List<String> command, Map<String, String> env) {
        Guest guest = Guest.start(command, env, dir);
        started.push(guest);
        return guest;
    }

    /** {@code gpuslice arguments…}, left running. */
    Guest gpuslice(Object... arguments) {
        List<String> command = new ArrayList<>();
        command.add(tree.bin("gpuslice").toString());
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return start(command, environment());
    }

    record Result(int code, String out, String err) {
        Result ok() {
            assertThat(code).as("exit code; stdout: %s stderr: %s", out, err).isZero();
            return this;
        }
    }

    /** {@code gpuslice arguments…}, to its end. */
    Result run(Object... arguments) {
        Guest guest = gpuslice(arguments).finish();
        int code = guest.exitCode();
        return new Result(code, guest.output(), guest.errors());
    }

    /** A guest of {@code it/programs} in an existing session, past the launcher where the session is one of {@link #create(String)}. */
    Guest in(String session, String program, Object... arguments) {
        String token = tokens.get(session);
        if (token != null) {
            return in(new Opened(session, token), program, arguments);
        }
        return gpuslice(join(List.of("exec", session, "--", tree.program(program)), arguments));
    }

    /**
     * The same without {@code gpuslice exec}, whose Java is what a crowd of guests would wait for.
     *
     * @param session as {@link #open} has it
     */
    Guest in(Opened session, String program, Object... arguments) {
        return start(command(program, arguments), environmentOf(session.id, session.token));
    }

    /** The same at the lowest priority: busy whenever nothing else is, and so not in the way of a daemon that starts. */
    Guest modestly(Opened session, String program, Object... arguments) {
        List<String> command = new ArrayList<>(List.of("nice", "-n", "19"));
        command.addAll(command(program, arguments));
        return start(command, environmentOf(session.id, session.token));
    }

    /** A guest of {@code it/programs} in a session of its own. */
    Guest under(String limit, String program, Object... arguments) {
        return gpuslice(join(List.of("run", "--limit", limit, "--", tree.program(program)), arguments));
    }

    /** A guest of {@code it/programs} without gpuslice. */
    Guest bare(String program, Object... arguments) {
        return start(command(program, arguments), environment());
    }

    /** A guest in an existing session, started through a command as the daemon can be. */
    Guest in(Opened session, List<String> through, String program, Object... arguments) {
        List<String> command = new ArrayList<>(through);
        command.addAll(command(program, arguments));
        return start(command, environmentOf(session.id, session.token));
    }

    private List<String> command(String program, Object... arguments) {
        return Stream.concat(Stream.of(tree.program(program)), Stream.of(arguments))
                .map(Object::toString)
                .toList();
    }

    private static Object[] join(List<?> head, Object[] tail) {
        return Stream.concat(head.stream(), Stream.of(tail)).toArray();
    }

    /** A session without a leader; its id. By HTTP, as all that tests do again and again: a command line is a JVM each time. */
    String create(String limit) {
        Opened opened = open(limit);
        tokens.put(opened.id, opened.token);
        return opened.id;
    }

    /** The same by the command line. */
    String create(String limit, Object... more) {
        return run(join(List.of("create", "-q", "--limit", limit), more))
                .ok()
                .out()
                .strip();
    }

    /** A session without a leader, and the token that lets programs in. */
    record Opened(String id, String token) {}

    /** By HTTP. */
    Opened open(String limit) {
        JsonNode opened = web().call("POST", "/sessions", "{\"limit\": \"" + limit + "\"}")
                .with(201)
                .json();
        return new Opened(opened.path("id").asText(), opened.path("token").asText());
    }

    /** The daemon's view of a session. By HTTP, because a command line started for each question is what tests would wait for. */
    JsonNode inspect(String session) {
        return web().get("/sessions/" + session).with(200).json();
    }

    long used(String session) {
        return inspect(session).path("used_bytes").asLong(-1);
    }

    long charge(String session) {
        return inspect(session).path("charge_bytes").asLong(-1);
    }

    static JsonNode json(String text) {
        try {
            return JSON.readTree(text);
        } catch (IOException e) {
            throw new AssertionError("not JSON: " + text, e);
        }
    }

    /** The simulated card's own books, by its own tool: nothing of gpuslice takes part. */
    JsonNode card() {
        Guest stat = start(List.of(tree.fakecuda().resolve("fakecuda-stat").toString(), "--json"), environment())
                .finish();
        assertThat(stat.exitCode()).as(stat.errors()).isZero();
        return json(stat.output());
    }

    /** Bytes that live processes hold on device 0 by the simulated card's books. */
    long heldOnCard() {
        return card().path("devices").path(0).path("used").asLong(-1);
    }

    static void eventually(java.util.concurrent.Callable<Boolean> condition) {
        org.awaitility.Awaitility.await()
                .atMost(Guest.PATIENCE)
                .pollInterval(java.time.Duration.ofMillis(20))
                .until(condition);
    }

    @Override
    public void close() {
        if (!hasDaemon) {
            endTheUsersDaemon();
        }
        started.forEach(Guest::close);
        try (Stream<Path> files = Files.walk(dir)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The one that {@code gpuslice run} starts where there is none: no child of ours, and not to be left behind. */
    private void endTheUsersDaemon() {
        Result info = run("info", "--format", "json");
        if (info.code() != 0) {
            return;
        }
        ProcessHandle.of(json(info.out()).path("daemon").path("pid").asLong()).ifPresent(daemon -> {
            daemon.destroyForcibly();
            daemon.onExit().join();
        });
    }
}

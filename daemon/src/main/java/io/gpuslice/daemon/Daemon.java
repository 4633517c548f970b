// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.gpuslice.actors.Supervisor;
import io.gpuslice.actors.Supervisor.StartException;
import io.gpuslice.actors.eventloop.EventLoop;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.config.Settings;
import io.gpuslice.http.Api;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.linux.Procfs;
import io.gpuslice.persistence.StateDirectory;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.typed.ActorSystem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The whole of a running daemon: its state, its event loop, its actors. Guests go on while none runs. */
final class Daemon implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);
    private static final Duration LONGEST_START = Duration.ofMinutes(2);
    private static final Duration LONGEST_STOP = Duration.ofSeconds(10);

    private final StateDirectory state;
    private final EventLoop loop;
    private final ActorSystem<Supervisor.Command> system;
    private final Path socket;

    private Daemon(StateDirectory state, EventLoop loop, ActorSystem<Supervisor.Command> system, Path socket) {
        this.state = state;
        this.loop = loop;
        this.system = system;
        this.socket = socket;
    }

    /**
     * Starts it.
     *
     * @param version for people who ask the daemon what it is
     * @return when it listens and every session is there again
     * @throws IOException why it cannot; the message says what to do
     */
    static Daemon start(Settings settings, String version) throws IOException, InterruptedException {
        StateDirectory state = StateDirectory.open(
                settings.stateDirectory(), settings.journal().engine(), Procfs.bootId());
        EventLoop loop = EventLoop.start();
        CompletableFuture<Path> ready = new CompletableFuture<>();
        ActorSystem<Supervisor.Command> system = ActorSystem.create(
                Supervisor.create(
                        settings,
                        new Supervisor.State(state.id(), state.begun()),
                        PrivateDirectory.uid(),
                        loop,
                        calls(settings, version),
                        ready),
                "gpuslice",
                loop.bootstrap(config(state)));
        Daemon daemon = null;
        try {
            Path socket = ready.get(LONGEST_START.toSeconds(), TimeUnit.SECONDS);
            state.begin();
            daemon = new Daemon(state, loop, system, socket);
            return daemon;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof StartException because) {
                throw new IOException(whatToDo(because, settings), because);
            }
            throw new IOException("the daemon could not start: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("the daemon was not ready after " + LONGEST_START.toSeconds() + " s", e);
        } finally {
            if (daemon == null) {
                end(system, loop, state);
            }
        }
    }

    /** The way out where the state is the reason; else the reason says what to do. */
    private static String whatToDo(StartException because, Settings settings) {
        String reason = String.valueOf(because.getMessage());
        if (!because.isOfState()) {
            return reason;
        }
        return reason + (reason.endsWith(".") ? " " : ". ") + StateDirectory.wayOut(settings.stateDirectory());
    }

    /** Where it listens. */
    Path socket() {
        return socket;
    }

    /** Returns when its actors have ended, whoever ended them. */
    void awaitEnd() throws InterruptedException {
        try {
            system.getWhenTerminated().toCompletableFuture().get();
        } catch (ExecutionException e) {
            LOG.error("the actors have failed", e.getCause());
        }
    }

    /** Stops listening, finishes what is being written, and gives the state back. Guests keep their credit. */
    @Override
    public void close() throws IOException {
        end(system, loop, state);
    }

    private static void end(ActorSystem<?> system, EventLoop loop, StateDirectory state) throws IOException {
        system.terminate();
        try {
            system.getWhenTerminated().toCompletableFuture().get(LONGEST_STOP.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("the actors have not ended within {} s", LONGEST_STOP.toSeconds());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        loop.close();
        state.close();
    }

    private static Supervisor.CallHandlers calls(Settings settings, String version) {
        Api.About about = new Api.About(
                version,
                (int) ProcessHandle.current().pid(),
                PrivateDirectory.uid(),
                Instant.now(),
                settings.ipc().socket(),
                settings.stateDirectory());
        OperatorToken token = OperatorToken.of(settings.ipc().token());
        return (system, sessions, devices) -> new Api(system, sessions, devices, token, about);
    }

    private static Config config(StateDirectory state) {
        return state.config()
                .withFallback(ConfigFactory.parseResources(Daemon.class.getClassLoader(), "gpuslice-daemon.conf"))
                .withFallback(ConfigFactory.defaultReference())
                .resolve();
    }
}

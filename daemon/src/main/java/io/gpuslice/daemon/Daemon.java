// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.gpuslice.actors.Access;
import io.gpuslice.actors.Clock;
import io.gpuslice.actors.Served;
import io.gpuslice.actors.Supervisor;
import io.gpuslice.actors.Supervisor.StartException;
import io.gpuslice.actors.eventloop.EventLoop;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.config.Settings;
import io.gpuslice.daemon.audit.AuditField;
import io.gpuslice.daemon.audit.AuditLog;
import io.gpuslice.daemon.log.LogOfOccurrences;
import io.gpuslice.http.Api;
import io.gpuslice.http.metrics.KamonMetrics;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.linux.Procfs;
import io.gpuslice.persistence.StateDirectory;
import io.gpuslice.persistence.StateException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import org.apache.pekko.Done;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The whole of a running daemon: its state, its event loop, its actors. Guests go on while none runs. */
final class Daemon {

    private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);
    private static final Duration LONGEST_START = Duration.ofMinutes(2);
    /** Each costs a little of everything that is decided. */
    private static final int MOST_WATCHERS = 64;

    /** Of the actors. */
    private static final Duration LONGEST_END = Duration.ofSeconds(10);

    /** Of everything: a disk may never answer. */
    private static final Duration LONGEST_STOP = Duration.ofSeconds(30);

    private final Parts parts;
    private final Optional<AuditLog> audit;
    private final ActorSystem<Supervisor.Command> system;
    private final Path socket;
    private final SelfTest selfTest;
    private final KamonMetrics metrics;
    private final Optional<HttpFace> http;

    private Daemon(
            Parts parts,
            Optional<AuditLog> audit,
            ActorSystem<Supervisor.Command> system,
            Path socket,
            SelfTest selfTest,
            KamonMetrics metrics,
            Optional<HttpFace> http) {
        this.parts = parts;
        this.audit = audit;
        this.system = system;
        this.socket = socket;
        this.selfTest = selfTest;
        this.metrics = metrics;
        this.http = http;
    }

    /**
     * Starts it.
     *
     * @param version for people who ask the daemon what it is
     * @return when it listens and every session is there again
     * @throws IOException why it cannot; the message says what to do
     */
    static Daemon start(Settings settings, String version) throws IOException, InterruptedException {
        Parts parts = new Parts();
        boolean started = false;
        try {
            Daemon daemon = start(settings, version, parts);
            started = true;
            return daemon;
        } finally {
            if (!started) {
                parts.close();
            }
        }
    }

    private static Daemon start(Settings settings, String version, Parts parts)
            throws IOException, InterruptedException {
        Access access = access(settings);
        StateDirectory state = parts.add(state(settings));
        Optional<AuditLog> audit = audit(settings, version, parts);
        AtomicReference<@Nullable URI> url = new AtomicReference<>();
        Recent recent = new Recent();
        Handlers handlers = new Handlers(
                OperatorToken.of(settings.ipc().token()),
                new Api.About(
                        version,
                        (int) ProcessHandle.current().pid(),
                        PrivateDirectory.uid(),
                        Instant.now(),
                        settings.ipc().socket(),
                        settings.stateDirectory(),
                        () -> Optional.ofNullable(url.get()),
                        settings.audit().file()),
                new Api.Occurrences(recent, access::toSeeAll, Daemon::tell, MOST_WATCHERS),
                Clock.system(Procfs.bootId()));
        CompletableFuture<Path> ready = new CompletableFuture<>();
        CompletableFuture<SelfTest> test = ready.thenApply(path -> new SelfTest(path, state.health()));
        KamonMetrics metrics = KamonMetrics.create(
                new KamonMetrics.Sources(
                        handlers::sessions,
                        handlers::devices,
                        () -> test.thenCompose(SelfTest::problems).thenApply(List::isEmpty),
                        () -> audit.map(AuditLog::lost).orElse(0L)),
                version,
                settings.metrics().sessions());
        List<Telemetry> written = new ArrayList<>(List.of(new LogOfOccurrences(), recent));
        audit.ifPresent(written::addFirst);
        Telemetry telemetry =
                Telemetry.all(List.of(parts.add(FewerRefusals.of(Telemetry.all(written))), metrics.telemetry()));
        EventLoop loop = parts.add(EventLoop.start());
        ActorSystem<Supervisor.Command> system = ActorSystem.create(
                Supervisor.create(
                        settings,
                        new Supervisor.State(state.id(), state.begun()),
                        access,
                        loop,
                        handlers,
                        telemetry,
                        ready),
                "gpuslice",
                state.setups(telemetry).and(loop.bootstrap(config(state))));
        parts.add(() -> end(system));
        Path socket = await(ready, settings);
        state.begin();
        SelfTest selfTest = test.join();
        Optional<HttpFace> http = HttpFace.start(settings, socket, handlers.api(), metrics, selfTest, telemetry);
        http.ifPresent(face -> url.set(parts.add(face).url()));
        return new Daemon(parts, audit, system, socket, selfTest, metrics, http);
    }

    /** An occurrence looks alike wherever it is shown. */
    private static void tell(Occurrence occurrence, BiConsumer<String, Object> reader) {
        AuditField.each(occurrence, (field, value) -> reader.accept(field.toString(), value));
    }

    private static Access access(Settings settings) {
        int uid = PrivateDirectory.uid();
        return new Access(settings.ipc().token().isPresent(), uid, Served.of(settings.access(), uid));
    }

    private static StateDirectory state(Settings settings) throws IOException {
        Path directory = settings.stateDirectory();
        try {
            return StateDirectory.open(directory, settings.journal().engine(), Procfs.bootId());
        } catch (StateException e) {
            throw e;
        } catch (IOException e) {
            // The kernel's word, which names no file.
            throw new IOException(
                    "the state in " + directory + " cannot be opened: " + e.getMessage()
                            + ". Mend that, or name another directory: --state-dir (GPUSLICE_STATE_DIR)",
                    e);
        }
    }

    private static Optional<AuditLog> audit(Settings settings, String version, Parts parts) throws IOException {
        Optional<Path> file = settings.audit().file();
        return file.isEmpty()
                ? Optional.empty()
                : Optional.of(
                        parts.add(AuditLog.open(file.get(), settings.audit().maxSize(), version)));
    }

    private static Path await(CompletableFuture<Path> ready, Settings settings)
            throws IOException, InterruptedException {
        try {
            return ready.get(LONGEST_START.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof StartException because) {
                throw new IOException(whatToDo(because, settings), because);
            }
            throw new IOException("the daemon could not start: " + e.getCause(), e);
        } catch (TimeoutException e) {
            throw new IOException("the daemon was not ready after " + LONGEST_START.toSeconds() + " s", e);
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

    /** Where it answers HTTP; empty: nowhere. */
    Optional<URI> http() {
        return http.map(HttpFace::url);
    }

    /** Files that others move away are opened anew. */
    void reopen() {
        audit.ifPresentOrElse(AuditLog::reopen, () -> LOG.info("SIGHUP: the audit log is off"));
    }

    /** Puts into force what of these settings may change while it runs: those that the catalogue says SIGHUP changes. */
    void adjust(Settings settings) {
        audit.ifPresent(log -> log.maxSize(settings.audit().maxSize()));
        http.ifPresent(face -> face.adjust(settings));
        metrics.perSession(settings.metrics().sessions());
        system.tell(new Supervisor.Adjust(settings));
    }

    /** Tells the service manager from now on that it lives. */
    void watchedBy(Service service) {
        SignOfLife sign = new SignOfLife(
                selfTest,
                () -> AskPattern.ask(
                        system,
                        (ActorRef<Done> replyTo) -> new Supervisor.Ping(replyTo),
                        LONGEST_END,
                        system.scheduler()));
        parts.add(service.watch(sign::missing));
    }

    /** Returns when its actors have ended, whoever ended them. */
    void awaitEnd() throws InterruptedException {
        try {
            system.getWhenTerminated().toCompletableFuture().get();
        } catch (ExecutionException e) {
            LOG.error("the actors have failed", e.getCause());
        }
    }

    /**
     * Stops listening, finishes what is being written, and gives the state back. Guests keep their credit.
     *
     * @param told whether somebody asked for it: then the audit log says so
     * @return whether all of it has ended; else it was given up after a while
     */
    boolean stop(boolean told) throws InterruptedException {
        if (told) {
            audit.ifPresent(AuditLog::stopping);
        }
        return parts.closeWithin(LONGEST_STOP);
    }

    private static void end(ActorSystem<?> system) throws InterruptedException {
        system.terminate();
        try {
            system.getWhenTerminated().toCompletableFuture().get(LONGEST_END.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("the actors have not ended within {} s", LONGEST_END.toSeconds());
        }
    }

    private static Config config(StateDirectory state) {
        return state.config()
                .withFallback(ConfigFactory.parseResources(Daemon.class.getClassLoader(), "gpuslice-daemon.conf"))
                .withFallback(ConfigFactory.defaultReference())
                .resolve();
    }
}

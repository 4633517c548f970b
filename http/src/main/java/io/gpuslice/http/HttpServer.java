// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.http.metrics.Metrics;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.Done;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.japi.Pair;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.SystemMaterializer;
import org.apache.pekko.stream.javadsl.Keep;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Tcp;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers HTTP. It has threads of its own, two that answer, so that nobody who asks delays a decision; what clients can
 * hold up is bounded: connections in number, requests in size, and each in time.
 */
public final class HttpServer implements AutoCloseable {

    /** Where HTTP is answered unless the settings say otherwise. */
    public static final InetSocketAddress USUAL = new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 8747);

    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);

    private static final int MOST_CONNECTIONS = 1024;

    private static final int BACKLOG = 100;
    /** Longer than the longest answer, the end of a session's processes, takes. */
    private static final Duration LONGEST_SILENCE = Duration.ofSeconds(65);

    private static final Duration LONGEST_BIND = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofMillis(1500);
    private static final Duration LONGEST_END = Duration.ofSeconds(2);

    /**
     * Where, and for whom.
     *
     * @param address none: {@link #USUAL}, or any free port of that address where it is taken
     * @param token the operator's
     * @param tokenConfigured whether somebody chose it, and so knows it: only then may others than this machine ask
     */
    public record Settings(Optional<InetSocketAddress> address, String token, boolean tokenConfigured) {
        @Override
        public String toString() {
            return "Settings[address=" + address + ", tokenConfigured=" + tokenConfigured + "]";
        }
    }

    private final ActorSystem system;
    private final Tcp.ServerBinding binding;
    private final CompletionStage<Done> served;
    private final Connections connections;

    private HttpServer(ActorSystem system, Listening listening, Connections connections) {
        this.system = system;
        this.binding = listening.binding();
        this.served = listening.served();
        this.connections = connections;
    }

    /**
     * Starts answering.
     *
     * @param telemetry hears of those who are not let in
     * @param daemonUid the user that the daemon runs as
     * @return when it listens
     * @throws IOException why it cannot; the message says what to do
     */
    public static HttpServer start(
            Settings settings, Api api, Metrics metrics, Readiness readiness, Telemetry telemetry, int daemonUid)
            throws IOException, InterruptedException {
        InetSocketAddress address = settings.address().orElse(USUAL);
        if (!address.getAddress().isLoopbackAddress() && !settings.tokenConfigured()) {
            throw new IOException("HTTP at " + text(address) + " would be open to other machines, and there is no token"
                    + " that they could show: set http.token (GPUSLICE_HTTP_TOKEN), or http.address to 127.0.0.1:"
                    + address.getPort());
        }
        ActorSystem system = ActorSystem.create("gpuslice-http", config(), HttpServer.class.getClassLoader());
        HttpServer server = null;
        try {
            Door door = new Door(OperatorToken.of(Optional.of(settings.token())), daemonUid, api::isOwner, telemetry);
            Materializer materializer = SystemMaterializer.get(system).materializer();
            Routes routes = new Routes(api, metrics, readiness, door, materializer);
            Connections connections = Connections.of(system, routes);
            server = new HttpServer(system, listen(system, settings, connections), connections);
            return server;
        } finally {
            if (server == null) {
                system.terminate();
            }
        }
    }

    private static Config config() {
        return ConfigFactory.parseResources(HttpServer.class.getClassLoader(), "gpuslice-http.conf")
                .withFallback(ConfigFactory.defaultReference(HttpServer.class.getClassLoader()))
                .resolve();
    }

    private record Listening(Tcp.ServerBinding binding, CompletionStage<Done> served) {}

    private static Listening listen(ActorSystem system, Settings settings, Connections connections)
            throws IOException, InterruptedException {
        InetSocketAddress address = settings.address().orElse(USUAL);
        try {
            return listen(system, address, connections);
        } catch (ExecutionException e) {
            if (settings.address().isEmpty()) {
                LOG.info("{} is taken; any other port will do", text(address));
                return listenAnywhere(system, new InetSocketAddress(address.getAddress(), 0), connections);
            }
            throw cannot(address, e);
        } catch (TimeoutException e) {
            throw cannot(address, e);
        }
    }

    private static Listening listenAnywhere(ActorSystem system, InetSocketAddress address, Connections connections)
            throws IOException, InterruptedException {
        try {
            return listen(system, address, connections);
        } catch (ExecutionException | TimeoutException e) {
            throw cannot(address, e);
        }
    }

    private static Listening listen(ActorSystem system, InetSocketAddress address, Connections connections)
            throws ExecutionException, TimeoutException, InterruptedException {
        Pair<CompletionStage<Tcp.ServerBinding>, CompletionStage<Done>> running = Tcp.get(system)
                .bind(
                        address.getAddress().getHostAddress(),
                        address.getPort(),
                        BACKLOG,
                        List.of(),
                        false,
                        Optional.of(LONGEST_SILENCE))
                .mapAsyncUnordered(MOST_CONNECTIONS, connections::serve)
                .toMat(Sink.ignore(), Keep.both())
                .run(system);
        Tcp.ServerBinding binding =
                running.first().toCompletableFuture().get(LONGEST_BIND.toSeconds(), TimeUnit.SECONDS);
        return new Listening(binding, running.second());
    }

    private static IOException cannot(InetSocketAddress address, Exception e) {
        Throwable because = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
        return new IOException(
                "HTTP cannot be answered at " + text(address) + " (" + because.getMessage()
                        + "): another program may have it (ss -ltnp tells); set http.address (GPUSLICE_HTTP_ADDRESS) to"
                        + " another, or to off",
                e);
    }

    /** Where it answers; one of this machine's own addresses even where it answers at all of them. */
    public URI url() {
        InetSocketAddress at = binding.localAddress();
        boolean everywhere = at.getAddress().isAnyLocalAddress();
        InetSocketAddress reachable =
                everywhere ? new InetSocketAddress(InetAddress.getLoopbackAddress(), at.getPort()) : at;
        return URI.create("http://" + text(reachable));
    }

    private static String text(InetSocketAddress address) {
        String host = address.getAddress().getHostAddress();
        return (address.getAddress() instanceof Inet6Address ? "[" + host + "]" : host) + ":" + address.getPort();
    }

    /** Answers what is being asked, for a moment, and no more. */
    @Override
    public void close() {
        binding.unbind();
        connections.stop();
        await(served.toCompletableFuture(), GRACE);
        system.terminate();
        await(system.getWhenTerminated().toCompletableFuture(), LONGEST_END);
    }

    private static void await(CompletableFuture<?> end, Duration longest) {
        try {
            end.get(longest.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            LOG.debug("HTTP has not ended by itself", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

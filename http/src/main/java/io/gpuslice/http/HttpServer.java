// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.http.metrics.Metrics;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import javax.net.ssl.SSLContext;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.SystemMaterializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers HTTP. It has threads of its own, two that answer, so that nobody who asks delays a decision; what clients can
 * hold up is bounded: connections in number, requests in size, and each in time. An error that ends its actor system ends
 * neither the process nor the serving, which begins anew.
 */
public final class HttpServer implements AutoCloseable {

    /** Where HTTP is answered unless the settings say otherwise. */
    public static final InetSocketAddress USUAL = new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 8747);

    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);

    /** What ends it at once each time had better not do so as fast as it can. */
    private static final Executor AFTER_A_REST = CompletableFuture.delayedExecutor(1, TimeUnit.SECONDS);

    /**
     * Where, and for whom.
     *
     * @param address none: {@link #USUAL}, or any free port of that address where it is taken
     * @param token the operator's
     * @param tokenConfigured whether somebody chose it, and so knows it: only then may others than this machine ask
     * @param tls key and certificates; none: nothing is encrypted
     * @param requestsPerSecond of one other machine; 0: not bounded
     */
    public record Settings(
            Optional<InetSocketAddress> address,
            String token,
            boolean tokenConfigured,
            Optional<SSLContext> tls,
            int requestsPerSecond) {
        @Override
        public String toString() {
            return "Settings[address=" + address + ", tokenConfigured=" + tokenConfigured + ", tls=" + tls.isPresent()
                    + ", requestsPerSecond=" + requestsPerSecond + "]";
        }
    }

    private final Function<ActorSystem, Connections> answering;
    private final Pace pace;
    private final String scheme;
    private Listening listening;
    private boolean closed;

    private HttpServer(Function<ActorSystem, Connections> answering, Pace pace, String scheme, Listening listening) {
        this.answering = answering;
        this.pace = pace;
        this.scheme = scheme;
        this.listening = listening;
    }

    /**
     * Starts answering.
     *
     * @param telemetry hears of those who are not let in
     * @param daemonUid the user that the daemon runs as
     * @return when it listens
     * @throws InvalidValueException as {@link #check} does
     * @throws IOException why it cannot; the message says what to do
     */
    public static HttpServer start(
            Settings settings, Api api, Metrics metrics, Readiness readiness, Telemetry telemetry, int daemonUid)
            throws IOException, InterruptedException {
        check(settings.address().orElse(USUAL), settings.tokenConfigured());
        Door door = new Door(
                OperatorToken.of(Optional.of(settings.token())),
                daemonUid,
                new Owners(api::isOwner, System::nanoTime),
                telemetry);
        Pace pace = new Pace(settings.requestsPerSecond(), System::nanoTime);
        Optional<Encryption> encryption = settings.tls().map(Encryption::new);
        Function<ActorSystem, Connections> answering = system -> Connections.of(
                system,
                encryption,
                new Routes(
                        api,
                        metrics,
                        readiness,
                        door,
                        pace,
                        SystemMaterializer.get(system).materializer()));
        HttpServer server = new HttpServer(
                answering,
                pace,
                encryption.isPresent() ? "https" : "http",
                Listening.at(settings.address(), answering));
        server.listening.ended().thenRunAsync(server::beginAnew, AFTER_A_REST);
        return server;
    }

    /**
     * Whether HTTP may be answered there.
     *
     * @param tokenConfigured whether others than the daemon's user can know the operator's token
     * @throws InvalidValueException if others could connect, and had nothing to show
     */
    public static void check(InetSocketAddress address, boolean tokenConfigured) {
        if (!address.getAddress().isLoopbackAddress() && !tokenConfigured) {
            throw new InvalidValueException("HTTP at " + Listening.text(address)
                    + " would be open to other machines, and there is no token that they could show: set http.token"
                    + " (GPUSLICE_HTTP_TOKEN), or http.address to 127.0.0.1:" + address.getPort());
        }
    }

    /** What one other machine may ask from now on; 0: not bounded. */
    public void requestsPerSecond(int requests) {
        pace.perSecond(requests);
    }

    /** Where it answers; one of this machine's own addresses even where it answers at all of them. */
    public synchronized URI url() {
        InetSocketAddress at = listening.address();
        boolean everywhere = at.getAddress().isAnyLocalAddress();
        InetSocketAddress reachable =
                everywhere ? new InetSocketAddress(InetAddress.getLoopbackAddress(), at.getPort()) : at;
        return URI.create(scheme + "://" + Listening.text(reachable));
    }

    private synchronized void beginAnew() {
        if (closed) {
            return;
        }
        try {
            listening = Listening.at(Optional.of(listening.address()), answering);
            listening.ended().thenRunAsync(this::beginAnew, AFTER_A_REST);
            LOG.error("HTTP had ended of an error, which is above; it is answered again");
        } catch (IOException e) {
            LOG.error("HTTP has ended of an error, which is above, and cannot begin anew yet: {}", e.getMessage());
            AFTER_A_REST.execute(this::beginAnew);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Answers what is being asked, for a moment, and no more. */
    @Override
    public synchronized void close() {
        closed = true;
        listening.close();
    }
}

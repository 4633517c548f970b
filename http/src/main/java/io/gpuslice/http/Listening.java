// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.apache.pekko.Done;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.japi.Pair;
import org.apache.pekko.stream.javadsl.Keep;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Tcp;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An address that is listened at, with the actor system that does it. */
final class Listening implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(HttpServer.class);

    private static final int MOST_CONNECTIONS = Crowd.OF_GUESTS.most() + Crowd.OF_LISTENERS.most();

    private static final int BACKLOG = 100;
    /** Longer than the longest answer, the end of a session's processes, takes. */
    private static final Duration LONGEST_SILENCE = Duration.ofSeconds(65);

    private static final Duration LONGEST_BIND = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofMillis(1500);
    private static final Duration LONGEST_END = Duration.ofSeconds(2);

    private final ActorSystem system;
    private final Connections connections;
    private final Tcp.ServerBinding binding;
    private final CompletionStage<Done> served;

    private Listening(
            ActorSystem system,
            Connections connections,
            Pair<CompletionStage<Tcp.ServerBinding>, CompletionStage<Done>> running)
            throws ExecutionException, TimeoutException, InterruptedException {
        this.system = system;
        this.connections = connections;
        binding = running.first().toCompletableFuture().get(LONGEST_BIND.toSeconds(), TimeUnit.SECONDS);
        served = running.second();
    }

    /**
     * Begins to listen.
     *
     * @param address none: {@link HttpServer#USUAL}, or any free port of that address where it is taken
     * @throws IOException why it cannot; the message says what to do
     */
    static Listening at(Optional<InetSocketAddress> address, Function<ActorSystem, Connections> answering)
            throws IOException, InterruptedException {
        ActorSystem system = ActorSystem.create("gpuslice-http", config(), Listening.class.getClassLoader());
        Listening listening = null;
        try {
            listening = at(address, system, answering.apply(system));
            return listening;
        } finally {
            if (listening == null) {
                system.terminate();
            }
        }
    }

    private static Config config() {
        return ConfigFactory.parseResources(Listening.class.getClassLoader(), "gpuslice-http.conf")
                .withFallback(ConfigFactory.defaultReference(Listening.class.getClassLoader()))
                .resolve();
    }

    private static Listening at(Optional<InetSocketAddress> wanted, ActorSystem system, Connections connections)
            throws IOException, InterruptedException {
        InetSocketAddress address = wanted.orElse(HttpServer.USUAL);
        try {
            return at(address, system, connections);
        } catch (ExecutionException e) {
            if (wanted.isEmpty()) {
                LOG.info("{} is taken; any other port will do", text(address));
                return anywhere(new InetSocketAddress(address.getAddress(), 0), system, connections);
            }
            throw cannot(address, e);
        } catch (TimeoutException e) {
            throw cannot(address, e);
        }
    }

    private static Listening anywhere(InetSocketAddress address, ActorSystem system, Connections connections)
            throws IOException, InterruptedException {
        try {
            return at(address, system, connections);
        } catch (ExecutionException | TimeoutException e) {
            throw cannot(address, e);
        }
    }

    private static Listening at(InetSocketAddress address, ActorSystem system, Connections connections)
            throws ExecutionException, TimeoutException, InterruptedException {
        return new Listening(
                system,
                connections,
                Tcp.get(system)
                        .bind(
                                address.getAddress().getHostAddress(),
                                address.getPort(),
                                BACKLOG,
                                List.of(),
                                false,
                                Optional.of(LONGEST_SILENCE))
                        .mapAsyncUnordered(MOST_CONNECTIONS, connections::serve)
                        .toMat(Sink.ignore(), Keep.both())
                        .run(system));
    }

    private static IOException cannot(InetSocketAddress address, Exception e) {
        Throwable because = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
        return new IOException(
                "HTTP cannot be answered at " + text(address) + " (" + because.getMessage()
                        + "): another program may have it (ss -ltnp tells); set http.address (GPUSLICE_HTTP_ADDRESS) to"
                        + " another, or to off",
                e);
    }

    /** As it stands in a URL. */
    static String text(InetSocketAddress address) {
        String host = address.getAddress().getHostAddress();
        return (address.getAddress() instanceof Inet6Address ? "[" + host + "]" : host) + ":" + address.getPort();
    }

    InetSocketAddress address() {
        return binding.localAddress();
    }

    /** Done when it has ended, whoever ended it. */
    CompletionStage<?> ended() {
        return system.getWhenTerminated();
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

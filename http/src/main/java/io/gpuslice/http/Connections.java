// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.Done;
import org.apache.pekko.NotUsed;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.event.NoLogging;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.headers.Connection;
import org.apache.pekko.http.javadsl.settings.ServerSettings;
import org.apache.pekko.stream.Attributes;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.SharedKillSwitch;
import org.apache.pekko.stream.TLSProtocol.SslTlsInbound;
import org.apache.pekko.stream.TLSProtocol.SslTlsOutbound;
import org.apache.pekko.stream.javadsl.BidiFlow;
import org.apache.pekko.stream.javadsl.Flow;
import org.apache.pekko.stream.javadsl.Keep;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.stream.javadsl.TLSPlacebo;
import org.apache.pekko.stream.javadsl.Tcp;
import org.apache.pekko.util.ByteString;

/** The connections there are, and how they end: when the client wants it, is silent for too long, or the server stops. */
final class Connections {

    /** How long it may take to send the first request, and each after that. Reading and answering it is not in it. */
    private static final Duration FIRST_REQUEST = Duration.ofSeconds(5);

    private static final Duration NEXT_REQUEST = Duration.ofSeconds(60);
    private static final Duration LOOK_EVERY = Duration.ofSeconds(1);

    /** What a client sends that Pekko cannot bear is the client's affair; it is answered, and no defect to be traced. */
    private static final Attributes UNSAID =
            Attributes.createLogLevels(Attributes.logLevelOff(), Attributes.logLevelOff(), Attributes.logLevelOff());

    /** Scala knows that who takes any kind of bytes takes these; Java has to be told. */
    @SuppressWarnings("unchecked")
    private static final BidiFlow<SslTlsOutbound, ByteString, ByteString, SslTlsInbound, NotUsed> PLAIN =
            (BidiFlow<SslTlsOutbound, ByteString, ByteString, SslTlsInbound, NotUsed>)
                    (BidiFlow<?, ?, ?, ?, ?>) TLSPlacebo.getInstance();

    private final ActorSystem system;
    /** Read once: left to Pekko, it would be for every connection. */
    private final ServerSettings settings;

    private final Optional<Encryption> encryption;
    private final Routes routes;
    private final Executor blocking;
    private final Crowd guests = new Crowd(Crowd.OF_GUESTS);
    private final Crowd listeners = new Crowd(Crowd.OF_LISTENERS);
    private final Set<Open> open = ConcurrentHashMap.newKeySet();
    private volatile boolean stopping;

    private Connections(ActorSystem system, Optional<Encryption> encryption, Routes routes, Executor blocking) {
        this.system = system;
        settings = ServerSettings.create(system);
        this.encryption = encryption;
        this.routes = routes;
        this.blocking = blocking;
    }

    /** None yet, of a server that runs in {@code system}. */
    static Connections of(ActorSystem system, Optional<Encryption> encryption, Routes routes) {
        Connections connections = new Connections(
                system, encryption, routes, system.dispatchers().lookup("pekko.actor.default-blocking-io-dispatcher"));
        system.scheduler().scheduleWithFixedDelay(LOOK_EVERY, LOOK_EVERY, connections::endSilent, system.dispatcher());
        return connections;
    }

    /** Completed when it is closed; never fails, which would end the listening. */
    CompletionStage<Done> serve(Tcp.IncomingConnection connection) {
        Visitor visitor = new Visitor(connection.remoteAddress(), connection.localAddress(), blocking);
        return guests.enter(visitor)
                .thenCompose(room -> room
                        ? new Open(visitor).serve(connection).whenComplete((_, _) -> guests.leave(visitor))
                        : turnAway(connection));
    }

    private CompletionStage<Done> turnAway(Tcp.IncomingConnection connection) {
        // Where TLS is spoken, nothing was agreed on that it could be said in.
        return (encryption.isPresent() ? Source.<ByteString>empty() : Source.single(Responses.tooMany()))
                .via(connection.flow())
                .runWith(Sink.ignore(), system)
                .exceptionally(_ -> Done.getInstance());
    }

    /** No further request is answered; those that are there get their answer, and streams end. */
    void stop() {
        stopping = true;
        open.forEach(connection -> {
            connection.endStream();
            connection.endIfIdle();
        });
    }

    /**
     * A byte now and then keeps a connection from being idle, and a thousand of such connections would keep everybody
     * else out.
     */
    private void endSilent() {
        open.stream().filter(Open::isOverdue).forEach(Open::endIfIdle);
    }

    private final class Open {

        private final SharedKillSwitch end = KillSwitches.shared("connection");
        /** The end of one that is still agreeing on TLS, which waits for no less than its other side. */
        private final SharedKillSwitch handshake = KillSwitches.shared("handshake");

        private final Visitor visitor;
        private volatile boolean asked;
        private volatile boolean everAsked;
        private volatile boolean clientIsGone;
        /** What ends the stream that goes out, if one does. */
        private volatile Optional<Runnable> endOfStream = Optional.empty();

        private volatile long deadline = System.nanoTime() + FIRST_REQUEST.toNanos();

        Open(Visitor visitor) {
            this.visitor = visitor;
        }

        CompletionStage<Done> serve(Tcp.IncomingConnection connection) {
            open.add(this);
            if (stopping) {
                endIfIdle();
            }
            Flow<ByteString, ByteString, NotUsed> http = Flow.of(ByteString.class)
                    .watchTermination((mat, gone) -> {
                        gone.whenComplete((_, _) -> {
                            clientIsGone = true;
                            endStream();
                        });
                        return mat;
                    })
                    // Asks for more also while an answer goes out: else nobody would see that the client has gone.
                    .detach()
                    .mapConcat(Pieces::of)
                    .via(Http.get(system)
                            .serverLayer(settings, Optional.empty(), NoLogging.getInstance())
                            .addAttributes(UNSAID)
                            .atop(PLAIN)
                            .reversed()
                            .join(answering()));
            return encryption
                    .map(tls -> Flow.of(ByteString.class)
                            .via(handshake.<ByteString>flow())
                            .via(tls.around(http, FIRST_REQUEST)))
                    .orElse(http)
                    .joinMat(connection.flow().watchTermination(Keep.right()), Keep.right())
                    .run(system)
                    .exceptionally(_ -> Done.getInstance())
                    .whenComplete((_, _) -> open.remove(this));
        }

        /** One request after the other. */
        private Flow<HttpRequest, HttpResponse, NotUsed> answering() {
            return Flow.of(HttpRequest.class)
                    .via(end.flow())
                    .mapAsync(1, request -> {
                        asked = true;
                        everAsked = true;
                        return routes.answer(visitor, request).thenCompose(this::placed);
                    })
                    .map(this::answered);
        }

        /** A stream may last: its connection is none of those that ask now and then, and there is room for so many. */
        private CompletionStage<HttpResponse> placed(HttpResponse response) {
            if (response.getAttribute(Responses.END_OF_STREAM).isEmpty()) {
                return CompletableFuture.completedFuture(response);
            }
            return listeners.enter(visitor).thenApply(room -> {
                if (room) {
                    guests.leave(visitor);
                    return response;
                }
                response.discardEntityBytes(system);
                return Responses.tooManyStreams();
            });
        }

        /** Here, and not when the answer is known: from here on it is on its way, and an end comes after it. */
        private HttpResponse answered(HttpResponse response) {
            endOfStream = response.getAttribute(Responses.END_OF_STREAM);
            if (endOfStream.isEmpty()) {
                out();
                return stopping ? response.addHeader(Connection.create("close")) : response;
            }
            if (stopping || clientIsGone) {
                endStream();
            }
            return response.transformEntityDataBytes(Flow.of(ByteString.class).watchTermination((mat, done) -> {
                done.whenComplete((_, _) -> streamed());
                return mat;
            }));
        }

        private void endStream() {
            endOfStream.ifPresent(Runnable::run);
        }

        /** Such a connection ends with its stream: it may be one too many of those that ask. */
        private void streamed() {
            listeners.leave(visitor);
            out();
            end.shutdown();
        }

        private void out() {
            deadline = System.nanoTime() + NEXT_REQUEST.toNanos();
            asked = false;
        }

        boolean isOverdue() {
            return System.nanoTime() - deadline > 0;
        }

        void endIfIdle() {
            if (!asked) {
                end.shutdown();
            }
            if (!everAsked) {
                handshake.abort(new TimeoutException("nothing was asked in time"));
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.Caller;
import io.gpuslice.http.metrics.Metrics;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.StreamSupport;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.MediaType;
import org.apache.pekko.http.javadsl.model.headers.Accept;
import org.apache.pekko.http.javadsl.model.headers.Host;
import org.apache.pekko.http.javadsl.model.headers.RawRequestURI;
import org.apache.pekko.http.scaladsl.model.EntityStreamException;
import org.apache.pekko.http.scaladsl.model.EntityStreamSizeException;
import org.apache.pekko.stream.Materializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** From an HTTP request to its answer: is there such a thing, who may ask for it, what was sent, what comes back. */
final class Routes {

    private static final Logger LOG = LoggerFactory.getLogger(Routes.class);

    private static final Duration BODY_PATIENCE = Duration.ofSeconds(5);
    private static final Duration ANSWER_PATIENCE = Duration.ofSeconds(5);
    private static final ContentType METRICS = ContentTypes.parse(Metrics.CONTENT_TYPE);

    private final Api api;
    private final Metrics metrics;
    private final Readiness readiness;
    private final Door door;
    private final Pace pace;
    private final Materializer materializer;

    Routes(Api api, Metrics metrics, Readiness readiness, Door door, Pace pace, Materializer materializer) {
        this.api = api;
        this.metrics = metrics;
        this.readiness = readiness;
        this.door = door;
        this.pace = pace;
        this.materializer = materializer;
    }

    /** Never fails. */
    CompletionStage<HttpResponse> answer(Visitor visitor, HttpRequest http) {
        return answered(visitor, http).exceptionally(failure -> {
            // What was not read of the body is in the way of the connection's next request.
            http.discardEntityBytes(materializer);
            return Responses.problem(Problem.in(failure).orElseGet(() -> {
                LOG.error("{} {} failed", http.method().value(), http.getUri().path(), failure);
                return Problem.internal();
            }));
        });
    }

    private CompletionStage<HttpResponse> answered(Visitor visitor, HttpRequest http) {
        try {
            pace.check(visitor);
            Request request = Request.of(http.method().value(), target(http), Json.object());
            if (request.method().equals("OPTIONS")) {
                return done(Responses.options(
                        Endpoint.at(request).stream().map(Endpoint::method).toList()));
            }
            Endpoint endpoint = Endpoint.of(request);
            checkAccept(http, endpoint);
            return door.letIn(endpoint, visitor, header(http, "authorization"), host(http))
                    .thenCompose(
                            caller -> body(http).thenCompose(body -> answered(endpoint, caller, request.with(body))));
        } catch (Problem problem) {
            return CompletableFuture.failedFuture(problem);
        }
    }

    private CompletionStage<HttpResponse> answered(Endpoint endpoint, Caller caller, Request request) {
        return switch (endpoint) {
            case INDEX -> done(Responses.json(index()));
            case LIVE -> done(Responses.json(health(List.of())));
            case READY -> soon(readiness.problems()).thenApply(problems -> Responses.json(health(problems)));
            case METRICS ->
                soon(metrics.scrape())
                        .thenApply(text -> Responses.text(METRICS, text))
                        .exceptionally(failure -> {
                            LOG.warn("the metrics could not be gathered: {}", failure.getMessage());
                            throw new CompletionException(Problem.unavailable(
                                    "the sessions could not be looked at: the daemon is busy or its disk is slow;"
                                            + " try again"));
                        });
            case INFO, DEVICES, LIST, OPEN, INSPECT, UPDATE, REMOVE, ALLOCATIONS, EVENTS, SESSION_EVENTS ->
                api.answer(caller, request).thenApply(Responses::json);
        };
    }

    private static Answer index() {
        ObjectNode json = Json.object();
        ArrayNode paths = json.putArray("paths");
        Endpoint.paths().forEach(paths::add);
        return Answer.ok(json);
    }

    /** @param problems none: all is well */
    private static Answer health(List<String> problems) {
        ObjectNode json = Json.object().put("status", problems.isEmpty() ? "ok" : "unavailable");
        ArrayNode list = json.putArray("problems");
        problems.forEach(list::add);
        return new Answer(problems.isEmpty() ? 200 : 503, json);
    }

    /** Nobody waits for ever, whatever the other side of a port does. */
    private static <T> CompletableFuture<T> soon(CompletionStage<T> stage) {
        return stage.toCompletableFuture().copy().orTimeout(ANSWER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Path and query as they were sent: Pekko HTTP's own view of them does not tell %2B from +. */
    private static String target(HttpRequest http) {
        String raw = http.getHeader(RawRequestURI.class)
                .map(RawRequestURI::uri)
                .orElseGet(() -> http.getUri().toString());
        int authority = raw.indexOf("://");
        if (raw.startsWith("/") || authority < 0) {
            return raw;
        }
        int path = raw.indexOf('/', authority + 3);
        return path < 0 ? "/" : raw.substring(path);
    }

    private static void checkAccept(HttpRequest http, Endpoint endpoint) throws Problem {
        MediaType type = endpoint == Endpoint.METRICS ? METRICS.mediaType() : ContentTypes.APPLICATION_JSON.mediaType();
        Optional<Accept> accept = http.getHeader(Accept.class);
        boolean welcome = accept.isEmpty()
                || StreamSupport.stream(accept.get().getMediaRanges().spliterator(), false)
                        .anyMatch(range -> range.qValue() > 0 && range.matches(type));
        if (!welcome) {
            throw Problem.badRequest(406, endpoint + " answers with " + type + " alone: accept it");
        }
    }

    private static Optional<String> header(HttpRequest http, String name) {
        return http.getHeader(name).map(HttpHeader::value);
    }

    private static String host(HttpRequest http) {
        return http.getHeader(Host.class).map(host -> host.host().address()).orElse("");
    }

    private CompletionStage<ObjectNode> body(HttpRequest http) {
        if (http.entity().isKnownEmpty()) {
            return done(Json.object());
        }
        MediaType type = http.entity().getContentType().mediaType();
        if (!type.equals(ContentTypes.APPLICATION_JSON.mediaType())) {
            return CompletableFuture.failedFuture(Problem.badRequest(
                    415, "a body of " + type + " is not understood: send Content-Type: application/json"));
        }
        return http.entity().toStrict(BODY_PATIENCE.toMillis(), materializer).handle((strict, failure) -> {
            try {
                if (failure != null) {
                    throw unreadable(failure);
                }
                String text = strict.getData().utf8String();
                return text.isBlank() ? Json.object() : Json.parse(text);
            } catch (Problem problem) {
                throw new CompletionException(problem);
            }
        });
    }

    private static Problem unreadable(Throwable failure) {
        return switch (failure) {
            case CompletionException wrapped when wrapped.getCause() != null -> unreadable(wrapped.getCause());
            case EntityStreamSizeException _ -> Problem.tooLong();
            case TimeoutException _ ->
                Problem.badRequest(408, "the body was not complete after " + BODY_PATIENCE.toSeconds() + " s");
            case EntityStreamException malformed ->
                Problem.badRequest(malformed.info().summary());
            default -> throw new CompletionException(failure);
        };
    }

    private static <T> CompletionStage<T> done(T value) {
        return CompletableFuture.completedFuture(value);
    }
}

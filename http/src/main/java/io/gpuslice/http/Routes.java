// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.Caller;
import io.gpuslice.http.metrics.Metrics;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.stream.Materializer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** From an HTTP request to its answer: is there such a thing, who may ask for it, what was sent, what comes back. */
final class Routes {

    private static final Logger LOG = LoggerFactory.getLogger(Routes.class);

    private static final Duration ANSWER_PATIENCE = Duration.ofSeconds(5);

    private final Api api;
    private final Metrics metrics;
    private final Readiness readiness;
    private final Door door;
    private final Pace pace;
    private final Materializer materializer;
    private final Dashboard dashboard = new Dashboard();
    private final Document openapi = new Document(Format.YAML, Document.resource("openapi.yaml"));
    private final ProblemPages problems = new ProblemPages();

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
        return answered(visitor, http).exceptionallyCompose(failure -> {
            Problem problem = Problem.in(failure).orElseGet(() -> {
                LOG.error("{} {} failed", http.method().value(), http.getUri().path(), failure);
                return Problem.internal();
            });
            return Incoming.discard(http, materializer).thenApply(_ -> Responses.problem(problem));
        });
    }

    private CompletionStage<HttpResponse> answered(Visitor visitor, HttpRequest http) {
        try {
            pace.check(visitor);
            Request request = Request.of(http.method().value(), Incoming.target(http), Json.object())
                    .ifOneOf(Incoming.versions(http));
            if (request.method().equals("OPTIONS")) {
                return done(Responses.options(
                        Endpoint.at(request).stream().map(Endpoint::method).toList()));
            }
            Endpoint asked = Endpoint.of(request);
            Format format = Format.liked(asked.formats(), http, asked);
            // Who looks at the index with a browser gets the dashboard's page, which tells nothing, as everybody may.
            Endpoint endpoint = asked == Endpoint.INDEX && format == Format.HTML ? Endpoint.DASHBOARD : asked;
            CompletionStage<HttpResponse> answer = door.letIn(
                            endpoint, visitor, Incoming.header(http, "authorization"), Incoming.host(http))
                    .thenCompose(caller -> Incoming.body(http, materializer)
                            .thenCompose(body -> answered(endpoint, format, caller, request.with(body), http)));
            return asked.formats().size() == 1 ? answer : answer.thenApply(Responses::varied);
        } catch (Problem problem) {
            return CompletableFuture.failedFuture(problem);
        }
    }

    private CompletionStage<HttpResponse> answered(
            Endpoint endpoint, Format format, Caller caller, Request request, HttpRequest http) {
        return switch (endpoint) {
            case INDEX -> done(Responses.json(index()));
            case LIVE -> done(Responses.json(health(List.of())));
            case READY -> soon(readiness.problems()).thenApply(problems -> Responses.json(health(problems)));
            case METRICS ->
                soon(metrics.scrape())
                        .thenApply(text -> Responses.text(format.type(), text))
                        .exceptionally(failure -> {
                            LOG.warn("the metrics could not be gathered: {}", failure.getMessage());
                            throw new CompletionException(Problem.unavailable(
                                    "the sessions could not be looked at: the daemon is busy or its disk is slow;"
                                            + " try again"));
                        });
            case EVENTS, SESSION_EVENTS ->
                format == Format.EVENT_STREAM
                        ? api.stream(caller, request, Incoming.header(http, "last-event-id"))
                        : api.answer(caller, request).thenApply(Responses::json);
            case INFO, DEVICES, LIST, OPEN, INSPECT, UPDATE, REMOVE, ALLOCATIONS, HISTORY, SESSION_HISTORY ->
                api.answer(caller, request).thenApply(Responses::json);
            case DASHBOARD -> dashboard.answer(request.segments().getLast(), http);
            case OPENAPI -> done(openapi.answer(http));
            case PROBLEMS -> done(problems.list(format, http));
            case PROBLEM -> problems.about(request.segments().getLast(), format, http);
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

    private static <T> CompletionStage<T> done(T value) {
        return CompletableFuture.completedFuture(value);
    }
}

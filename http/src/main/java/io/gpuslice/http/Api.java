// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.Clock;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.ingress.CallHandler;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.actors.ingress.Watching;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.http.live.Live;
import io.gpuslice.wire.Abi;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.http.javadsl.model.HttpResponse;

/**
 * What can be asked of the daemon in JSON, whatever brings the question. By CALL frame a request is
 * {@code {"method", "path", "token", "body"}}, an answer {@code {"status", "body"}}, errors included; {@link HttpServer}
 * has the same in HTTP's own terms. docs/http.md lists the paths.
 */
public final class Api implements CallHandler {

    /**
     * About this daemon.
     *
     * @param version of the release
     * @param socket where it listens
     * @param state where its journals are
     * @param http where it answers HTTP, asked each time; none: it does not
     * @param auditFile where its decisions are written down; none: nowhere
     */
    public record About(
            String version,
            int pid,
            int uid,
            Instant started,
            Path socket,
            Path state,
            Supplier<Optional<URI>> http,
            Optional<Path> auditFile) {}

    /**
     * What has happened.
     *
     * @param hearsAll from whom nothing of it is kept
     * @param mostWatchers at a time
     */
    public record Occurrences(Recent recent, Predicate<Caller> hearsAll, Telling telling, int mostWatchers) {
        ObjectNode json(Recent.Numbered numbered) {
            ObjectNode json = Json.object().put("number", numbered.number());
            telling.each(numbered.occurrence(), (name, value) -> {
                if (value instanceof Number number) {
                    json.put(name, number.longValue());
                } else {
                    json.put(name, value.toString());
                }
            });
            return json;
        }
    }

    /** What is said of an occurrence. */
    @FunctionalInterface
    public interface Telling {
        /** Tells every field that it has: its name, and a number or something whose text it is. */
        void each(Occurrence occurrence, BiConsumer<String, Object> reader);
    }

    /** What all sessions hold is not for one caller alone. */
    private static final Caller EVERYBODY = new Caller(0, 0, true);

    private final OperatorToken token;
    private final About about;
    private final Actors actors;
    private final SessionHandlers sessions;
    private final EventHandlers events;
    private final HistoryHandlers history;
    private final Live live;

    /**
     * Answers for the given actors, and remembers what happens from now on. {@link #beat} is to be called for that.
     *
     * @param token makes who calls by frame the operator
     */
    public Api(
            ActorSystem<?> system,
            ActorRef<Sessions.Command> sessions,
            ActorRef<Devices.Command> devices,
            OperatorToken token,
            About about,
            Occurrences occurrences,
            Clock clock) {
        this.token = token;
        this.about = about;
        actors = new Actors(system, sessions, devices);
        this.sessions = new SessionHandlers(actors);
        live = new Live(
                () -> actors.look(EVERYBODY),
                occurrences.recent(),
                numbered -> Json.text(occurrences.json(numbered)),
                // No two daemons of a machine start in the same millisecond, and few clocks are set back to one.
                Long.toString(about.started().toEpochMilli(), Character.MAX_RADIX),
                clock,
                actors.elsewhere());
        events = new EventHandlers(actors, occurrences, live);
        history = new HistoryHandlers(actors, occurrences.hearsAll(), live);
    }

    /** To be called several times a second: looks at the sessions where it is time to, and at the streams. */
    public void beat() {
        live.beat();
    }

    /** How many streams of events there are. */
    int streams() {
        return live.streams();
    }

    @Override
    public CompletionStage<String> answer(Caller caller, String json) {
        return called(caller, json)
                .exceptionally(failure -> Problem.in(failure)
                        .orElseThrow(() -> new CompletionException(failure))
                        .answer())
                .thenApply(Api::text);
    }

    /** The same envelope, for a path whose events are then streamed. */
    @Override
    public CompletionStage<Watching> watch(Caller caller, String json) {
        return watched(caller, json)
                .exceptionally(failure -> new Watching(
                        text(Problem.in(failure)
                                .orElseThrow(() -> new CompletionException(failure))
                                .answer()),
                        Optional.empty()));
    }

    private CompletionStage<Watching> watched(Caller caller, String json) {
        try {
            Call call = call(caller, json);
            return switch (Endpoint.of(call.request())) {
                case EVENTS, SESSION_EVENTS -> events.watch(call.caller(), call.request());
                default ->
                    throw Problem.badRequest(call.request().path() + " has no events; " + Endpoint.EVENTS.path()
                            + " and " + Endpoint.SESSION_EVENTS.path() + " have");
            };
        } catch (Problem problem) {
            return CompletableFuture.failedFuture(problem);
        }
    }

    private CompletionStage<Answer> called(Caller caller, String json) {
        try {
            Call call = call(caller, json);
            return answer(call.caller(), call.request());
        } catch (Problem problem) {
            return CompletableFuture.failedFuture(problem);
        }
    }

    private record Call(Caller caller, Request request) {}

    private Call call(Caller caller, String json) throws Problem {
        Fields call = new Fields(Json.parse(json), List.of("method", "path", "token", "body"));
        boolean operator = token.matches(call.text("token").orElse(""));
        return new Call(
                operator ? caller.asOperator() : caller,
                Request.of(call.requiredText("method"), call.requiredText("path"), call.object("body")));
    }

    private static String text(Answer answer) {
        return Json.text(Json.object().put("status", answer.status()).set("body", answer.body()));
    }

    /** Fails with a {@link Problem} where the request is refused. */
    CompletionStage<Answer> answer(Caller caller, Request request) {
        try {
            return switch (Endpoint.of(request)) {
                case INFO -> info(request);
                case DEVICES -> devices(caller, request);
                case LIST -> sessions.list(caller, request);
                case OPEN -> sessions.open(caller, request);
                case INSPECT -> sessions.inspect(caller, request);
                case UPDATE -> sessions.update(caller, request);
                case REMOVE -> sessions.remove(caller, request);
                case ALLOCATIONS -> sessions.allocations(caller, request);
                case EVENTS, SESSION_EVENTS -> events.list(caller, request);
                case HISTORY -> history.devices(caller, request);
                case SESSION_HISTORY -> history.session(caller, request);
                case INDEX, METRICS, LIVE, READY, OPENAPI, PROBLEMS, PROBLEM, DASHBOARD ->
                    throw Problem.badRequest(404, request.path() + " is answered over HTTP alone");
            };
        } catch (Problem problem) {
            return CompletableFuture.failedFuture(problem);
        }
    }

    /**
     * Events as they happen, as Server-Sent Events.
     *
     * @param lastEventId what the client heard last, before its connection broke
     */
    CompletionStage<HttpResponse> stream(Caller caller, Request request, Optional<String> lastEventId) {
        try {
            return events.stream(caller, request, lastEventId);
        } catch (Problem problem) {
            return CompletableFuture.failedFuture(problem);
        }
    }

    /** Whether that user has a session here. */
    CompletionStage<Boolean> isOwner(int uid) {
        return sessions.isOwner(uid);
    }

    private CompletionStage<Answer> info(Request request) throws Problem {
        request.takes(List.of(), List.of());
        return CompletableFuture.completedFuture(Answer.ok(Json.object()
                .put("version", about.version())
                .put("protocol", Abi.ABI_MAJOR + "." + Abi.ABI_MINOR)
                .put("pid", about.pid())
                .put("uid", about.uid())
                .put("started_at", about.started().toString())
                .put("socket", about.socket().toString())
                .put("state_directory", about.state().toString())
                .put("http_url", about.http().get().map(URI::toString).orElse(null))
                .put("audit_file", about.auditFile().map(Path::toString).orElse(null))
                .put("operator_token", token.isSet())));
    }

    private CompletionStage<Answer> devices(Caller caller, Request request) throws Problem {
        request.takes(List.of(), List.of());
        return actors.look(caller)
                .thenApply(look ->
                        Answer.ok(DeviceJson.of(look.known(), look.listed().sessions())));
    }
}

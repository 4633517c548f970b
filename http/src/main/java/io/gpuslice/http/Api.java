// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.device.Devices;
import io.gpuslice.actors.ingress.CallHandler;
import io.gpuslice.actors.ingress.OperatorToken;
import io.gpuslice.config.Durations;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.RecipientRef;
import org.apache.pekko.actor.typed.javadsl.AskPattern;
import org.apache.pekko.japi.function.Function;

/**
 * What can be asked of the daemon in JSON. A request is {@code {"method", "path", "token", "body"}}, an answer
 * {@code {"status", "body"}}, errors included; docs/protocol.md lists the paths.
 */
public final class Api implements CallHandler {

    private static final List<String> PATHS =
            List.of("/info", "/devices", "/sessions", "/sessions/{id}", "/sessions/{id}/allocations");

    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** Ending processes takes the time that they are given for it. */
    private static final Duration FORCE_PATIENCE = Duration.ofSeconds(35);

    /**
     * About this daemon.
     *
     * @param version of the release
     * @param socket where it listens
     * @param state where its journals are
     */
    public record About(String version, int pid, int uid, Instant started, Path socket, Path state) {}

    private final ActorSystem<?> system;
    private final ActorRef<Sessions.Command> sessions;
    private final ActorRef<Devices.Command> devices;
    private final OperatorToken token;
    private final About about;

    /**
     * Answers for the given actors.
     *
     * @param token makes a caller the operator
     */
    public Api(
            ActorSystem<?> system,
            ActorRef<Sessions.Command> sessions,
            ActorRef<Devices.Command> devices,
            OperatorToken token,
            About about) {
        this.system = system;
        this.sessions = sessions;
        this.devices = devices;
        this.token = token;
        this.about = about;
    }

    @Override
    public CompletionStage<String> answer(Caller caller, String json) {
        return answered(caller, json)
                .exceptionally(failure -> problem(failure).answer())
                .thenApply(Api::envelope);
    }

    private CompletionStage<Answer> answered(Caller caller, String json) {
        try {
            Fields call = new Fields(Json.parse(json), List.of("method", "path", "token", "body"));
            boolean operator = token.matches(call.text("token").orElse(""));
            Request request = Request.of(call.requiredText("method"), call.requiredText("path"), call.object("body"));
            return route(new Caller(caller.pid(), caller.uid(), caller.operator() || operator), request);
        } catch (Problem problem) {
            return CompletableFuture.failedFuture(problem);
        }
    }

    private static String envelope(Answer answer) {
        return Json.text(Json.object().put("status", answer.status()).set("body", answer.body()));
    }

    /** What went wrong, as something that can be said; a defect is left to who called. */
    private static Problem problem(Throwable failure) {
        return switch (failure) {
            case CompletionException wrapped when wrapped.getCause() != null -> problem(wrapped.getCause());
            case Problem problem -> problem;
            case TimeoutException _ ->
                Problem.of(
                        ErrorCode.INTERNAL,
                        "nobody answered in time: the daemon is busy or its disk is slow; try again");
            default -> throw new CompletionException(failure);
        };
    }

    private CompletionStage<Answer> route(Caller caller, Request request) throws Problem {
        List<String> at = request.segments();
        String id = at.size() > 1 ? at.get(1) : "";
        String shape = "/" + at.getFirst() + (at.size() > 1 ? "/{id}" : "") + (at.size() > 2 ? "/" + at.get(2) : "");
        if (!PATHS.contains(shape) || at.size() > 3) {
            throw Problem.noSuchPath(request.path(), PATHS);
        }
        if (request.method().equals("GET")) {
            request.takes(shape.equals("/sessions") ? List.of("after") : List.of(), List.of());
        }
        return switch (request.method() + " " + shape) {
            case "GET /info" -> CompletableFuture.completedFuture(Answer.ok(info()));
            case "GET /devices" -> devices();
            case "GET /sessions" -> list(caller, after(request));
            case "POST /sessions" -> open(caller, request);
            case "GET /sessions/{id}" -> inspect(caller, id);
            case "DELETE /sessions/{id}" -> remove(caller, request, id);
            case "GET /sessions/{id}/allocations" -> allocations(caller, id);
            default -> throw Problem.methodNotAllowed(request.method(), request.path());
        };
    }

    private ObjectNode info() {
        return Json.object()
                .put("version", about.version())
                .put("protocol", Abi.ABI_MAJOR + "." + Abi.ABI_MINOR)
                .put("pid", about.pid())
                .put("uid", about.uid())
                .put("started_at", about.started().toString())
                .put("socket", about.socket().toString())
                .put("state_directory", about.state().toString())
                .put("operator_token", token.isSet());
    }

    private CompletionStage<Answer> devices() {
        return known(List.of()).thenApply(known -> {
            ObjectNode json = Json.object();
            ArrayNode list = json.putArray("devices");
            for (Devices.Device device : known.devices()) {
                ObjectNode entry = list.addObject()
                        .put("index", device.index())
                        .put("uuid", device.id().toString())
                        .put("name", device.name());
                if (device.capacity() == 0) {
                    entry.putNull("total_bytes");
                } else {
                    entry.put("total_bytes", device.capacity());
                }
            }
            if (!known.problem().isEmpty()) {
                json.put("problem", known.problem());
            }
            return Answer.ok(json);
        });
    }

    private static Place after(Request request) throws Problem {
        String text = request.query().get("after");
        return text == null ? Place.FIRST : Place.parse(text);
    }

    /** @param after where the page before ended */
    private CompletionStage<Answer> list(Caller caller, Place after) {
        return this.<Sessions.ListReply>ask(PATIENCE, replyTo -> new Sessions.ListAll(caller, replyTo))
                .thenCompose(reply -> switch (reply) {
                    case Sessions.ListReply.Listed listed ->
                        known(devicesOf(listed.sessions()))
                                .thenApply(known -> Answer.ok(SessionJson.page(listed, after, known)));
                    case Sessions.ListReply.Refused(var code, var text) -> refused(code, text);
                });
    }

    private CompletionStage<Answer> inspect(Caller caller, String selector) {
        return this.<Sessions.InspectReply>ask(PATIENCE, replyTo -> new Sessions.Inspect(caller, selector, replyTo))
                .thenCompose(reply -> switch (reply) {
                    case Sessions.InspectReply.Seen(var session) ->
                        known(devicesOf(List.of(session)))
                                .thenApply(known -> Answer.ok(SessionJson.of(session, known)));
                    case Sessions.InspectReply.Refused(var code, var text) -> refused(code, text);
                });
    }

    private CompletionStage<Answer> allocations(Caller caller, String selector) {
        return this.<Sessions.AllocationsReply>ask(
                        PATIENCE, replyTo -> new Sessions.Allocations(caller, selector, replyTo))
                .thenCompose(reply -> switch (reply) {
                    case Sessions.AllocationsReply.Listing(var id, var allocations, var truncated) -> {
                        ObjectNode json =
                                Json.object().put("session", id.text()).put("truncated", truncated);
                        ArrayNode array = json.putArray("allocations");
                        allocations.forEach(allocation -> array.add(SessionJson.of(allocation)));
                        yield CompletableFuture.completedFuture(Answer.ok(json));
                    }
                    case Sessions.AllocationsReply.Refused(var code, var text) -> refused(code, text);
                });
    }

    /** A session without a leader: it is kept until it is removed, unless the caller says otherwise. */
    private CompletionStage<Answer> open(Caller caller, Request request) throws Problem {
        Fields body = request.takes(List.of(), List.of("limit", "name", "ttl", "strict", "keep"));
        String limit = body.requiredText("limit");
        String name = body.text("name").orElse("");
        Duration ttl = ttl(body.text("ttl"));
        int flags = Abi.FLAG_NO_LEADER
                | (body.flag("strict", false) ? Abi.FLAG_STRICT : 0)
                | (body.flag("keep", true) ? Abi.FLAG_KEEP : 0);
        return this.<Sessions.OpenReply>ask(
                        PATIENCE,
                        replyTo -> new Sessions.Open(caller, limit, name, ttl, flags, Optional.empty(), replyTo))
                .thenCompose(reply -> switch (reply) {
                    case Sessions.OpenReply.Opened(var id, var secret, var warning) -> {
                        ObjectNode json = Json.object().put("id", id.text()).put("token", secret);
                        if (!warning.isEmpty()) {
                            json.put("warning", warning);
                        }
                        yield CompletableFuture.completedFuture(new Answer(201, json));
                    }
                    case Sessions.OpenReply.Refused(var code, var text) -> refused(code, text);
                });
    }

    private static Duration ttl(Optional<String> text) throws Problem {
        try {
            return text.map(Durations::parse).orElse(Duration.ZERO);
        } catch (InvalidValueException e) {
            throw Problem.badRequest("ttl: " + e.getMessage());
        }
    }

    private CompletionStage<Answer> remove(Caller caller, Request request, String selector) throws Problem {
        request.takes(List.of("force"), List.of());
        boolean force = request.flag("force");
        return this.<Sessions.RemoveReply>ask(
                        force ? FORCE_PATIENCE : PATIENCE,
                        replyTo -> new Sessions.Remove(caller, selector, force, replyTo))
                .thenCompose(reply -> switch (reply) {
                    case Sessions.RemoveReply.Removed(var id) ->
                        CompletableFuture.completedFuture(
                                Answer.ok(Json.object().put("id", id.text())));
                    case Sessions.RemoveReply.Busy busy -> CompletableFuture.failedFuture(Problem.busy(busy.text()));
                    case Sessions.RemoveReply.Refused(var code, var text) -> refused(code, text);
                });
    }

    private CompletionStage<Devices.Known> known(List<DeviceId> wanted) {
        return ask(devices, PATIENCE, replyTo -> new Devices.Get(wanted, replyTo));
    }

    private static List<DeviceId> devicesOf(List<SessionView> sessions) {
        return sessions.stream()
                .flatMap(session -> session.devices().stream())
                .map(use -> use.device())
                .distinct()
                .toList();
    }

    private <T> CompletionStage<T> ask(Duration patience, Function<ActorRef<T>, Sessions.Command> question) {
        return ask(sessions, patience, question);
    }

    private <T, C> CompletionStage<T> ask(RecipientRef<C> actor, Duration patience, Function<ActorRef<T>, C> question) {
        return AskPattern.ask(actor, question, patience, system.scheduler());
    }

    private static <T> CompletionStage<T> refused(ErrorCode code, String text) {
        return CompletableFuture.failedFuture(Problem.of(code, text));
    }
}

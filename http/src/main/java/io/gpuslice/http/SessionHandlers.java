// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.Sessions;
import io.gpuslice.config.Durations;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** What can be done with sessions. Each handler refuses what it does not take, and fails with a {@link Problem}. */
final class SessionHandlers {

    /** Ending processes takes the time that they are given for it. */
    private static final Duration FORCE_PATIENCE = Duration.ofSeconds(35);

    private final Actors actors;

    SessionHandlers(Actors actors) {
        this.actors = actors;
    }

    CompletionStage<Answer> list(Caller caller, Request request) throws Problem {
        request.takes(Wanted.PARAMETERS, List.of());
        Wanted wanted = Wanted.of(request.query());
        return actors.look(caller).thenApply(look -> Answer.ok(SessionJson.page(look, wanted)));
    }

    CompletionStage<Answer> inspect(Caller caller, Request request) throws Problem {
        request.takes(List.of(), List.of());
        return seen(caller, request.id(), "");
    }

    /** @param warning to say with it; empty: none */
    private CompletionStage<Answer> seen(Caller caller, String selector, String warning) {
        return actors.<Sessions.InspectReply, Answer>ask(
                Actors.PATIENCE, replyTo -> new Sessions.Inspect(caller, selector, replyTo), reply -> switch (reply) {
                    case Sessions.InspectReply.Seen(var session) ->
                        actors.devices(Actors.devicesOf(List.of(session)))
                                .thenApply(known ->
                                        Answer.ok(warned(SessionJson.of(session, known), warning), session.version()));
                    case Sessions.InspectReply.Refused(var code, var text) -> Actors.refused(code, text);
                });
    }

    CompletionStage<Answer> allocations(Caller caller, Request request) throws Problem {
        request.takes(List.of(), List.of());
        return actors.<Sessions.AllocationsReply, Answer>ask(
                Actors.PATIENCE,
                replyTo -> new Sessions.Allocations(caller, request.id(), replyTo),
                reply -> switch (reply) {
                    case Sessions.AllocationsReply.Listing(var id, var allocations, var truncated) -> {
                        ObjectNode json =
                                Json.object().put("session", id.text()).put("truncated", truncated);
                        ArrayNode array = json.putArray("allocations");
                        allocations.forEach(allocation -> array.add(SessionJson.of(allocation)));
                        yield done(Answer.ok(json));
                    }
                    case Sessions.AllocationsReply.Refused(var code, var text) -> Actors.refused(code, text);
                });
    }

    /** A session without a leader: it is kept until it is removed, unless the caller says otherwise. */
    CompletionStage<Answer> open(Caller caller, Request request) throws Problem {
        Fields body = request.takes(List.of(), List.of("limit", "name", "ttl", "strict", "keep"));
        String limit = body.size("limit").orElseThrow(() -> Problem.badRequest("\"limit\" is missing"));
        String name = body.text("name").orElse("");
        Duration ttl = ttl(body).orElse(Duration.ZERO);
        int flags = Abi.FLAG_NO_LEADER
                | (body.flag("strict", false) ? Abi.FLAG_STRICT : 0)
                | (body.flag("keep", true) ? Abi.FLAG_KEEP : 0);
        return actors.<Sessions.OpenReply, Answer>ask(
                Actors.PATIENCE,
                replyTo -> new Sessions.Open(caller, limit, name, ttl, flags, Optional.empty(), replyTo),
                reply -> switch (reply) {
                    case Sessions.OpenReply.Opened(var id, var secret, var warning) ->
                        done(new Answer(
                                201, warned(Json.object().put("id", id.text()).put("token", secret), warning)));
                    case Sessions.OpenReply.Refused(var code, var text) -> refused(code, text, body);
                });
    }

    /** Answers with the session as it is then. */
    CompletionStage<Answer> update(Caller caller, Request request) throws Problem {
        Fields body = request.takes(List.of(), List.of("limit", "ttl"));
        Optional<String> limit = body.size("limit");
        Optional<Duration> ttl = ttl(body);
        if (limit.isEmpty() && ttl.isEmpty()) {
            throw Problem.badRequest("nothing is to be changed: give \"limit\", \"ttl\" or both");
        }
        return actors.<Sessions.UpdateReply, Answer>ask(
                Actors.PATIENCE,
                replyTo -> new Sessions.Update(caller, request.id(), request.versions(), limit, ttl, replyTo),
                reply -> switch (reply) {
                    case Sessions.UpdateReply.Updated(var id, var warning) -> seen(caller, id.text(), warning);
                    case Sessions.UpdateReply.Outdated(var id, var version) ->
                        CompletableFuture.failedFuture(Problem.outdated(id.text(), request.versions(), version));
                    case Sessions.UpdateReply.Refused(var code, var text) -> refused(code, text, body);
                });
    }

    CompletionStage<Answer> remove(Caller caller, Request request) throws Problem {
        request.takes(List.of("force"), List.of());
        boolean force = request.flag("force");
        return actors.<Sessions.RemoveReply, Answer>ask(
                force ? FORCE_PATIENCE : Actors.PATIENCE,
                replyTo -> new Sessions.Remove(caller, request.id(), request.versions(), force, replyTo),
                reply -> switch (reply) {
                    case Sessions.RemoveReply.Removed(var id) ->
                        done(Answer.ok(Json.object().put("id", id.text())));
                    case Sessions.RemoveReply.Outdated(var id, var version) ->
                        CompletableFuture.failedFuture(Problem.outdated(id.text(), request.versions(), version));
                    case Sessions.RemoveReply.Busy busy ->
                        CompletableFuture.failedFuture(Problem.busy(busy.text(), busy.alive()));
                    case Sessions.RemoveReply.Refused(var code, var text) -> Actors.refused(code, text);
                });
    }

    /** Whether that user has a session, be it one that does not answer just now. */
    CompletionStage<Boolean> isOwner(int uid) {
        return actors.<Sessions.ListReply, Boolean>ask(
                Actors.PATIENCE,
                replyTo -> new Sessions.ListAll(new Caller(0, uid, false), replyTo),
                reply -> switch (reply) {
                    case Sessions.ListReply.Listed listed ->
                        done(!listed.sessions().isEmpty() || !listed.silent().isEmpty());
                    case Sessions.ListReply.Refused(var code, var text) -> Actors.refused(code, text);
                });
    }

    /** Zero where there is to be none, empty where nothing is said. */
    private static Optional<Duration> ttl(Fields body) throws Problem {
        try {
            return body.text("ttl").map(text -> text.equals("none") ? Duration.ZERO : Durations.parse(text));
        } catch (InvalidValueException e) {
            throw Problem.badRequest("ttl: " + e.getMessage() + "; or none");
        }
    }

    private static <T> CompletionStage<T> refused(ErrorCode code, String text, Fields body) {
        return CompletableFuture.failedFuture(Problem.of(code, text, body.only(List.of("limit", "ttl"))));
    }

    private static ObjectNode warned(ObjectNode json, String warning) {
        return warning.isEmpty() ? json : json.put("warning", warning);
    }

    private static <T> CompletionStage<T> done(T answer) {
        return CompletableFuture.completedFuture(answer);
    }
}

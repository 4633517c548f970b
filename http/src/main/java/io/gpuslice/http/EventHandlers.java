// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.SessionView;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.ingress.Watching;
import io.gpuslice.actors.telemetry.Recent;
import io.gpuslice.actors.telemetry.Recent.Numbered;
import io.gpuslice.domain.SessionId;
import io.gpuslice.http.live.Live;
import io.gpuslice.http.live.Viewer;
import io.gpuslice.wire.ErrorCode;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.http.javadsl.model.HttpResponse;

/** What has happened of late, for those who ask again and again, and what happens, for those who watch. */
final class EventHandlers {

    /** In one answer. */
    static final int MOST = 1000;

    private static final String AFTER = "after";

    private final Actors actors;
    private final Api.Occurrences occurrences;
    private final Live live;

    EventHandlers(Actors actors, Api.Occurrences occurrences, Live live) {
        this.actors = actors;
        this.occurrences = occurrences;
        this.live = live;
    }

    CompletionStage<Answer> list(Caller caller, Request request) throws Problem {
        long after = after(request);
        return hearing(caller, request).thenApply(hearing -> Answer.ok(listed(after, hearing)));
    }

    /** Answers with where it begins, and streams from there. */
    CompletionStage<Watching> watch(Caller caller, Request request) throws Problem {
        long after = after(request);
        // All the streams of HTTP together are one more listener.
        if (occurrences.recent().listeners() > occurrences.mostWatchers()) {
            throw Problem.of(
                    ErrorCode.OVERLOADED,
                    occurrences.mostWatchers() + " watch already, and no more are let in: end one, or ask for "
                            + request.path() + "?after=NUMBER now and then");
        }
        return hearing(caller, request)
                .thenApply(hearing -> new Watching(
                        Json.text(Json.object()
                                .put("status", 200)
                                .set("body", Json.object().put("last", after))),
                        Optional.of(new Feed(
                                occurrences.recent(),
                                after,
                                numbered -> hearing.test(numbered.occurrence()),
                                numbered -> Json.text(occurrences.json(numbered)),
                                actors.elsewhere()))));
    }

    /** Streams from where the client left off. */
    CompletionStage<HttpResponse> stream(Caller caller, Request request, Optional<String> lastEventId) throws Problem {
        long asked = after(request);
        long after = lastEventId.map(live::number).orElse(asked);
        boolean everything = occurrences.hearsAll().test(caller);
        CompletionStage<Optional<SessionId>> only = request.segments().size() > 1
                ? actors.session(caller, request.id()).thenApply(session -> Optional.of(session.id()))
                : CompletableFuture.completedFuture(Optional.empty());
        return only.thenApply(
                session -> Responses.events(live.stream(new Viewer(everything, caller.uid(), session), after)));
    }

    /** The number after which it begins; that of the last one where nothing is said, or one of a daemon before. */
    private long after(Request request) throws Problem {
        request.takes(List.of(AFTER), List.of());
        long last = occurrences.recent().last();
        String text = request.query().get(AFTER);
        if (text == null) {
            return last;
        }
        try {
            long after = Long.parseUnsignedLong(text);
            return after > last ? 0 : after;
        } catch (NumberFormatException e) {
            throw Problem.badRequest(
                    "after=" + text + " is no number: take the `last` of the answer before, or 0 for all that is kept");
        }
    }

    private CompletionStage<Hearing> hearing(Caller caller, Request request) {
        boolean everything = occurrences.hearsAll().test(caller);
        if (request.segments().size() > 1) {
            return actors.session(caller, request.id())
                    .thenApply(session -> new Hearing(everything, caller.uid(), Optional.of(session.id())));
        }
        Hearing hearing = new Hearing(everything, caller.uid(), Optional.empty());
        if (everything) {
            return CompletableFuture.completedFuture(hearing);
        }
        return actors.<Sessions.ListReply, Hearing>ask(
                Actors.PATIENCE, replyTo -> new Sessions.ListAll(caller, replyTo), reply -> switch (reply) {
                    case Sessions.ListReply.Listed listed -> {
                        hearing.add(
                                listed.sessions().stream().map(SessionView::id).toList());
                        hearing.add(listed.silent());
                        yield CompletableFuture.completedFuture(hearing);
                    }
                    case Sessions.ListReply.Refused(var code, var text) -> Actors.refused(code, text);
                });
    }

    private ObjectNode listed(long after, Hearing hearing) {
        Recent recent = occurrences.recent();
        List<Numbered> news = recent.after(after);
        ObjectNode json = Json.object();
        ArrayNode events = json.putArray("events");
        long last = after;
        for (Numbered numbered : news) {
            if (events.size() == MOST) {
                break;
            }
            if (hearing.test(numbered.occurrence())) {
                events.add(occurrences.json(numbered));
            }
            last = numbered.number();
        }
        return json.put("last", last)
                .put("lost", news.isEmpty() ? 0 : news.getFirst().number() - after - 1);
    }
}

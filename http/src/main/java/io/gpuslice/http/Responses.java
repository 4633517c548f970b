// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.http.live.Live;
import io.gpuslice.wire.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.http.javadsl.model.AttributeKey;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.headers.RawHeader;
import org.apache.pekko.util.ByteString;

/** Answers in HTTP's terms. None with data is kept by a cache, and none is taken for something else than it says. */
final class Responses {
    private Responses() {}

    /** What ends an answer that would else go on; others have none. */
    static final AttributeKey<Runnable> END_OF_STREAM = AttributeKey.create("end of stream", Runnable.class);

    private static final ContentType JSON = ContentTypes.APPLICATION_JSON;
    private static final ContentType PROBLEM = ContentTypes.parse("application/problem+json");
    private static final HttpHeader NOTHING_ELSE = RawHeader.create("X-Content-Type-Options", "nosniff");
    /** A page of another site may not even hold an answer as if it were a picture or a script. */
    private static final HttpHeader OURS_ALONE = RawHeader.create("Cross-Origin-Resource-Policy", "same-origin");

    private static final List<HttpHeader> ALWAYS =
            List.of(RawHeader.create("Cache-Control", "no-store"), NOTHING_ELSE, OURS_ALONE);

    /** Headers of what a browser may show as a page of ours, and of what belongs to one: nothing comes from elsewhere. */
    static final List<HttpHeader> OF_A_PAGE = List.of(
            RawHeader.create(
                    "Content-Security-Policy",
                    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
                            + " font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
            RawHeader.create("Referrer-Policy", "no-referrer"),
            NOTHING_ELSE,
            OURS_ALONE);

    static HttpResponse json(Answer answer) {
        return tagged(of(answer.status(), JSON, Json.text(answer.body())), answer.version());
    }

    private static HttpResponse tagged(HttpResponse response, Optional<String> version) {
        return version.map(tag -> response.addHeader(RawHeader.create("ETag", EntityTags.quoted(tag))))
                .orElse(response);
    }

    static HttpResponse text(ContentType type, String text) {
        return of(200, type, text);
    }

    static HttpResponse problem(Problem problem) {
        HttpResponse response =
                of(problem.status(), PROBLEM, Json.text(problem.answer().body()));
        if (problem.code() == ErrorCode.UNAUTHENTICATED) {
            response = response.addHeader(RawHeader.create("WWW-Authenticate", "Bearer realm=\"gpuslice\""));
        }
        if (problem.status() == Problem.TOO_MANY_REQUESTS) {
            response = response.addHeader(RawHeader.create("Retry-After", "1"));
        }
        response = tagged(response, problem.version());
        return problem.allowed().isEmpty() ? response : response.addHeader(allow(problem.allowed()));
    }

    /** To a connection that is not served: as it goes over the wire, before anything was asked. */
    static ByteString tooMany() {
        Problem problem = Problem.of(
                ErrorCode.OVERLOADED,
                "too many connections are open, and " + Crowd.OF_GUESTS.ofOne() + " of them may be yours: close some");
        return asSent(problem, "Service Unavailable");
    }

    /** To somebody who wants one stream more. */
    static HttpResponse tooManyStreams() {
        return problem(Problem.of(
                ErrorCode.OVERLOADED,
                "too many streams of events are open: there may be " + Crowd.OF_LISTENERS.most() + ", and "
                        + Crowd.OF_LISTENERS.mostOfOne() + " of one user or machine. End some, or ask for"
                        + " /events?after=NUMBER as JSON now and then"));
    }

    /** To somebody who speaks without TLS where it is spoken. */
    static ByteString wantsTls() {
        return asSent(
                Problem.badRequest("this port speaks TLS, and what came is not: use https:// in place of http://"),
                "Bad Request");
    }

    private static ByteString asSent(Problem problem, String phrase) {
        String body = Json.text(problem.answer().body());
        StringBuilder head = new StringBuilder("HTTP/1.1 " + problem.status() + " " + phrase + "\r\n");
        ALWAYS.forEach(header -> head.append(header).append("\r\n"));
        head.append("Content-Type: ").append(PROBLEM).append("\r\nConnection: close\r\n\r\n");
        return ByteString.fromString(head + body);
    }

    /** Events as they happen. */
    static HttpResponse events(Live.Stream stream) {
        return HttpResponse.create()
                .addAttribute(END_OF_STREAM, stream.end())
                .addHeaders(ALWAYS)
                // nginx would collect them.
                .addHeader(RawHeader.create("X-Accel-Buffering", "no"))
                .withEntity(HttpEntities.create(Format.EVENT_STREAM.type(), stream.events()));
    }

    /** One that could have been another, had the client liked something else better. */
    static HttpResponse varied(HttpResponse response) {
        return response.addHeader(RawHeader.create("Vary", "Accept"));
    }

    /** The answer to OPTIONS. */
    static HttpResponse options(List<String> methods) {
        return HttpResponse.create().withStatus(204).addHeaders(ALWAYS).addHeader(allow(methods));
    }

    /** Where there is GET there is HEAD; OPTIONS is everywhere. */
    private static HttpHeader allow(List<String> methods) {
        List<String> all = new ArrayList<>(methods);
        if (all.contains("GET")) {
            all.add("HEAD");
        }
        all.add("OPTIONS");
        return RawHeader.create("Allow", String.join(", ", all));
    }

    private static HttpResponse of(int status, ContentType type, String text) {
        return HttpResponse.create()
                .withStatus(status)
                .addHeaders(ALWAYS)
                .withEntity(HttpEntities.create(type, text.getBytes(StandardCharsets.UTF_8)));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.wire.ErrorCode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpEntities;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.headers.RawHeader;
import org.apache.pekko.util.ByteString;

/** Answers in HTTP's terms. None is kept by a cache, or taken for something else than it says. */
final class Responses {
    private Responses() {}

    private static final ContentType JSON = ContentTypes.APPLICATION_JSON;
    private static final ContentType PROBLEM = ContentTypes.parse("application/problem+json");
    private static final List<HttpHeader> ALWAYS = List.of(
            RawHeader.create("Cache-Control", "no-store"),
            RawHeader.create("X-Content-Type-Options", "nosniff"),
            // A page of another site may not even hold an answer as if it were a picture or a script.
            RawHeader.create("Cross-Origin-Resource-Policy", "same-origin"));

    static HttpResponse json(Answer answer) {
        return of(answer.status(), JSON, Json.text(answer.body()));
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
        return problem.allowed().isEmpty() ? response : response.addHeader(allow(problem.allowed()));
    }

    /** To a connection that is not served: as it goes over the wire, before anything was asked. */
    static ByteString tooMany() {
        Problem problem = Problem.of(
                ErrorCode.OVERLOADED,
                "too many connections are open, and " + Crowd.OF_ONE + " of them are yours: close some");
        return asSent(problem, "Service Unavailable");
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

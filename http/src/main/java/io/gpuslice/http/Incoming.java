// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.pekko.Done;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpHeader;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.javadsl.model.MediaType;
import org.apache.pekko.http.javadsl.model.headers.Host;
import org.apache.pekko.http.javadsl.model.headers.RawRequestURI;
import org.apache.pekko.http.scaladsl.model.EntityStreamException;
import org.apache.pekko.stream.Materializer;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.util.ByteString;

/** What an HTTP request has that is of use here. */
final class Incoming {
    private Incoming() {}

    private static final Duration BODY_PATIENCE = Duration.ofSeconds(5);

    /** Path and query as they were sent: Pekko HTTP's own view of them does not tell %2B from +. */
    static String target(HttpRequest http) {
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

    static Optional<String> header(HttpRequest http, String name) {
        return http.getHeader(name).map(HttpHeader::value);
    }

    /** What {@code If-Match} asks to be there still; none: it asks nothing. */
    static List<String> versions(HttpRequest http) throws Problem {
        String lines = StreamSupport.stream(http.getHeaders().spliterator(), false)
                .filter(header -> header.is("if-match"))
                .map(HttpHeader::value)
                .collect(Collectors.joining(", "));
        return lines.isEmpty() ? List.of() : EntityTags.ifMatch(lines);
    }

    /** The host that was meant, without its port. */
    static String host(HttpRequest http) {
        return http.getHeader(Host.class).map(host -> host.host().address()).orElse("");
    }

    /** The body, or empty where there is none; fails with a {@link Problem} where it is nothing that is understood. */
    static CompletionStage<ObjectNode> body(HttpRequest http, Materializer materializer) {
        if (http.entity().isKnownEmpty()) {
            return CompletableFuture.completedFuture(Json.object());
        }
        MediaType type = http.entity().getContentType().mediaType();
        if (!type.equals(ContentTypes.APPLICATION_JSON.mediaType())) {
            return CompletableFuture.failedFuture(Problem.badRequest(
                    415, "a body of " + type + " is not understood: send Content-Type: application/json"));
        }
        if (http.entity().getContentLengthOption().orElse(0) > Problem.MOST_BYTES) {
            return CompletableFuture.failedFuture(Problem.tooLong());
        }
        return bytes(http)
                .completionTimeout(BODY_PATIENCE)
                // What is too long is read to its end all the same, but not kept.
                .runFold(
                        ByteString.emptyByteString(),
                        (body, more) -> body.size() > Problem.MOST_BYTES ? body : body.concat(more),
                        materializer)
                .handle((body, failure) -> {
                    try {
                        if (failure != null) {
                            throw unreadable(failure);
                        }
                        return parsed(body);
                    } catch (Problem problem) {
                        throw new CompletionException(problem);
                    }
                });
    }

    private static ObjectNode parsed(ByteString body) throws Problem {
        if (body.size() > Problem.MOST_BYTES) {
            throw Problem.tooLong();
        }
        String text = body.utf8String();
        return text.isBlank() ? Json.object() : Json.parse(text);
    }

    /**
     * Reads what nobody has read of the body, for a while. An answer that ends a connection on which something is still
     * under way would be lost: what comes then makes the kernel say that the connection is broken.
     *
     * @return never fails
     */
    static CompletionStage<Done> discard(HttpRequest http, Materializer materializer) {
        return http.entity().isKnownEmpty()
                ? CompletableFuture.completedFuture(Done.getInstance())
                : bytes(http)
                        .takeWithin(BODY_PATIENCE)
                        .runWith(Sink.ignore(), materializer)
                        .exceptionally(_ -> Done.getInstance());
    }

    private static Source<ByteString, ?> bytes(HttpRequest http) {
        return http.entity().withoutSizeLimit().getDataBytes();
    }

    private static Problem unreadable(Throwable failure) {
        return switch (failure) {
            case CompletionException wrapped when wrapped.getCause() != null -> unreadable(wrapped.getCause());
            case TimeoutException _ ->
                Problem.badRequest(408, "the body was not complete after " + BODY_PATIENCE.toSeconds() + " s");
            case EntityStreamException malformed ->
                Problem.badRequest(malformed.info().summary());
            default -> throw new CompletionException(failure);
        };
    }
}

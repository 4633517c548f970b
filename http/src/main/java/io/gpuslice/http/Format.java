// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import io.gpuslice.http.metrics.Metrics;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.pekko.http.javadsl.model.ContentType;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpRequest;
import org.apache.pekko.http.scaladsl.model.MediaType;
import org.apache.pekko.http.scaladsl.server.MediaTypeNegotiator;

/** What an answer can be written in. */
enum Format {
    JSON("application/json"),
    HTML("text/html; charset=UTF-8"),
    MARKDOWN("text/markdown; charset=UTF-8"),
    YAML("application/yaml"),
    EVENT_STREAM("text/event-stream"),
    METRICS(Metrics.CONTENT_TYPE),
    /** Each file is what it is, whatever the client likes. */
    FILE("application/octet-stream");

    /** Cannot be changed, though Pekko does not say so where it is looked for. */
    @SuppressWarnings("ImmutableEnumChecker")
    private final ContentType type;

    Format(String type) {
        this.type = ContentTypes.parse(type);
    }

    ContentType type() {
        return type;
    }

    /**
     * What the client likes best.
     *
     * @param possible what is had, the usual first: it is taken where the client does not mind
     * @param what is asked for, for the message
     * @throws Problem if it likes none of them
     */
    static Format liked(List<Format> possible, HttpRequest http, Object what) throws Problem {
        MediaTypeNegotiator client =
                new MediaTypeNegotiator(((org.apache.pekko.http.scaladsl.model.HttpRequest) http).headers());
        Format best = possible.getFirst();
        for (Format format : possible) {
            best = format.likedBy(client) > best.likedBy(client) ? format : best;
        }
        if (best.likedBy(client) == 0) {
            throw Problem.badRequest(
                    406,
                    what + " answers with "
                            + possible.stream()
                                    .map(format -> format.type.mediaType().toString())
                                    .collect(Collectors.joining(" or "))
                            + " alone: accept it");
        }
        return best;
    }

    private float likedBy(MediaTypeNegotiator client) {
        return this == FILE ? 1 : client.qValueFor((MediaType) type.mediaType());
    }
}

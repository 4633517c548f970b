// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * The daemon's HTTP, spoken to as any other program would.
 *
 * @param url as the daemon's own note beside the socket has it
 * @param token that a change needs, from the same note
 */
record Web(URI url, String token) {
    private static final HttpClient CLIENT =
            HttpClient.newBuilder().connectTimeout(Guest.PATIENCE).build();

    /** As the note says, which is written last: HTTP serves when it is there. */
    static Web at(Path note) {
        Rig.eventually(() -> Files.exists(note));
        try {
            JsonNode said = Rig.json(Files.readString(note));
            return new Web(
                    URI.create(said.path("url").asText()), said.path("token").asText());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    record Answer(int status, String type, String body) {
        Answer with(int expected) {
            assertThat(status).as(body).isEqualTo(expected);
            return this;
        }

        JsonNode json() {
            return Rig.json(body);
        }
    }

    /** Without a token. */
    Answer get(String path) {
        return send("GET", path, "", Map.of());
    }

    /** As the operator. An empty body is none. */
    Answer call(String method, String path, String body) {
        return send(method, path, body, Map.of("Authorization", "Bearer " + token));
    }

    /** With these headers and no others of ours. */
    Answer send(String method, String path, String body, Map<String, String> headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(url.resolve(path)).timeout(Guest.PATIENCE);
        headers.forEach(request::header);
        if (!body.isEmpty()) {
            request.header("Content-Type", "application/json");
        }
        request.method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        try {
            HttpResponse<String> response = CLIENT.send(request.build(), BodyHandlers.ofString());
            return new Answer(
                    response.statusCode(),
                    response.headers().firstValue("Content-Type").orElse(""),
                    response.body());
        } catch (IOException e) {
            throw new UncheckedIOException(request.build() + ": " + e, e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    Scrape scrape() {
        return Scrape.of(get("/metrics").with(200).body());
    }
}

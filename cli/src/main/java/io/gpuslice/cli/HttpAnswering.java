// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;

/** A daemon anywhere, over HTTP. Loaded only where one is named. */
final class HttpAnswering implements Answering {
    /** `rm --force` is answered when the last process is dead. */
    private static final Duration PATIENCE = Duration.ofSeconds(45);

    private static final Duration CONNECT_PATIENCE = Duration.ofSeconds(5);
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);
    private static final int UNAUTHENTICATED = 401;

    private final Host host;
    private final HttpClient client;

    HttpAnswering(Host host) {
        this.host = host;
        // An answer from another place than the one that was named, perhaps with the token sent there, is none.
        client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(CONNECT_PATIENCE)
                .followRedirects(HttpClient.Redirect.NEVER)
                .build();
    }

    @Override
    public Reply ask(String method, String path, Json body) throws Failure {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(host.url() + path))
                .timeout(PATIENCE)
                .header("Accept", "application/json, application/problem+json");
        if (!host.token().isEmpty()) {
            request.header("Authorization", "Bearer " + host.token());
        }
        if (body.members().isEmpty()) {
            request.method(method, HttpRequest.BodyPublishers.noBody());
        } else {
            request.header("Content-Type", "application/json")
                    .method(method, HttpRequest.BodyPublishers.ofString(body.compact()));
        }
        try {
            HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
            Json answer = Json.parse(response.body());
            if (response.statusCode() == UNAUTHENTICATED) {
                throw notLetIn(answer);
            }
            return new Reply(response.statusCode(), answer);
        } catch (ConnectException e) {
            throw new Failure(
                    "nobody answers at " + host.url(),
                    "is gpusliced running there, and http.address one that this machine reaches? By default it answers"
                            + " on 127.0.0.1 alone; `gpuslice info` there shows its http url");
        } catch (HttpTimeoutException e) {
            throw new Failure(
                    "the daemon at " + host.url() + " did not answer within " + PATIENCE.toSeconds() + " s",
                    "it may be stopped or overloaded: curl " + host.url() + "/health/ready");
        } catch (IOException e) {
            throw new Failure(
                    "what answers at " + host.url() + " makes no sense: " + e.getMessage(),
                    "is it gpusliced, and its URL http:// or https:// as `gpuslice info` there shows it?");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while " + host.url() + " was asked", "");
        }
    }

    private Failure notLetIn(Json answer) {
        return new Failure(
                answer.text("detail", "the daemon at " + host.url() + " wants a token") + " (UNAUTHENTICATED)",
                host.token().isEmpty()
                        ? "set GPUSLICE_TOKEN to it, or name a file that has it: --token-file FILE"
                        : "GPUSLICE_TOKEN or --token-file has another daemon's, or an old one");
    }

    /** Over HTTP it is asked for again and again: the events stay a while. */
    @Override
    public EventStream watch(String path) throws Failure {
        Json begin = Calls.accepted(ask("GET", path, Calls.NOTHING));
        String bare = path.replaceFirst("\\?.*", "");
        Queue<Json> ready = new ArrayDeque<>(begin.objects("events"));
        return new EventStream() {
            private long last = begin.number("last", 0);

            @Override
            public Optional<Json> next() throws Failure {
                if (ready.isEmpty()) {
                    Json news = Calls.accepted(ask("GET", bare + "?after=" + last, Calls.NOTHING));
                    last = news.number("last", last);
                    ready.addAll(news.objects("events"));
                    if (ready.isEmpty()) {
                        rest();
                    }
                }
                return Optional.ofNullable(ready.poll());
            }
        };
    }

    private static void rest() throws Failure {
        try {
            Thread.sleep(BETWEEN_LOOKS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted", "");
        }
    }

    @Override
    public Failure senseless(String why) {
        return new Failure(
                "the daemon at " + host.url() + " answered something that makes no sense: " + why,
                "`gpuslice version` shows this program's release; ask there for the daemon's");
    }

    @Override
    public void close() {
        client.close();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Caller;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A WATCH at the door: its reply, what then comes, and its end. */
class WatchTest extends IngressFixture {
    private final CompletableFuture<Watching.Watcher> watcher = new CompletableFuture<>();
    private final AtomicInteger sent = new AtomicInteger();
    private final AtomicInteger ended = new AtomicInteger();

    @BeforeEach
    void streamWhatTheTestSays() {
        calls = new CallHandler() {
            @Override
            public CompletionStage<String> answer(Caller caller, String json) {
                return CompletableFuture.completedFuture(json);
            }

            @Override
            public CompletionStage<Watching> watch(Caller caller, String json) {
                return CompletableFuture.completedFuture(
                        new Watching(json, json.equals("no") ? Optional.empty() : Optional.of(stream())));
            }
        };
    }

    private Watching.Stream stream() {
        return new Watching.Stream() {
            @Override
            public void begin(Watching.Watcher to) {
                watcher.complete(to);
            }

            @Override
            public void end() {
                ended.incrementAndGet();
            }
        };
    }

    private Client watching() throws IOException {
        listen();
        Client client = new Client(socket);
        client.send(new Frame.Watch("yes"));
        assertThat(client.reply(Frame.Reply.class).json()).isEqualTo("yes");
        watcher.join();
        return client;
    }

    @Test
    void eventsComeInTheirOrderWithTheNumberOfTheirWatch() throws IOException {
        try (Client client = watching()) {
            watcher.join().send(List.of("1", "2"), sent::incrementAndGet);
            watcher.join().send(List.of("3"), sent::incrementAndGet);
            for (String expected : List.of("1", "2", "3")) {
                assertThat(client.reply(Frame.Event.class).json()).isEqualTo(expected);
            }
            await().until(() -> sent.get() == 2);
            client.send(new Frame.Call("a call beside it"));
            assertThat(client.reply(Frame.Reply.class).json()).isEqualTo("a call beside it");
        }
        await().until(() -> ended.get() == 1);
    }

    @Test
    void whatIsSentToOneWhoDoesNotReadIsNotSaidToBeOutAndItsDropEndsIt() throws IOException {
        try (Client _ = watching()) {
            // More than the kernel keeps for it, less than what the door gives up at.
            watcher.join().send(Collections.nCopies(20, "x".repeat(100_000)), sent::incrementAndGet);
            watcher.join().drop(ErrorCode.OVERLOADED, "you read too slowly");
            await().until(() -> ended.get() == 1);
            assertThat(sent).hasValue(0);
        }
    }

    @Test
    void oneWhoReadsHearsWhyItIsDropped() throws IOException {
        try (Client client = watching()) {
            watcher.join().drop(ErrorCode.OVERLOADED, "you read too slowly");
            assertThat(client.reply(Frame.ErrorFrame.class).text()).isEqualTo("you read too slowly");
            client.awaitEnd();
        }
    }

    @Test
    void aConnectionWatchesOnceButMayAskAgainAfterARefusal() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Watch("no"));
            assertThat(client.reply(Frame.Reply.class).json()).isEqualTo("no");
            client.send(new Frame.Watch("yes"));
            assertThat(client.reply(Frame.Reply.class).json()).isEqualTo("yes");
            client.send(new Frame.Watch("yes"));
            assertThat(client.reply(Frame.ErrorFrame.class).text()).contains("watches once");
        }
    }
}

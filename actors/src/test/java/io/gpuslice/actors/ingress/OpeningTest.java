// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.domain.SessionId;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class OpeningTest extends IngressFixture {

    @Test
    void openIsAnsweredAndTheKernelSaysWhoAsked() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Open("", "8GB", "train", 60, Abi.FLAG_STRICT));

            Sessions.Open open = sessions.expectMessageClass(Sessions.Open.class);
            assertThat(open.caller().pid()).isEqualTo(SELF);
            assertThat(open.caller().uid()).isEqualTo(uid);
            assertThat(open.caller().gids()).contains((Integer) Files.getAttribute(Path.of("/proc/self"), "unix:gid"));
            assertThat(open.caller().operator()).isFalse();
            assertThat(open.leader()).contains(new Peer(self(), uid));
            assertThat(open.limit()).isEqualTo("8GB");
            assertThat(open.name()).isEqualTo("train");
            assertThat(open.ttl()).isEqualTo(Duration.ofMinutes(1));
            assertThat(open.flags()).isEqualTo(Abi.FLAG_STRICT);
            open.replyTo().tell(new Sessions.OpenReply.Opened(new SessionId("s1"), "secret", "careful"));
            assertThat(client.reply(Frame.Opened.class)).isEqualTo(new Frame.Opened("s1", "secret", "careful"));
        }
    }

    @Test
    void aWarningThatIsLongerThanItsFieldIsCut() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Open("", "8GB", "", 0, 0));

            sessions.expectMessageClass(Sessions.Open.class)
                    .replyTo()
                    .tell(new Sessions.OpenReply.Opened(new SessionId("s1"), "secret", "careful, ".repeat(100)));
            assertThat(client.reply(Frame.Opened.class).warning())
                    .startsWith("careful, careful")
                    .endsWith("…");
        }
    }

    @Test
    void createHasNoLeader() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Open("", "8GB", "", 0, Abi.FLAG_NO_LEADER));

            assertThat(sessions.expectMessageClass(Sessions.Open.class).leader())
                    .isEmpty();
        }
    }

    @Test
    void aRefusalCarriesItsCodeAndText() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Join("", "nobody"));

            Sessions.Join join = sessions.expectMessageClass(Sessions.Join.class);
            assertThat(join.selector()).isEqualTo("nobody");
            join.replyTo().tell(new Sessions.OpenReply.Refused(ErrorCode.SESSION_UNKNOWN, "no session nobody"));
            assertThat(client.reply(Frame.ErrorFrame.class))
                    .isEqualTo(new Frame.ErrorFrame(ErrorCode.SESSION_UNKNOWN, "no session nobody"));
        }
    }

    @Test
    void whereThereIsAnOperatorOnlyItsTokenOpens() throws IOException {
        listen(settings(Optional.of("s3cret"), 100, 100));
        try (Client client = new Client(socket)) {
            client.send(new Frame.Open("wrong", "8GB", "", 0, 0));
            assertError(client, ErrorCode.UNAUTHENTICATED, "GPUSLICE_IPC_TOKEN");
            assertThat(said()).singleElement().asString().startsWith("login denied 0 UNAUTHENTICATED: ");
            client.send(new Frame.Open("s3cret", "8GB", "", 0, 0));
            assertThat(sessions.expectMessageClass(Sessions.Open.class).caller().operator())
                    .isTrue();
        }
    }

    @Test
    void aCallIsAnsweredByTheHandlerWhichKnowsTheCaller() throws IOException {
        calls = (caller, json) ->
                CompletableFuture.completedFuture(json + " from " + caller.pid() + " of uid " + caller.uid());
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Call("{}"));
            assertThat(client.reply(Frame.Reply.class).json()).isEqualTo("{} from " + SELF + " of uid " + uid);
        }
    }

    @Test
    void anAnswerThatDoesNotFitAFrameIsSaidToBeSo() throws IOException {
        calls = (_, _) -> CompletableFuture.completedFuture("x".repeat(Abi.MAX_FRAME_SIZE));
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Call("{}"));
            assertError(client, ErrorCode.INTERNAL, "does not fit a frame");
        }
    }

    @Test
    void aHandlerThatFailsHurtsNobodyElse() throws IOException {
        calls = (_, json) -> json.equals("bad")
                ? CompletableFuture.failedFuture(new IllegalStateException("a defect"))
                : CompletableFuture.completedFuture(json);
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Call("bad"));
            assertError(client, ErrorCode.INTERNAL, "the call failed; the daemon's log says why");
            client.send(new Frame.Call("good"));
            assertThat(client.reply(Frame.Reply.class).json()).isEqualTo("good");
        }
    }

    @Test
    void aWatchThatFailsHurtsNobodyElse() throws IOException {
        calls = (_, json) -> json.equals("bad")
                ? CompletableFuture.failedFuture(new IllegalStateException("a defect"))
                : CompletableFuture.completedFuture(json);
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Watch("bad"));
            assertError(client, ErrorCode.INTERNAL, "the watch failed; the daemon's log says why");
            client.send(new Frame.Call("good"));
            assertThat(client.reply(Frame.Reply.class).json()).isEqualTo("good");
        }
    }

    @Test
    void callsThatWaitAreBounded() throws IOException {
        List<CompletableFuture<String>> waiting = new ArrayList<>();
        calls = (_, _) -> {
            CompletableFuture<String> answer = new CompletableFuture<>();
            waiting.add(answer);
            return answer;
        };
        listen();
        try (Client client = new Client(socket)) {
            for (int i = 0; i < 9; i++) {
                client.send(new Frame.Call("{}"));
            }
            assertError(
                    client, ErrorCode.OVERLOADED, "8 calls of this connection wait already: read their replies first");
            assertThat(waiting).hasSize(8);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Access;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.RecordingTelemetry;
import io.gpuslice.actors.Session;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.eventloop.LoopKit;
import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.actors.page.Pages.MemberPage;
import io.gpuslice.actors.process.Processes;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.linux.Procfs;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A door with sessions behind it that say only what a test tells them to. */
@Timeout(60)
abstract class IngressFixture {

    static final int SELF = (int) ProcessHandle.current().pid();
    static final String IMAGE = "0123456789abcdef0123456789abcdef";
    static final UUID GPU = new UUID(7, 7);
    static final Frame.Hello HELLO = new Frame.Hello("s1", "token", IMAGE, List.of(GPU));

    @TempDir
    Path folder;

    /** How long the door waits for a whole frame. */
    Duration patience = Duration.ofMillis(300);

    final LoopKit test = new LoopKit();
    final TestProbe<Sessions.Command> sessions = test.kit().createTestProbe();
    TestProbe<Session.Command> session = test.kit().createTestProbe();
    final TestProbe<Ingress.Listening> listening = test.kit().createTestProbe();
    CallHandler calls = (_, json) -> CompletableFuture.completedFuture(json);
    final RecordingTelemetry telemetry = new RecordingTelemetry();
    Path socket = Path.of("");
    int uid;
    MemberPage page;

    @BeforeEach
    void start() throws IOException {
        socket = folder.resolve("s");
        uid = (Integer) Files.getAttribute(folder, "unix:uid");
        page = new MemfdPages(new Random(1))
                .create(new ProcessId("boot", SELF, 1), new ImageId("00"), List.of(new DeviceId(GPU)));
    }

    @AfterEach
    void end() {
        test.close();
        page.close();
    }

    ActorRef<Ingress.Command> listen() throws IOException {
        return listen(settings(Optional.empty(), 5000, 5000));
    }

    ActorRef<Ingress.Command> listen(IngressSettings settings) throws IOException {
        ActorRef<Ingress.Command> ingress = test.spawn(ingress(settings));
        listening.expectMessage(new Ingress.Listening.Bound(socket));
        return ingress;
    }

    Behavior<Ingress.Command> ingress(IngressSettings settings) throws IOException {
        return Ingress.create(
                settings,
                test.loop(),
                Processes.ofThisMachine(),
                sessions.ref(),
                whateverCallsIsThen(),
                telemetry,
                listening.ref());
    }

    private CallHandler whateverCallsIsThen() {
        return new CallHandler() {
            @Override
            public CompletionStage<String> answer(Caller caller, String json) {
                return calls.answer(caller, json);
            }

            @Override
            public CompletionStage<Watching> watch(Caller caller, String json) {
                return calls.watch(caller, json);
            }
        };
    }

    IngressSettings settings(Optional<String> token, int connections, int perUid) {
        return new IngressSettings(
                socket,
                OperatorToken.of(token),
                new Access(token.isPresent(), uid),
                patience,
                connections,
                new IngressSettings.PerUser(perUid, "the rest is kept for others"));
    }

    TestProbe<Session.Command> found() {
        Sessions.Find find = sessions.expectMessageClass(Sessions.Find.class);
        assertThat(find.id()).isEqualTo(new SessionId("s1"));
        find.replyTo().tell(new Sessions.FindReply.Found(session.ref()));
        return session;
    }

    void welcome(int flags) {
        found().expectMessageClass(Session.Hello.class).replyTo().tell(welcomed(flags));
    }

    Session.HelloReply.Welcomed welcomed(int flags) {
        return new Session.HelloReply.Welcomed(flags, List.of(1L << 30), page, session.ref());
    }

    Client member() throws IOException {
        return member(0);
    }

    /** @param flags of its session */
    Client member(int flags) throws IOException {
        Client client = new Client(socket);
        client.send(HELLO);
        welcome(flags);
        assertThat(client.reply(Frame.Welcome.class))
                .isEqualTo(new Frame.Welcome(flags, Abi.PAGE_SIZE, List.of(1L << 30)));
        client.skipDescriptor();
        return client;
    }

    void leave(Client member) throws IOException {
        member.close();
        session.expectMessage(new Session.Disconnected(self(), new ImageId(IMAGE)));
    }

    static void assertReply(Client client, int seq, Frame frame) throws IOException {
        Decoded reply = client.receive();
        assertThat(reply.frame()).isEqualTo(frame);
        assertThat(reply.seq()).isEqualTo(seq);
    }

    static void assertError(Client client, ErrorCode code, String text) throws IOException {
        Frame.ErrorFrame error = client.reply(Frame.ErrorFrame.class);
        assertThat(error.code()).isEqualTo(code);
        assertThat(error.text()).contains(text);
    }

    static ProcessId self() throws IOException {
        return new ProcessId(
                Procfs.bootId(), SELF, Procfs.stat(SELF).orElseThrow().startTime());
    }

    static String hex(Frame frame) {
        return HexFormat.of().formatHex(FrameCodec.encode(frame, 1));
    }

    static int pageDescriptors() throws IOException {
        return descriptors("memfd:gpuslice");
    }

    long connectionsHere() throws IOException {
        // Each connection has both its ends in this process; the listener and the daemon's ends carry the path.
        try (var lines = Files.lines(Path.of("/proc/net/unix"))) {
            return lines.filter(line -> line.endsWith(" " + socket)).count() - 1;
        }
    }

    static int descriptors(String kind) throws IOException {
        int count = 0;
        for (int fd : Procfs.fds(SELF)) {
            try {
                count += Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd))
                                .toString()
                                .contains(kind)
                        ? 1
                        : 0;
            } catch (IOException gone) {
                // Closed meanwhile: not counted.
            }
        }
        return count;
    }

    /** What happened, in a few words each; it is checked that this process did it. */
    List<String> said() {
        return telemetry.all().stream().map(this::text).toList();
    }

    private String text(Occurrence occurrence) {
        assertThat(occurrence.pid()).isEqualTo(SELF);
        assertThat(occurrence.uid()).isEqualTo(uid);
        assertThat(occurrence.device()).isIn(Optional.empty(), Optional.of(new DeviceId(GPU)));
        return occurrence.operation()
                + " " + occurrence.result()
                + occurrence.session().map(id -> " session " + id).orElse("")
                + occurrence.device().map(_ -> " device").orElse("")
                + " " + occurrence.bytes()
                + occurrence.error().map(code -> " " + code).orElse("")
                + (occurrence.detail().isEmpty() ? "" : ": " + occurrence.detail());
    }
}

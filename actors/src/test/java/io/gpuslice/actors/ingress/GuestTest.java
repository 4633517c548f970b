// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.DeviceUse;
import io.gpuslice.actors.Session;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.actors.telemetry.Timing;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class GuestTest extends IngressFixture {

    @Test
    void aGuestGetsItsPageAndNothingIsLeftOpenHere() throws Exception {
        listen();
        int before = pageDescriptors();
        Process guest = new ProcessBuilder("python3", "-c", PYTHON_GUEST, socket.toString(), hex(HELLO))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        welcome(0);
        try (BufferedReader lines = guest.inputReader(StandardCharsets.UTF_8)) {
            assertThat(lines.readLine())
                    .isEqualTo("page " + Abi.PAGE_SIZE + " magic GPSLPGE1 inode "
                            + page.identity().ino());
        }
        assertThat(guest.waitFor()).isZero();
        await().until(() -> pageDescriptors() == before);
    }

    /** WELCOME has 288 bytes; its page_size stands at 24. */
    private static final String PYTHON_GUEST = """
        import mmap, os, socket, struct, sys
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        s.sendall(bytes.fromhex(sys.argv[2]))
        welcome = b""
        while len(welcome) < 288:
            welcome += s.recv(288 - len(welcome))
        size = struct.unpack_from("<Q", welcome, 24)[0]
        byte, fds, _, _ = socket.recv_fds(s, 1, 4)
        assert len(byte) == 1 and len(fds) == 1, (byte, fds)
        assert os.fstat(fds[0]).st_size == size
        page = mmap.mmap(fds[0], size)
        print("page", size, "magic", page[:8].decode(), "inode", os.fstat(fds[0]).st_ino)
        """;

    @Test
    void whatAGuestSharesIsToldInOrderAndNotFasterThanItIsHeard() throws IOException {
        listen();
        try (Client client = member()) {
            client.tell(share(1));
            Session.Share first = session.expectMessageClass(Session.Share.class);
            client.tell(share(2));
            client.tell(share(3));
            client.send(new Frame.Query());
            session.expectMessageClass(Session.Query.class);
            first.replyTo().tell(new Session.ShareHeard());

            assertThat(first.process()).isEqualTo(self());
            assertThat(first.image()).isEqualTo(new ImageId(IMAGE));
            assertThat(first.frames()).containsExactly(share(1));
            assertThat(session.expectMessageClass(Session.Share.class).frames()).containsExactly(share(2), share(3));
            client.tell(share(4));
        }
        assertThat(session.expectMessageClass(Session.Share.class).frames())
                .as("what was said last is told before the end")
                .containsExactly(share(4));
        session.expectMessage(new Session.Disconnected(self(), new ImageId(IMAGE)));
    }

    @Test
    void aGuestThatAsksIsToldWhenTheSessionHasHeardItAndAllBefore() throws IOException {
        listen();
        try (Client client = member()) {
            int asked = client.send(share(1));
            Session.Share first = session.expectMessageClass(Session.Share.class);
            client.tell(share(2));
            int askedLater = client.send(share(3));
            client.send(new Frame.Query());
            Session.Query query = session.expectMessageClass(Session.Query.class);
            query.replyTo().tell(new Session.QueryReply.Failed(query.seq(), ErrorCode.INTERNAL, "no answer"));
            assertError(client, ErrorCode.INTERNAL, "no answer");

            first.replyTo().tell(new Session.ShareHeard());
            assertHeard(client, asked);
            session.expectMessageClass(Session.Share.class).replyTo().tell(new Session.ShareHeard());
            assertHeard(client, askedLater);
        }
    }

    private static void assertHeard(Client client, int seq) throws IOException {
        Decoded answer = client.receive();
        assertThat(answer.frame()).isEqualTo(new Frame.Heard());
        assertThat(answer.seq()).isEqualTo(seq);
    }

    @Test
    void aFloodOfSharesWaitsInTheSocketAndIsToldInTheEnd() throws IOException {
        int flood = 100_000;
        AtomicInteger sent = new AtomicInteger();
        listen();
        try (Client client = member()) {
            CompletableFuture<Void> sender = CompletableFuture.runAsync(() -> {
                try {
                    while (sent.get() < flood) {
                        client.tell(share(sent.get()));
                        sent.incrementAndGet();
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            AtomicInteger last = new AtomicInteger(-1);
            await().pollInterval(Duration.ofMillis(200)).until(() -> last.getAndSet(sent.get()) == sent.get());
            assertThat(sent).as("nobody reads on while nobody hears").hasValueLessThan(flood);

            int told = 0;
            while (told < flood) {
                Session.Share heard = session.expectMessageClass(Session.Share.class);
                told += heard.frames().size();
                heard.replyTo().tell(new Session.ShareHeard());
            }
            assertThat(told).isEqualTo(flood);
            sender.join();
        }
    }

    private static Frame.Share share(int bytes) {
        return new Frame.Share(Frame.Share.What.EXPORTED, 0, bytes, "01" + "00".repeat(Abi.KEY_SIZE - 1));
    }

    @Test
    void helloNamesTheProcessAndItsDevices() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(HELLO);

            Session.Hello hello = found().expectMessageClass(Session.Hello.class);
            assertThat(hello.peer()).isEqualTo(new Peer(self(), uid));
            assertThat(hello.token()).isEqualTo("token");
            assertThat(hello.image()).isEqualTo(new ImageId(IMAGE));
            assertThat(hello.devices()).containsExactly(new DeviceId(GPU));
            hello.replyTo().tell(new Session.HelloReply.Refused(ErrorCode.UNAUTHENTICATED, "wrong token"));
            assertError(client, ErrorCode.UNAUTHENTICATED, "wrong token");
            assertThat(said()).containsExactly("login denied session s1 0 UNAUTHENTICATED: wrong token");
        }
    }

    @Test
    void helloToAnUnknownSessionIsRefused() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(HELLO);
            sessions.expectMessageClass(Sessions.Find.class)
                    .replyTo()
                    .tell(new Sessions.FindReply.Refused(ErrorCode.SESSION_UNKNOWN, "no session s1"));
            assertError(client, ErrorCode.SESSION_UNKNOWN, "no session s1");
            assertThat(said()).containsExactly("join denied 0 SESSION_UNKNOWN: no session s1");
        }
    }

    @Test
    void aSessionThatDoesNotAnswerAHelloDelaysTheGuestLessThanTwoSeconds() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            long before = System.nanoTime();
            client.send(HELLO);
            found();
            assertError(client, ErrorCode.INTERNAL, "nobody answered");
            assertThat(said())
                    .singleElement()
                    .asString()
                    .startsWith("join failed session s1 0 INTERNAL: nobody answered");
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(2));
            session.expectMessageClass(Session.Hello.class);
            // It may have counted the process in by now.
            session.expectMessage(new Session.Disconnected(self(), new ImageId(IMAGE)));
        }
    }

    @Test
    void aGuestThatLeavesBeforeItsWelcomeIsReportedAfterIt() throws IOException {
        listen();
        Session.Hello hello;
        try (Client client = new Client(socket)) {
            client.send(HELLO);
            hello = found().expectMessageClass(Session.Hello.class);
        }
        session.expectNoMessage();
        hello.replyTo().tell(welcomed(0));
        session.expectMessage(new Session.Disconnected(self(), new ImageId(IMAGE)));
    }

    @Test
    void aConnectionSaysHelloOnce() throws IOException {
        listen();
        try (Client client = member()) {
            client.send(HELLO);
            assertError(client, ErrorCode.BAD_REQUEST, "HELLO once");
        }
    }

    @Test
    void aChargeIsAnsweredWithItsOwnNumber() throws IOException {
        listen();
        try (Client client = member()) {
            int first = client.send(new Frame.Charge(4096, 0));
            int second = client.send(new Frame.Charge(1 << 20, 0));
            Session.Charge one = session.expectMessageClass(Session.Charge.class);
            Session.Charge two = session.expectMessageClass(Session.Charge.class);
            assertThat(one)
                    .isEqualTo(new Session.Charge(self(), new ImageId(IMAGE), 0, 4096, false, first, one.replyTo()));

            two.replyTo().tell(new Session.ChargeReply.Denied(second, 0, ErrorCode.QUOTA_EXCEEDED, 1 << 20, 7, 9));
            one.replyTo().tell(new Session.ChargeReply.Granted(first, 0, 4096));

            assertReply(client, second, new Frame.Denied(ErrorCode.QUOTA_EXCEEDED, 0, 1 << 20, 7, 9));
            assertReply(client, first, new Frame.Granted(4096, 0));
            assertThat(telemetry.timings(Timing.DECISION)).hasSize(2).allMatch(nanos -> nanos > 0);
            // Grants and denials are the session's to say.
            assertThat(said()).isEmpty();
        }
    }

    @Test
    void aChargeThatFailsSaysWhy() throws IOException {
        listen();
        try (Client client = member()) {
            int seq = client.send(new Frame.Charge(4096, 0));
            Session.Charge charge = session.expectMessageClass(Session.Charge.class);
            charge.replyTo().tell(new Session.ChargeReply.Failed(seq, ErrorCode.INTERNAL, "the disk is full"));
            assertError(client, ErrorCode.INTERNAL, "the disk is full");
        }
    }

    @Test
    void aSessionThatDoesNotAnswerIsADenialBeforeTheGuestGivesUp() throws IOException {
        listen();
        try (Client client = member()) {
            long before = System.nanoTime();
            int seq = client.send(new Frame.Charge(4096, 0));
            Session.Charge charge = session.expectMessageClass(Session.Charge.class);

            assertReply(client, seq, new Frame.Denied(ErrorCode.INTERNAL, 0, 4096, 0, 0));
            assertThat(said())
                    .containsExactly(
                            "deny failed session s1 device 4096 INTERNAL: the session did not answer within 1500 ms");
            assertThat(telemetry.timings(Timing.DECISION))
                    .singleElement()
                    .satisfies(
                            nanos -> assertThat(Duration.ofNanos(nanos)).isGreaterThanOrEqualTo(Membership.PATIENCE));
            assertThat(Duration.ofNanos(System.nanoTime() - before))
                    .isBetween(Membership.PATIENCE, Duration.ofSeconds(2));

            // What it says now answers nobody, and least of all the next request.
            charge.replyTo().tell(new Session.ChargeReply.Granted(seq, 0, 4096));
            int next = client.send(new Frame.Charge(8192, 0));
            Session.Charge second = session.expectMessageClass(Session.Charge.class);
            second.replyTo().tell(new Session.ChargeReply.Granted(next, 0, 8192));
            assertReply(client, next, new Frame.Granted(8192, 0));
        }
    }

    @Test
    void aSessionThatEndsIsADenialAtOnce() throws IOException {
        listen();
        try (Client client = member()) {
            int waiting = client.send(new Frame.Charge(4096, 0));
            session.expectMessageClass(Session.Charge.class);
            session.stop();
            assertReply(client, waiting, new Frame.Denied(ErrorCode.SESSION_CLOSED, 0, 4096, 0, 0));
            assertThat(said())
                    .containsExactly("deny denied session s1 device 4096 SESSION_CLOSED: the session has ended");
            client.awaitEnd();
        }
    }

    @Test
    void aGuestFindsItsSessionAgainWhenThatCameBack() throws IOException {
        listen();
        try (Client former = member()) {
            session.stop();
            former.awaitEnd();
        }
        session = test.kit().createTestProbe();
        try (Client client = member()) {
            client.send(new Frame.Charge(4096, 0));
            session.expectMessageClass(Session.Charge.class);
        }
    }

    @Test
    void onlyAMemberCharges() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Charge(4096, 0));
            assertError(client, ErrorCode.BAD_REQUEST, "CHARGE before HELLO");
            client.send(new Frame.Query());
            assertError(client, ErrorCode.BAD_REQUEST, "QUERY before HELLO");
        }
    }

    @Test
    void aDeviceThatHelloDidNotNameIsRefused() throws IOException {
        listen();
        try (Client client = member()) {
            client.send(new Frame.Charge(4096, 1));
            assertError(client, ErrorCode.BAD_REQUEST, "device 1 is none of the 1");
        }
    }

    @Test
    void moreRequestsThanAGuestCanHaveAreRefused() throws IOException {
        listen();
        try (Client client = member()) {
            for (int i = 0; i < 64; i++) {
                client.send(new Frame.Charge(4096, 0));
            }
            int tooMany = client.send(new Frame.Charge(4096, 0));
            assertReply(client, tooMany, new Frame.Denied(ErrorCode.OVERLOADED, 0, 4096, 0, 0));
            assertThat(said())
                    .containsExactly(
                            "deny denied session s1 device 4096 OVERLOADED: 64 requests of this connection wait"
                                    + " already: read their replies first");
        }
    }

    @Test
    void aNumberThatIsStillWaitingAnswersNobodyElse() throws IOException {
        listen();
        try (Client client = member()) {
            int seq = client.send(new Frame.Charge(4096, 0));
            client.send(FrameCodec.encode(new Frame.Query(), seq));
            assertError(
                    client,
                    ErrorCode.BAD_REQUEST,
                    "request " + seq + " is still waiting: every request needs a number of its own");
        }
    }

    @Test
    void aFreeInAStrictSessionIsSaidAndNotAnswered() throws IOException {
        listen();
        try (Client client = member(Abi.FLAG_STRICT)) {
            client.send(new Frame.Freed(4096, 0x7000, 0));
            int seq = client.send(new Frame.Query());
            Session.Query query = session.expectMessageClass(Session.Query.class);
            query.replyTo()
                    .tell(new Session.QueryReply.Status(
                            seq, SessionState.EXPIRED, 1, -1, List.of(new DeviceUse(new DeviceId(GPU), 9, 5, 7))));
            assertReply(
                    client,
                    seq,
                    new Frame.Status(
                            Frame.Status.State.EXPIRED,
                            1,
                            Frame.Status.NO_TTL,
                            List.of(new Frame.Status.Device(9, 5, 7))));
            assertThat(said()).containsExactly("free ok session s1 device 4096");
        }
    }

    @Test
    void aFreeInASessionThatIsNotStrictIsRefused() throws IOException {
        listen();
        try (Client client = member(Abi.FLAG_KEEP)) {
            client.send(new Frame.Freed(4096, 0x7000, 0));
            assertError(client, ErrorCode.BAD_REQUEST, "FREED is for strict sessions");
            session.expectNoMessage();
            assertThat(said()).isEmpty();
        }
    }

    @Test
    void theEndOfAMembersConnectionIsToldOnce() throws IOException {
        listen();
        leave(member());
        session.expectNoMessage();
    }
}

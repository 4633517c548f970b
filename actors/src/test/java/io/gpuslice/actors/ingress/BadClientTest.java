// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Session;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class BadClientTest extends IngressFixture {

    @Test
    void anotherMajorVersionIsRefusedWithBoth() throws IOException {
        listen();
        byte[] frame = FrameCodec.encode(new Frame.Query(), 5);
        frame[7] = 9;
        try (Client client = new Client(socket)) {
            client.send(frame);
            Decoded reply = client.receive();
            assertThat(reply.seq()).isEqualTo(5);
            assertThat(reply.frame()).isInstanceOfSatisfying(Frame.ErrorFrame.class, error -> {
                assertThat(error.code()).isEqualTo(ErrorCode.UNSUPPORTED_VERSION);
                assertThat(error.text()).contains("9.0").contains("1.0");
            });
            client.awaitEnd();
        }
    }

    @Test
    void anUnknownTypeIsRefused() throws IOException {
        listen();
        byte[] frame = FrameCodec.encode(new Frame.Query(), 5);
        frame[4] = 99;
        try (Client client = new Client(socket)) {
            client.send(frame);
            assertThat(client.receive().frame())
                    .isEqualTo(new Frame.ErrorFrame(ErrorCode.BAD_REQUEST, "frame type 99 is unknown"));
            client.awaitEnd();
        }
    }

    @Test
    void aFrameOfAnImpossibleLengthIsRefused() throws IOException {
        listen();
        byte[] frame = FrameCodec.encode(new Frame.Query(), 5);
        ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN).putInt(0, Abi.MAX_FRAME_SIZE + 1);
        try (Client client = new Client(socket)) {
            client.send(frame);
            assertThat(client.receive().frame()).isInstanceOf(Frame.ErrorFrame.class);
            client.awaitEnd();
        }
    }

    @Test
    void aPayloadThatMakesNoSenseIsAnsweredAndTheNextFrameHeard() throws IOException {
        listen();
        byte[] nothing = FrameCodec.encode(new Frame.Charge(1, 0), 101);
        nothing[16] = 0;
        try (Client client = new Client(socket)) {
            client.send(nothing);
            Decoded reply = client.receive();
            assertThat(reply.seq()).isEqualTo(101);
            assertThat(reply.frame()).isInstanceOf(Frame.ErrorFrame.class);
            client.send(new Frame.Call("{}"));
            client.reply(Frame.Reply.class);
        }
    }

    @Test
    void whatOnlyADaemonSaysIsRefused() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Granted(1, 0));
            assertError(client, ErrorCode.BAD_REQUEST, "GRANTED is sent by the daemon");
        }
    }

    @Test
    void aHelloThatNamesNoSessionIsRefusedAndTheConnectionGoesOn() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            client.send(new Frame.Hello("", "token", IMAGE, List.of(GPU)));
            assertError(client, ErrorCode.SESSION_UNKNOWN, "is GPUSLICE_SESSION set?");
            client.send(new Frame.Call("{}"));
            client.reply(Frame.Reply.class);
        }
    }

    @Test
    void aFrameMayComeByteByByte() throws IOException {
        listen();
        try (Client client = new Client(socket)) {
            for (byte one : FrameCodec.encode(new Frame.Call("{\"a\":1}"), 3)) {
                client.send(one);
            }
            assertThat(client.receive().frame()).isEqualTo(new Frame.Reply("{\"a\":1}"));
        }
    }

    @Test
    void manyFramesMayComeAtOnceAndTheLongestFits() throws IOException {
        patience = Duration.ofSeconds(30);
        listen();
        String longest = "x".repeat(Abi.MAX_FRAME_SIZE - Abi.Frame.SIZEOF);
        try (Client client = new Client(socket)) {
            Thread sender = Thread.ofVirtual().start(() -> {
                try {
                    for (int i = 0; i < 5; i++) {
                        client.send(new Frame.Call(i % 2 == 0 ? longest : "{}"));
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            for (int i = 0; i < 5; i++) {
                assertThat(client.receive().frame()).isEqualTo(new Frame.Reply(i % 2 == 0 ? longest : "{}"));
            }
            assertThat(sender.isAlive()).isFalse();
        }
    }

    @Test
    void aSilentClientAndAHalfFrameAreDroppedAndDelayNobody() throws IOException {
        listen();
        try (Client silent = new Client(socket);
                Client half = new Client(socket);
                Client other = new Client(socket)) {
            half.send(new byte[] {32, 0, 0});
            for (int i = 0; i < 100; i++) {
                long before = System.nanoTime();
                other.send(new Frame.Call("{}"));
                other.reply(Frame.Reply.class);
                assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(1));
            }
            assertThat(silent.receive().frame()).isInstanceOf(Frame.ErrorFrame.class);
            assertThat(half.receive().frame())
                    .isInstanceOfSatisfying(
                            Frame.ErrorFrame.class,
                            error -> assertThat(error.text())
                                    .contains("no complete frame within 300 ms (3 bytes came)"));
            silent.awaitEnd();
            half.awaitEnd();
        }
    }

    @Test
    void aMemberMaySayNothingForAsLongAsItLikes() throws IOException {
        listen();
        try (Client client = member();
                Client stranger = new Client(socket)) {
            // The stranger's patience began after the member's last word.
            stranger.awaitEnd();
            int seq = client.send(new Frame.Charge(1, 0));
            Session.Charge charge = session.expectMessageClass(Session.Charge.class);
            charge.replyTo().tell(new Session.ChargeReply.Granted(seq, 0, 1));
            assertReply(client, seq, new Frame.Granted(1, 0));
        }
    }

    @Test
    void aClientThatDoesNotReadIsDroppedAndDelaysNobody() throws IOException {
        calls = (_, _) -> CompletableFuture.completedFuture("x".repeat(1_000_000));
        listen();
        try (Client deaf = new Client(socket);
                Client other = new Client(socket)) {
            for (int i = 0; i < 8; i++) {
                deaf.send(new Frame.Call("{}"));
            }
            long before = System.nanoTime();
            other.send(new Frame.Call("{}"));
            other.reply(Frame.Reply.class);
            assertThat(Duration.ofNanos(System.nanoTime() - before)).isLessThan(Duration.ofSeconds(1));
            await().until(() -> connectionsHere() == 1);
        }
    }

    @Test
    void garbageEndsItsOwnConnectionAlone() throws IOException {
        listen();
        Random random = new Random(20_261);
        try (Client bystander = new Client(socket)) {
            for (int round = 0; round < 2000; round++) {
                try (Client client = new Client(socket)) {
                    client.send(garbage(random));
                } catch (IOException dropped) {
                    assertThat(dropped).message().containsAnyOf("Broken pipe", "reset");
                }
                if (round % 100 == 0) {
                    bystander.send(new Frame.Call("{}"));
                    bystander.reply(Frame.Reply.class);
                }
            }
            bystander.send(new Frame.Call("{}"));
            bystander.reply(Frame.Reply.class);
        }
    }

    /** Noise, or a frame with some bytes changed or its end missing. */
    private static byte[] garbage(Random random) {
        if (random.nextInt(3) == 0) {
            byte[] noise = new byte[random.nextInt(4096)];
            random.nextBytes(noise);
            return noise;
        }
        Frame[] frames = {
            HELLO,
            new Frame.Open("t", "8GB", "n", 1, 0),
            new Frame.Charge(1, 0),
            new Frame.Call("{}"),
            new Frame.Query()
        };
        byte[] frame = FrameCodec.encode(frames[random.nextInt(frames.length)], random.nextInt());
        for (int changes = random.nextInt(4); changes > 0; changes--) {
            frame[random.nextInt(frame.length)] = (byte) random.nextInt(256);
        }
        return random.nextBoolean() ? frame : Arrays.copyOf(frame, random.nextInt(frame.length));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.linux.Procfs;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** One that speaks the wire itself, and so can say what no client of ours would. It is this process, whoever it plays. */
final class WirePeer implements AutoCloseable {

    /** How often it comes back when a loaded machine made it wait too long, as the library does. */
    private static final int PATIENT = 20;

    private final SocketChannel channel;
    private int seq;

    private WirePeer(SocketChannel channel) {
        this.channel = channel;
    }

    /** Connected, and silent. */
    static WirePeer of(Rig rig) throws IOException {
        return new WirePeer(SocketChannel.open(UnixDomainSocketAddress.of(rig.socket())));
    }

    /** A guest on device 0. One process is one member of a session: a second of these takes the place of the first. */
    static WirePeer member(Rig rig, Rig.Opened session) throws IOException {
        WirePeer peer = of(rig);
        Frame answer = peer.ask(hello(rig, session));
        for (int again = 0; again < PATIENT && answer instanceof Frame.ErrorFrame error; again++) {
            assertThat(error.code()).as(error.text()).isEqualTo(ErrorCode.INTERNAL);
            peer.close();
            peer = of(rig);
            answer = peer.ask(hello(rig, session));
        }
        assertThat(answer).isInstanceOf(Frame.Welcome.class);
        // The byte that its ledger page comes with. The page itself Java cannot receive.
        peer.read(1);
        mapOwnPages(rig);
        return peer;
    }

    /** Who has not its page is taken for another program: from the daemon's descriptors, then. They stay mapped. */
    private static void mapOwnPages(Rig rig) throws IOException {
        int daemon = rig.web().get("/info").with(200).json().path("pid").asInt();
        for (Map.Entry<Integer, String> descriptor : Procfs.descriptors(daemon).entrySet()) {
            if (descriptor.getValue().contains("memfd:gpuslice")) {
                Path page = Path.of(
                        "/proc",
                        Integer.toString(daemon),
                        "fd",
                        descriptor.getKey().toString());
                try (FileChannel file = FileChannel.open(page)) {
                    MemorySegment mapped = file.map(MapMode.READ_ONLY, 0, Abi.PAGE_SIZE, Arena.global());
                    assertThat(mapped.byteSize()).isEqualTo(Abi.PAGE_SIZE);
                }
            }
        }
    }

    static Frame.Hello hello(Rig rig, Rig.Opened session) {
        String device = rig.web()
                .get("/devices")
                .with(200)
                .json()
                .path("devices")
                .path(0)
                .path("uuid")
                .asText();
        byte[] image = new byte[16];
        ThreadLocalRandom.current().nextBytes(image);
        return new Frame.Hello(
                session.id(),
                session.token(),
                HexFormat.of().formatHex(image),
                List.of(UUID.fromString(device.substring("GPU-".length()))));
    }

    /** The answer to one frame. */
    Frame ask(Frame frame) throws IOException {
        send(FrameCodec.encode(frame, ++seq));
        Decoded answer = receive();
        assertThat(answer.seq()).isEqualTo(seq);
        return answer.frame();
    }

    void send(byte[] bytes) throws IOException {
        ByteBuffer out = ByteBuffer.wrap(bytes);
        while (out.hasRemaining()) {
            channel.write(out);
        }
    }

    Decoded receive() throws IOException {
        ByteBuffer header = read(Abi.Frame.SIZEOF);
        int length = FrameCodec.length(header);
        return FrameCodec.decode(ByteBuffer.allocate(length)
                .put(header)
                .put(read(length - Abi.Frame.SIZEOF))
                .flip());
    }

    private ByteBuffer read(int length) throws IOException {
        ByteBuffer in = ByteBuffer.allocate(length);
        while (in.hasRemaining()) {
            if (channel.read(in) < 0) {
                throw new EOFException("the daemon closed the connection");
            }
        }
        return in.flip();
    }

    /** For who neither wants to wait until all is written, nor for an answer. */
    SocketChannel unblocked() throws IOException {
        channel.configureBlocking(false);
        return channel;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}

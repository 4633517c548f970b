// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.EOFException;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/** A client as plain as can be: it blocks, and says exactly what it is told to. */
final class Client implements AutoCloseable {

    private final SocketChannel channel;
    private int seq = 100;

    Client(Path socket) throws IOException {
        channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
    }

    int send(Frame frame) throws IOException {
        send(FrameCodec.encode(frame, ++seq));
        return seq;
    }

    /** Without a number: nobody answers it. */
    void tell(Frame frame) throws IOException {
        send(FrameCodec.encode(frame, 0));
    }

    void send(byte... bytes) throws IOException {
        ByteBuffer out = ByteBuffer.wrap(bytes);
        while (out.hasRemaining()) {
            channel.write(out);
        }
    }

    Decoded receive() throws IOException {
        ByteBuffer header = receive(Abi.Frame.SIZEOF);
        int length = FrameCodec.length(header);
        ByteBuffer frame = ByteBuffer.allocate(length);
        frame.put(header).put(receive(length - Abi.Frame.SIZEOF)).flip();
        return FrameCodec.decode(frame);
    }

    /** The next frame, which must be of that type and answer the last request. */
    <F extends Frame> F reply(Class<F> type) throws IOException {
        Decoded decoded = receive();
        assertThat(decoded.frame()).isInstanceOf(type);
        assertThat(decoded.seq()).isEqualTo(seq);
        return type.cast(decoded.frame());
    }

    /** Skips the byte that carries a descriptor, which is thus dropped; its value is nobody's business. */
    void skipDescriptor() throws IOException {
        receive(1);
    }

    private ByteBuffer receive(int length) throws IOException {
        ByteBuffer in = ByteBuffer.allocate(length);
        while (in.hasRemaining()) {
            if (channel.read(in) < 0) {
                throw new EOFException("the daemon closed the connection");
            }
        }
        return in.flip();
    }

    /** Waits until the daemon closes the connection, and drops what it says before. */
    void awaitEnd() throws IOException {
        try {
            while (channel.read(ByteBuffer.allocate(4096)) >= 0) {
                // Not the end yet.
            }
        } catch (IOException reset) {
            // Closed with something unread on its side: also an end.
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}

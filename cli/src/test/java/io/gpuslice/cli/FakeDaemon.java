// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiFunction;

/** A daemon that says what it was told to say, on a real socket. */
final class FakeDaemon implements AutoCloseable {
    static final String ID = "0123456789abcdef";
    static final String TOKEN = "a".repeat(64);

    /** What came, in order of arrival. */
    final List<Frame> asked = new CopyOnWriteArrayList<>();

    /** Answers to CALL, by {@code METHOD path}: status and body. */
    final Map<String, String> bodies = new ConcurrentHashMap<>();

    /** What whoever watches is told, in JSON. */
    final List<String> events = new CopyOnWriteArrayList<>();

    /** The frames to answer with, to a request of that seq; an empty array: silence. */
    volatile BiFunction<Frame, Integer, byte[]> answers = this::encoded;

    final Path socket;
    private final ServerSocketChannel server;

    FakeDaemon(Path socket) throws IOException {
        this.socket = socket;
        Files.deleteIfExists(socket);
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
        Thread.ofVirtual().start(this::accept);
    }

    /** As a process of its own: listens at GPUSLICE_IPC_SOCK until it is killed, and says READY as the real one does. */
    public static void main(String... arguments) throws IOException, InterruptedException {
        FakeDaemon daemon = new FakeDaemon(Path.of(System.getenv("GPUSLICE_IPC_SOCK")));
        System.out.println("READY");
        System.out.close();
        Thread.sleep(60_000);
        daemon.close();
    }

    void refuse(ErrorCode code, String text) {
        answers = (_, seq) -> FrameCodec.encode(Frame.ErrorFrame.of(code, text), seq);
    }

    <T extends Frame> List<T> asked(Class<T> type) {
        return asked.stream().filter(type::isInstance).map(type::cast).toList();
    }

    @Override
    public void close() throws IOException {
        server.close();
        Files.deleteIfExists(socket);
    }

    private byte[] encoded(Frame frame, int seq) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes(FrameCodec.encode(answer(frame), seq));
        if (frame instanceof Frame.Watch) {
            events.forEach(event -> bytes.writeBytes(FrameCodec.encode(new Frame.Event(event), seq)));
        }
        return bytes.toByteArray();
    }

    private Frame answer(Frame frame) {
        return switch (frame) {
            case Frame.Open _ -> new Frame.Opened(ID, TOKEN, "");
            case Frame.Join join ->
                join.session().equals("nobody")
                        ? Frame.ErrorFrame.of(ErrorCode.SESSION_UNKNOWN, "no session is called nobody")
                        : new Frame.Joined(ID, TOKEN, "");
            case Frame.Call(var json) -> new Frame.Reply(reply(json));
            case Frame.Watch _ -> new Frame.Reply("{\"status\":200,\"body\":{\"last\":0}}");
            default -> Frame.ErrorFrame.of(ErrorCode.BAD_REQUEST, "unexpected " + frame.type());
        };
    }

    private String reply(String json) {
        try {
            Json request = Json.parse(json);
            String key = request.text("method", "") + " " + request.text("path", "");
            return bodies.getOrDefault(
                    key,
                    "{\"status\":404,\"body\":{\"title\":\"Not Found\",\"status\":404,\"detail\":\"there is no " + key
                            + "\",\"error_code\":\"SESSION_UNKNOWN\"}}");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private void accept() {
        while (server.isOpen()) {
            try {
                SocketChannel client = server.accept();
                Thread.ofVirtual().start(() -> serve(client));
            } catch (IOException e) {
                // Closed.
                return;
            }
        }
    }

    private void serve(SocketChannel client) {
        try (client) {
            while (true) {
                ByteBuffer header = read(client, ByteBuffer.allocate(Abi.Frame.SIZEOF));
                ByteBuffer whole =
                        ByteBuffer.allocate(FrameCodec.length(header)).put(header);
                Decoded request = FrameCodec.decode(read(client, whole));
                asked.add(request.frame());
                client.write(ByteBuffer.wrap(answers.apply(request.frame(), request.seq())));
            }
        } catch (IOException | IllegalStateException e) {
            // The client has gone, or a test has this daemon end.
        }
    }

    private static ByteBuffer read(SocketChannel client, ByteBuffer into) throws IOException {
        while (into.hasRemaining()) {
            if (client.read(into) < 0) {
                throw new IOException("closed");
            }
        }
        return into.flip();
    }
}

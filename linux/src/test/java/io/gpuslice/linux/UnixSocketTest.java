// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class UnixSocketTest {
    private static final Duration LONG = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofMillis(50);

    @TempDir
    Path directory = Path.of("");

    @Test
    void bytesGoBothWays() throws Exception {
        Path path = directory.resolve("s");
        try (Listener listener = Listener.at(path);
                UnixSocket socket = UnixSocket.connect(path, LONG);
                SocketChannel other = listener.channel().accept()) {
            socket.write(ByteBuffer.wrap("ping".getBytes(StandardCharsets.UTF_8)));
            ByteBuffer received = ByteBuffer.allocate(4);
            while (received.hasRemaining()) {
                other.read(received);
            }
            assertThat(new String(received.array(), StandardCharsets.UTF_8)).isEqualTo("ping");

            other.write(ByteBuffer.wrap("po".getBytes(StandardCharsets.UTF_8)));
            other.write(ByteBuffer.wrap("ng".getBytes(StandardCharsets.UTF_8)));
            ByteBuffer answer = ByteBuffer.allocate(4);
            socket.read(answer);
            assertThat(new String(answer.array(), StandardCharsets.UTF_8)).isEqualTo("pong");

            assertThat(socket.peer())
                    .extracting(PeerCredentials::pid, PeerCredentials::uid)
                    .containsExactly((int) ProcessHandle.current().pid(), PrivateDirectory.uid());
        }
    }

    @Test
    void noWaitIsLongerThanTheTimeout() throws Exception {
        Path path = directory.resolve("s");
        try (Listener listener = Listener.at(path);
                UnixSocket socket = UnixSocket.connect(path, SHORT);
                SocketChannel other = listener.channel().accept()) {
            assertThat(other.isOpen()).isTrue();
            assertThatExceptionOfType(SocketTimeoutException.class)
                    .isThrownBy(() -> socket.read(ByteBuffer.allocate(1)))
                    .withMessage("recv " + path + ": nothing happened within 50 ms");
            assertThatExceptionOfType(SocketTimeoutException.class)
                    .isThrownBy(() -> socket.write(ByteBuffer.allocate(16 << 20)))
                    .withMessage("send " + path + ": nothing happened within 50 ms");
        }
    }

    @Test
    void aPeerThatHasGoneIsAnException() throws Exception {
        Path path = directory.resolve("s");
        try (Listener listener = Listener.at(path);
                UnixSocket socket = UnixSocket.connect(path, LONG)) {
            listener.channel().accept().close();

            assertThatExceptionOfType(EOFException.class).isThrownBy(() -> socket.read(ByteBuffer.allocate(1)));
            assertThatExceptionOfType(LinuxException.class)
                    .isThrownBy(() -> socket.write(ByteBuffer.allocate(1)))
                    .withMessage("send " + path + ": Broken pipe");
        }
    }

    @Test
    void whereNobodyListensTheErrorSaysWhy() throws Exception {
        Path path = directory.resolve("s");
        assertThat(errno(path)).isEqualTo(Errno.ENOENT);
        Listener.at(path).close();
        assertThat(errno(path)).isEqualTo(Errno.ECONNREFUSED);
    }

    @Test
    void aPathThatTheKernelCannotTakeIsRefusedWithTheNumbers() {
        Path path = Path.of("/" + "x".repeat(UnixSocket.LONGEST_PATH));

        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> UnixSocket.connect(path, LONG))
                .withMessage("the socket's path has 108 bytes, the kernel takes 107: " + path
                        + "; choose a shorter directory");
    }

    private static int errno(Path path) {
        return catchThrowableOfType(LinuxException.class, () -> UnixSocket.connect(path, LONG))
                .errno();
    }
}

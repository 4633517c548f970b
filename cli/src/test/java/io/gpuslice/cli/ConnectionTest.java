// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConnectionTest {
    private static final Path LOG = Path.of("/state/gpusliced.log");
    private static final Frame QUESTION = new Frame.Join("", "train");
    private static final Frame ANSWER = new Frame.Joined(FakeDaemon.ID, FakeDaemon.TOKEN, "");

    @TempDir
    Path here;

    private FakeDaemon daemon;

    @BeforeEach
    void start() throws IOException {
        daemon = new FakeDaemon(here.resolve("d.sock"));
    }

    @AfterEach
    void stop() throws IOException {
        daemon.close();
    }

    private Connection connect(Duration patience) throws Exception {
        return Connection.open(daemon.socket, PrivateDirectory.uid(), patience, Optional.of(LOG));
    }

    @Test
    void eachQuestionHasItsAnswer() throws Exception {
        try (Connection connection = connect(Duration.ofSeconds(10))) {
            assertThat(connection.ask(QUESTION)).isEqualTo(ANSWER);
            assertThat(connection.ask(QUESTION)).isEqualTo(ANSWER);
        }
    }

    @Test
    void theAnswerToAnotherQuestionIsPassedOver() throws Exception {
        byte[] late = FrameCodec.encode(new Frame.Joined("somebody-elses", FakeDaemon.TOKEN, ""), 77);
        daemon.answers = (_, seq) -> joined(late, FrameCodec.encode(ANSWER, seq));
        try (Connection connection = connect(Duration.ofSeconds(10))) {
            assertThat(connection.ask(QUESTION)).isEqualTo(ANSWER);
        }
    }

    @Test
    void aRefusalIsSaidWithItsCode() throws Exception {
        daemon.refuse(ErrorCode.OVERLOADED, "4096 sessions are open, and that is the most");
        try (Connection connection = connect(Duration.ofSeconds(10))) {
            assertThatThrownBy(() -> connection.ask(QUESTION))
                    .hasMessage("the daemon refused: 4096 sessions are open, and that is the most (OVERLOADED)");
        }
    }

    @Test
    void aSilentDaemonIsWaitedForNoLongerThanAllowed() throws Exception {
        daemon.answers = (_, _) -> new byte[0];
        try (Connection connection = connect(Duration.ofMillis(200))) {
            assertThatThrownBy(() -> connection.ask(QUESTION))
                    .isInstanceOf(Failure.class)
                    .hasMessage("the daemon at " + daemon.socket + " (pid "
                            + ProcessHandle.current().pid() + ") did not answer JOIN within 0.2 s")
                    .extracting(failure -> ((Failure) failure).forPeople())
                    .asString()
                    .contains("its log, " + LOG);
        }
    }

    @Test
    void aDaemonThatTurnsTheCallerAwayIsHeardThoughItHasClosed() throws Exception {
        Path socket = here.resolve("closed.sock");
        try (ServerSocketChannel door =
                        ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
                Connection connection =
                        Connection.open(socket, PrivateDirectory.uid(), Duration.ofSeconds(10), Optional.empty())) {
            byte[] refusal = FrameCodec.encode(
                    Frame.ErrorFrame.of(ErrorCode.OVERLOADED, "4096 connections are open, and no more are allowed"), 0);
            try (SocketChannel accepted = door.accept()) {
                accepted.write(ByteBuffer.wrap(refusal));
            }
            assertThatThrownBy(() -> connection.ask(QUESTION))
                    .hasMessageContaining("4096 connections are open")
                    .hasMessageContaining("OVERLOADED");
        }
    }

    @Test
    void aDaemonThatClosesWithoutAWordIsSaidToHaveDoneSo() throws Exception {
        Path socket = here.resolve("closed.sock");
        try (ServerSocketChannel door =
                        ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
                Connection connection =
                        Connection.open(socket, PrivateDirectory.uid(), Duration.ofSeconds(10), Optional.empty())) {
            door.accept().close();
            assertThatThrownBy(() -> connection.ask(QUESTION))
                    .hasMessageContaining("closed the connection without an answer");
        }
    }

    @Test
    void nonsenseIsNoAnswer() throws Exception {
        daemon.answers = (_, _) -> "HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
        try (Connection connection = connect(Duration.ofSeconds(10))) {
            assertThatThrownBy(() -> connection.ask(QUESTION)).hasMessageContaining("makes no sense");
        }
    }

    @Test
    void aDaemonOfAnotherUserIsToldNothing() throws Exception {
        // Root's daemon is everybody's: where the tests run as root, somebody else has to listen.
        int us = PrivateDirectory.uid();
        if (us != 0) {
            assertThatThrownBy(() -> Connection.open(daemon.socket, us + 1, Duration.ofSeconds(10), Optional.empty()))
                    .isInstanceOf(Failure.class)
                    .hasMessageContaining("is uid " + us + ", neither you (uid " + (us + 1) + ") nor root");
            return;
        }
        Path socket = here.resolve("nobody.sock");
        Files.setPosixFilePermissions(here, PosixFilePermissions.fromString("rwxrwxrwx"));
        Process nobody = new ProcessBuilder(
                        "setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", """
                        import socket, sys
                        listener = socket.socket(socket.AF_UNIX)
                        listener.bind(sys.argv[1])
                        listener.listen()
                        print("listening", flush=True)
                        print(len(listener.accept()[0].recv(1)))
                        """, socket.toString())
                .start();
        try (BufferedReader says = nobody.inputReader()) {
            assertThat(says.readLine()).isEqualTo("listening");
            assertThatThrownBy(() -> Connection.open(socket, us, Duration.ofSeconds(10), Optional.empty()))
                    .isInstanceOf(Failure.class)
                    .hasMessageContaining("is uid 65534, neither you (uid 0) nor root");
            assertThat(says.readLine()).as("bytes it was told").isEqualTo("0");
        } finally {
            nobody.destroyForcibly();
        }
    }

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }
}

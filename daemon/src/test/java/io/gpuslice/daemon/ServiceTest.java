// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.config.Settings;
import io.gpuslice.linux.ServiceManager;
import io.gpuslice.persistence.StateDirectory;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ServiceTest {

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @Test
    void aWatchdogHearsNothingAsLongAsSomethingDoesNotAnswer() throws Exception {
        try (NotifySocket manager = NotifySocket.in(directory)) {
            Service service =
                    new Service(Optional.of(new ServiceManager(manager.address(), Optional.of(Duration.ofMillis(20)))));
            AtomicInteger asked = new AtomicInteger();
            CompletableFuture<Void> thrice = new CompletableFuture<>();
            try (AutoCloseable _ = service.watch(() -> {
                if (asked.incrementAndGet() == 3) {
                    thrice.complete(null);
                }
                return asked.get() > 3 ? Optional.empty() : Optional.of("it hangs");
            })) {
                thrice.join();
                service.ready("three questions were asked by now");

                assertThat(manager.next()).isEqualTo("READY=1|STATUS=three questions were asked by now");
                assertThat(manager.next()).isEqualTo("WATCHDOG=1");
            }
        }
    }

    @Test
    void withoutAServiceManagerNobodyIsAskedForASignOfLife() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        try (AutoCloseable _ = new Service(Optional.empty()).watch(() -> {
            asked.incrementAndGet();
            return Optional.empty();
        })) {
            assertThat(asked).hasValue(0);
        }
    }

    @Test
    void aDoorThatRefusesIsALivingOne() throws Exception {
        Path socket = directory.resolve("socket");
        try (ServerSocketChannel door = listen(socket)) {
            Thread.ofVirtual().start(() -> refuse(door));

            assertThat(sign(socket, CompletableFuture.completedFuture("pong")).missing())
                    .isEmpty();
        }
    }

    @Test
    void aDoorThatIsSilentOrGoneIsNone() throws Exception {
        Path socket = directory.resolve("socket");
        CompletableFuture<String> pong = CompletableFuture.completedFuture("pong");
        assertThat(sign(socket, pong).missing()).get().asString().contains("its socket does not answer: ");
        try (ServerSocketChannel _ = listen(socket)) {
            assertThat(sign(socket, pong).missing()).get().asString().contains("its socket does not answer: ");
        }
    }

    @Test
    void actorsThatDoNotAnswerAreMissed() throws Exception {
        Path socket = directory.resolve("socket");
        try (ServerSocketChannel door = listen(socket)) {
            Thread.ofVirtual().start(() -> refuse(door));

            assertThat(sign(socket, new CompletableFuture<>()).missing())
                    .contains("its actors do not answer within 2 s");
        }
    }

    private SignOfLife sign(Path socket, CompletableFuture<?> actors) throws IOException {
        try (StateDirectory state =
                StateDirectory.open(directory.resolve("state"), Settings.JournalEngine.JAVA, "boot")) {
            return new SignOfLife(new SelfTest(socket, state.health()), () -> actors);
        }
    }

    private static ServerSocketChannel listen(Path socket) throws IOException {
        return ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
    }

    private static void refuse(ServerSocketChannel door) {
        try (SocketChannel client = door.accept()) {
            client.write(ByteBuffer.wrap(
                    FrameCodec.encode(new Frame.ErrorFrame(ErrorCode.OVERLOADED, "too many connections"), 1)));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}

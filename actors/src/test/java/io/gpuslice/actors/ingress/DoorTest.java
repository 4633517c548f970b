// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.Session;
import io.gpuslice.domain.ImageId;
import io.gpuslice.linux.Procfs;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

class DoorTest extends IngressFixture {

    @Test
    void aThousandConnectionsLeaveNoDescriptorBehind() throws IOException {
        listen();
        leave(member());
        int before = Procfs.fds(SELF).size();
        for (int i = 0; i < 1000; i++) {
            if (i % 10 == 0) {
                leave(member());
            } else {
                exchange();
            }
        }
        await().until(() -> Procfs.fds(SELF).size() <= before);
    }

    @Test
    void whoeverComesWhenTheDoorIsFullIsToldSoAndTheNextFitsAgain() throws IOException {
        listen(settings(Optional.empty(), 3, 2));
        try (Client first = new Client(socket);
                Client second = new Client(socket)) {
            first.send(new Frame.Call("{}"));
            first.reply(Frame.Reply.class);
            second.send(new Frame.Call("{}"));
            second.reply(Frame.Reply.class);
            try (Client third = new Client(socket)) {
                assertThat(third.receive().frame())
                        .isInstanceOfSatisfying(
                                Frame.ErrorFrame.class,
                                error -> assertThat(error.code()).isEqualTo(ErrorCode.OVERLOADED));
                third.awaitEnd();
                assertThat(said())
                        .singleElement()
                        .asString()
                        .startsWith("login denied 0 OVERLOADED: 2 connections of uid " + uid + " are open");
            }
        }
        await().untilAsserted(this::exchange);
    }

    @Test
    void acceptingGoesOnAfterDescriptorsRanOut() throws Exception {
        listen();
        List<AutoCloseable> taken = new ArrayList<>();
        // Whatever the JDK loads for a client's life wants descriptors too.
        exchange();
        try (DescriptorLimit _ = new DescriptorLimit(Procfs.fds(SELF).size() + 20);
                Client early = new Client(socket)) {
            early.send(new Frame.Call("{}"));
            early.reply(Frame.Reply.class);
            try {
                while (true) {
                    taken.add(new Client(socket));
                }
            } catch (IOException noneLeft) {
                assertThat(noneLeft).hasMessageContaining("Too many open files");
            }
            // Let the listener find out as well: one has connected whom it cannot accept.
            early.send(new Frame.Call("{}"));
            early.reply(Frame.Reply.class);
            for (AutoCloseable client : taken) {
                client.close();
            }
            await().ignoreExceptions().untilAsserted(this::exchange);
        }
    }

    @Test
    @EnabledIf("isRoot")
    void anotherUidIsRefused() throws Exception {
        listen();
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw-rw-"));
        Process stranger = new ProcessBuilder("python3", "-c", """
                        import os, socket, sys
                        s = socket.socket(socket.AF_UNIX)
                        os.chdir(os.path.dirname(sys.argv[1]))
                        os.setuid(65534)
                        s.connect("s")
                        print(s.recv(300)[24:].rstrip(b"\\0").decode())
                        """, socket.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader lines = stranger.inputReader(StandardCharsets.UTF_8)) {
            assertThat(lines.readLine()).contains("serves uid " + uid + ", not uid 65534");
        }
    }

    static boolean isRoot() throws IOException {
        return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
    }

    @Test
    void aSocketThatCannotBeIsReportedWithTheReason() throws IOException {
        Files.writeString(socket, "in the way");
        test.spawn(ingress(settings(Optional.empty(), 10, 10)));
        assertThat(listening
                        .expectMessageClass(Ingress.Listening.BindFailed.class)
                        .reason())
                .contains("is no socket");
    }

    @Test
    void aSocketThatIsTakenAwayBeforeItIsOursAloneIsReported() throws IOException {
        removeWhenBound();
        test.spawn(ingress(settings(Optional.empty(), 10, 10)));
        assertThat(listening
                        .expectMessageClass(Ingress.Listening.BindFailed.class)
                        .reason())
                .contains("cannot listen at " + socket);
        // Nothing is left that would be in the way of the next.
        listen();
    }

    /** All of the door runs on the loop, in turn: this comes between its binding and its hearing of that. */
    private void removeWhenBound() {
        test.loop().io().execute(() -> {
            try {
                if (!Files.deleteIfExists(socket)) {
                    removeWhenBound();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    @Test
    void stoppingClosesTheDoorAndEveryConnection() throws IOException {
        ActorRef<Ingress.Command> ingress = listen();
        try (Client client = member()) {
            test.kit().stop(ingress);
            client.awaitEnd();
            session.expectMessage(new Session.Disconnected(self(), new ImageId(IMAGE)));
            assertThat(socket).doesNotExist();
        }
    }

    private void exchange() throws IOException {
        try (Client client = new Client(socket)) {
            client.send(new Frame.Call("{}"));
            client.reply(Frame.Reply.class);
        }
    }
}

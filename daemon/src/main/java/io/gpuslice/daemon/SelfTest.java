// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.http.Readiness;
import io.gpuslice.linux.Errno;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.UnixSocket;
import io.gpuslice.persistence.JournalHealth;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** Knocks at the daemon's own door, as a program does, and asks whether the journals write. */
final class SelfTest implements Readiness {
    private static final Duration PATIENCE = Duration.ofSeconds(2);
    private static final String QUESTION = "{\"method\":\"GET\",\"path\":\"/info\"}";

    private final Path socket;
    private final JournalHealth journals;
    private CompletableFuture<List<String>> latest = CompletableFuture.completedFuture(List.of());

    SelfTest(Path socket, JournalHealth journals) {
        this.socket = socket;
        this.journals = journals;
    }

    /** One test at a time, however many ask: anybody may ask as often as they like. */
    @Override
    public synchronized CompletionStage<List<String>> problems() {
        if (latest.isDone()) {
            latest = CompletableFuture.supplyAsync(this::test, SelfTest::onItsOwnThread);
        }
        return latest;
    }

    private List<String> test() {
        List<String> problems = new ArrayList<>();
        door().ifPresent(problems::add);
        journals.problem().ifPresent(problems::add);
        return problems;
    }

    private Optional<String> door() {
        try {
            return switch (answer()) {
                case Frame.Reply _ -> Optional.empty();
                case Frame.ErrorFrame(var code, var text) -> Optional.of(socket + " answers " + code + ": " + text);
                case Frame other -> Optional.of(socket + " answers with " + other.type());
            };
        } catch (IOException e) {
            return Optional.of(socket + " does not answer: " + e.getMessage());
        }
    }

    /**
     * Whatever is said at the door, a refusal included.
     *
     * @throws IOException if nothing is
     */
    Frame answer() throws IOException {
        try (UnixSocket door = UnixSocket.connect(socket, PATIENCE)) {
            ask(door);
            return read(door);
        }
    }

    private static void ask(UnixSocket door) throws IOException {
        try {
            door.write(ByteBuffer.wrap(FrameCodec.encode(new Frame.Call(QUESTION), 1)));
        } catch (LinuxException e) {
            // Whoever is turned away is told why before the door is closed.
            if (e.errno() != Errno.EPIPE) {
                throw e;
            }
        }
    }

    private static Frame read(UnixSocket door) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(Abi.Frame.SIZEOF);
        door.read(header);
        ByteBuffer frame = ByteBuffer.allocate(FrameCodec.length(header.flip())).put(header);
        door.read(frame);
        return FrameCodec.decode(frame.flip()).frame();
    }

    // Not a virtual one: a call of the C library holds its carrier as long as it waits.
    private static void onItsOwnThread(Runnable test) {
        Thread.ofPlatform().daemon().name("gpuslice-self-test").start(test);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a daemon says whom the machine gives no more, and that it goes on. */
@Timeout(180)
class ExhaustedTest {
    /** More than a quarter of its memory in megabytes, which is what halves of frames may have. */
    private static final int TOO_MANY = 32;

    private static final int FEW_DESCRIPTORS = 10;

    @AutoClose
    private static final Rig rig = Rig.idle()
            .with("GPUSLICE_JAVA_OPTS", Rig.JAVA_OPTIONS + " -Xmx64m")
            // However long this machine takes to send them.
            .with("GPUSLICE_IPC_HANDSHAKE_TIMEOUT", "2m");

    private static final Guest daemon = rig.daemon();

    @Test
    void halvesOfFramesHaveAPartOfItsMemoryAndNoMore() throws Exception {
        byte[] whole = FrameCodec.encode(new Frame.Call("x".repeat(Abi.MAX_FRAME_SIZE - 64)), 1);
        byte[] allButTheEnd = Arrays.copyOf(whole, whole.length - 1);
        CompletableFuture<Decoded> refusal = new CompletableFuture<>();
        List<WirePeer> peers = new ArrayList<>();
        try {
            while (!refusal.isDone() && peers.size() < TOO_MANY) {
                WirePeer peer = WirePeer.of(rig);
                peers.add(peer);
                Thread.ofVirtual().start(() -> hear(peer, refusal));
                try {
                    peer.send(allButTheEnd);
                } catch (IOException hungUp) {
                    break;
                }
            }
            Frame answer =
                    refusal.get(Guest.PATIENCE.toSeconds(), TimeUnit.SECONDS).frame();
            assertThat(answer).isInstanceOfSatisfying(Frame.ErrorFrame.class, error -> {
                assertThat(error.code()).isEqualTo(ErrorCode.OVERLOADED);
                assertThat(error.text()).startsWith("the unfinished frames of all clients have ");
            });
        } finally {
            for (WirePeer peer : peers) {
                peer.close();
            }
        }
        rig.run("ps").ok();
    }

    private static void hear(WirePeer peer, CompletableFuture<Decoded> refusal) {
        try {
            refusal.complete(peer.receive());
        } catch (IOException closed) {
            // At the end of the test, like all that are not refused.
        }
    }

    @Test
    void withoutAFreeDescriptorWhatAProgramHoldsCannotBeRead() throws Exception {
        Rig.Opened session = rig.open("64MB");
        Guest holder = rig.in(session, "holder", "--count", 8);
        holder.await("ready held=8");
        Frame question = new Frame.Call("{\"method\":\"GET\",\"path\":\"/sessions/" + session.id() + "/allocations\"}");
        try (WirePeer asking = WirePeer.of(rig)) {
            assertThat(asking.ask(question).toString()).contains("\"status\":200", "\"allocations\":[{");

            // What is open stays open, and that is more.
            allowDescriptors(FEW_DESCRIPTORS);
            assertThat(asking.ask(question).toString()).contains("the allocations could not be read: ");

            allowDescriptors(Long.MAX_VALUE);
            assertThat(asking.ask(question).toString()).contains("\"status\":200", "\"allocations\":[{");
        }
        holder.kill().exitCode();
    }

    /** At most as many as its hard limit says. */
    private static void allowDescriptors(long most) throws Exception {
        String hard = new String(
                        new ProcessBuilder(
                                        "prlimit", "--pid=" + daemon.pid(), "--nofile", "--noheadings", "--output=HARD")
                                .start()
                                .getInputStream()
                                .readAllBytes(),
                        StandardCharsets.US_ASCII)
                .strip();
        long soft = Math.min(most, Long.parseLong(hard));
        assertThat(new ProcessBuilder("prlimit", "--pid=" + daemon.pid(), "--nofile=" + soft + ":")
                        .inheritIO()
                        .start()
                        .waitFor())
                .isZero();
    }
}

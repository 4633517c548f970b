// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.linux.Procfs;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A daemon that is short of something serves those it has, refuses the others politely, says truly whether it is ready,
 * and is as before when the shortage is over.
 */
@Timeout(240)
class ResourcesTest {

    @AutoClose
    private final Rig rig = Rig.idle();

    @Test
    void withTooFewFilesTheDaemonSaysSoInOneLineAndEnds() {
        Guest daemon = rig.start(
                List.of(
                        "sh",
                        "-c",
                        "ulimit -n 64; exec \"$0\"",
                        rig.tree.bin("gpusliced").toString()),
                rig.environment());

        assertThat(daemon.exitCode()).isEqualTo(1);
        assertThat(daemon.errors().lines())
                .singleElement()
                .asString()
                .contains("at most 64 files may be open at once", "LimitNOFILE=");
    }

    @Test
    void whereFilesAreFewSoAreConnectionsAndEverybodyIsAnswered() throws IOException {
        Guest daemon = rig.daemon(List.of("sh", "-c", "ulimit -n 256; exec \"$0\""));
        assertThat(daemon.errors()).contains("at most 42 connections, where ipc.max-connections allows 8192");

        assertPoliteness(daemon, 400, 42 - 10);
    }

    @Test
    void ofTenThousandConnectionsThoseAreLetInThatThereIsRoomFor() throws IOException {
        long files = Procfs.mostDescriptors();
        Needs.that(
                files > 11_000, "10,000 connections need as many open files, and more than " + files + " may not be");
        rig.with("GPUSLICE_IPC_MAX_CONNECTIONS", "6000");
        Guest daemon = rig.daemon();

        assertPoliteness(daemon, 10_000, 6000 - 16);
    }

    /** @param room for connections of one user */
    private void assertPoliteness(Guest daemon, int connections, int room) throws IOException {
        Rig.Opened session = rig.open("64MB");
        Guest holder = rig.in(session, "holder", "--count", 4);
        holder.await("ready held=4");
        List<WirePeer> crowd = new ArrayList<>();
        try (WirePeer before = WirePeer.member(rig, rig.open("64MB"))) {
            Vitals vitals = Vitals.of(daemon);
            assertThat(rig.web().get("/health/ready").status()).isEqualTo(200);
            // The guest, and the one that was there before.
            int free = room - 2;

            for (int i = 0; i < connections; i++) {
                crowd.add(WirePeer.of(rig));
                greet(crowd.getLast());
            }
            Map<ErrorCode, Integer> answers = new TreeMap<>();
            for (WirePeer peer : crowd) {
                Frame.ErrorFrame answer = (Frame.ErrorFrame) peer.receive().frame();
                answers.merge(answer.code(), 1, Integer::sum);
                assertThat(answer.text()).isNotBlank();
            }

            assertThat(answers)
                    .containsOnlyKeys(ErrorCode.BAD_REQUEST, ErrorCode.OVERLOADED)
                    .containsEntry(ErrorCode.BAD_REQUEST, free)
                    .containsEntry(ErrorCode.OVERLOADED, connections - free);
            assertThat(before.ask(new Frame.Charge(4096, 0))).isInstanceOf(Frame.Granted.class);
            holder.say("more 4");
            assertThat(holder.await("held=")).startsWith("held=8 refused=0");
            assertThat(rig.web().get("/health/ready").with(503).body()).contains("OVERLOADED");
            assertThat(rig.web().get("/health/live").status()).isEqualTo(200);
            assertThat(rig.used(session.id())).isEqualTo(8 * Rig.MIB);

            close(crowd);
            vitals.assertRegained(rig, daemon);
        } finally {
            close(crowd);
        }
    }

    /** A whole frame, so that it is not taken for one that has nothing to say. Whoever was refused may be closed by then. */
    private static void greet(WirePeer peer) {
        try {
            peer.send(FrameCodec.encode(new Frame.Query(), 1));
        } catch (IOException refused) {
            assertThat(refused).message().containsAnyOf("Broken pipe", "reset");
        }
    }

    private static void close(List<WirePeer> peers) throws IOException {
        for (WirePeer peer : peers) {
            peer.close();
        }
    }

    @Test
    void withLittleMemoryLongFramesThatNeverEndAreAtTheirOwnSendersExpense() throws IOException {
        rig.with("GPUSLICE_JAVA_OPTS", Rig.JAVA_OPTIONS + " -Xmx96m");
        Guest daemon = rig.daemon();
        byte[] frame = FrameCodec.encode(new Frame.Call("x".repeat(1_000_000)), 1);
        byte[] begun = Arrays.copyOf(frame, frame.length - 1);
        List<WirePeer> crowd = new ArrayList<>();
        try (WirePeer member = WirePeer.member(rig, rig.open("64MB"))) {
            Vitals vitals = Vitals.of(daemon);
            for (int i = 0; i < 200; i++) {
                crowd.add(WirePeer.of(rig));
                sendAsMuchAsItTakes(crowd.getLast(), begun);
                assertThat(member.ask(new Frame.Charge(4096, 0))).isInstanceOf(Frame.Granted.class);
            }

            assertThat(rig.web().get("/health/ready").status()).isEqualTo(200);
            // The last ones at the latest: 96 MiB have not room for 200 of them.
            assertThat(crowd.getLast().receive().frame())
                    .isInstanceOfSatisfying(
                            Frame.ErrorFrame.class,
                            error -> assertThat(error.code()).isEqualTo(ErrorCode.OVERLOADED));
            close(crowd);
            vitals.assertRegained(rig, daemon);
        } finally {
            close(crowd);
        }
    }

    private static void sendAsMuchAsItTakes(WirePeer peer, byte[] bytes) {
        try {
            peer.send(bytes);
        } catch (IOException refused) {
            assertThat(refused).message().containsAnyOf("Broken pipe", "reset");
        }
    }

    @Test
    void withLittleMemoryManyLargeRequestsAreAnsweredAndForgotten() throws IOException {
        rig.with("GPUSLICE_JAVA_OPTS", Rig.JAVA_OPTIONS + " -Xmx96m");
        Guest daemon = rig.daemon();
        // A tree of a million bytes takes many times that when it is read.
        String request =
                "{\"method\":\"POST\",\"path\":\"/sessions\",\"body\":{\"limit\":[" + "1,".repeat(500_000) + "1]}}";
        List<WirePeer> crowd = new ArrayList<>();
        try (WirePeer member = WirePeer.member(rig, rig.open("64MB"))) {
            Vitals vitals = Vitals.of(daemon);
            byte[] frame = FrameCodec.encode(new Frame.Call(request), 1);
            for (int i = 0; i < 16; i++) {
                crowd.add(WirePeer.of(rig));
            }
            for (WirePeer peer : crowd) {
                peer.send(frame);
            }
            for (WirePeer peer : crowd) {
                assertThat(peer.receive().frame())
                        .isInstanceOfSatisfying(
                                Frame.Reply.class,
                                reply -> assertThat(reply.json()).contains("\"status\":400"));
            }
            assertThat(member.ask(new Frame.Charge(4096, 0))).isInstanceOf(Frame.Granted.class);
            close(crowd);
            vitals.assertRegained(rig, daemon);
        } finally {
            close(crowd);
        }
    }

    /** {@code gpuslice.resources.sessions} of them: each is written through to the disk. */
    @Test
    void aThousandSessionsAreListedMeasuredAndThereAgainAfterARestart() throws IOException {
        int count = Integer.getInteger("gpuslice.resources.sessions", 100);
        Guest daemon = rig.daemon();
        List<Rig.Opened> sessions =
                IntStream.range(0, count).mapToObj(_ -> rig.open("64MB")).toList();
        Web web = rig.web();

        assertThat(web.scrape().text()).contains("gpuslice_sessions_active " + count);
        assertThat(web.get("/health/ready").status()).isEqualTo(200);
        daemon.kill().exitCode();
        Guest next = rig.daemon();

        assertThat(rig.web().scrape().text()).contains("gpuslice_sessions_active " + count);
        for (Rig.Opened session : List.of(sessions.getFirst(), sessions.getLast())) {
            assertThat(rig.in(session, "fill").finish().output()).contains("held=64 refused=2");
        }
        Vitals.assertUnderstandable(next.errors());
    }
}

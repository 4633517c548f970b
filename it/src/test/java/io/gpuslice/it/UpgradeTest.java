// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Programs that go on while gpuslice becomes another version of itself. Frozen states: the daemon's FrozenStateTest. */
class UpgradeTest {
    @TempDir
    Path temp;

    @AutoClose
    private final Rig rig = Rig.idle().with("GPUSLICE_IPC_WAIT", "300ms");

    private Tree speaking(int major, int minor) throws IOException {
        return OtherBuild.speaking(major, minor, rig.tree, temp.resolve("other"));
    }

    @Test
    void aRunningProgramGoesOnWithADaemonOfTheNextMinorVersionAndBack() throws IOException {
        Tree next = speaking(1, 1);
        Guest daemon = rig.daemon();
        Rig.Opened session = rig.open("64MB");
        Guest holder = rig.in(session, "holder", "--count", 20);
        holder.await("ready held=20");

        daemon.kill().exitCode();
        daemon = rig.daemon(next);
        assertThat(versionOnTheWire()).isEqualTo(0x0101);
        assertTheMemberIsKnown(session, 20);
        holder.say("more 10");
        assertThat(holder.await("held")).startsWith("held=30 refused=0");
        Guest joinedLater = rig.in(session, "holder", "--count", 10);
        joinedLater.await("ready held=10");
        assertThat(rig.run("ps").ok().out()).contains(session.id());

        daemon.kill().exitCode();
        rig.daemon();
        Rig.eventually(() -> rig.used(session.id()) == 40 * Rig.MIB);
        joinedLater.say("more 100");
        assertThat(joinedLater.await("held")).startsWith("held=34 refused=2");
        holder.kill().exitCode();
        Rig.eventually(() -> rig.used(session.id()) == 34 * Rig.MIB);
    }

    /** As it stands in what the daemon answers to a frame that it refuses. */
    private int versionOnTheWire() throws IOException {
        byte[] query = {16, 0, 0, 0, 11, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
        ByteBuffer header = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        try (SocketChannel socket = SocketChannel.open(UnixDomainSocketAddress.of(rig.socket()))) {
            socket.write(ByteBuffer.wrap(query));
            while (header.hasRemaining()) {
                assertThat(socket.read(header)).isPositive();
            }
        }
        return header.getShort(6);
    }

    private void assertTheMemberIsKnown(Rig.Opened session, int held) {
        JsonNode processes = rig.inspect(session.id()).path("processes");
        assertThat(processes).hasSize(1);
        assertThat(processes.path(0).path("page").asText()).isEqualTo("ok");
        assertThat(processes.path(0).path("used_bytes").asLong()).isEqualTo(held * Rig.MIB);
    }

    @Test
    void aDaemonOfAnotherMajorVersionAndThoseOfThisOneRefuseEachOtherAndSayWhy() throws IOException {
        Tree other = speaking(2, 0);
        Guest daemon = rig.daemon();
        Rig.Opened session = rig.open("64MB");
        Guest holder =
                rig.gpuslice("run", "--limit", "64MB", "--strict", "--", rig.tree.program("holder"), "--count", 10);
        holder.await("ready held=10");
        List<String> otherCommand = List.of(other.bin("gpuslice").toString(), "ps");

        Guest theirs = rig.start(otherCommand, rig.environment()).finish();
        assertThat(theirs.exitCode()).isEqualTo(1);
        assertThat(theirs.errors()).contains("1.0", "2.0", "gpuslice version");

        daemon.kill().exitCode();
        daemon = rig.daemon(other);
        holder.say("more 1");
        assertThat(holder.await("held")).startsWith("held=10 refused=2");
        holder.say("less 5");
        assertThat(holder.await("held")).startsWith("held=5 refused=0");
        assertThat(holder.errors()).contains("speaks version 2 of the protocol", "version 1");
        Guest fill = rig.in(session, "fill").finish();
        assertThat(fill.output()).contains("held=0 refused=2");
        assertThat(fill.errors()).contains("speaks version 2 of the protocol", "install the same gpuslice for both");
        Rig.Result ours = rig.run("ps");
        assertThat(ours.code()).isEqualTo(1);
        assertThat(ours.err()).contains("1.0", "2.0", "gpuslice version");
        Rig.Result version = rig.run("version");
        assertThat(version.out()).contains("protocol 1.0");
        assertThat(version.out() + version.err()).contains("2.0");
        assertThat(daemon.errors()).contains("1.0", "2.0");

        daemon.kill().exitCode();
        rig.daemon();
        Rig.eventually(() -> {
            holder.say("more 100");
            return holder.await("held").startsWith("held=64 refused=2");
        });
        assertThat(rig.start(otherCommand, rig.environment()).finish().exitCode())
                .isEqualTo(1);
    }
}

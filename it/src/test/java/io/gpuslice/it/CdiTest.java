// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code gpuslice cdi generate}: what the spec says is enough for a container's programs to be in the session. */
class CdiTest {
    private static final int ROOT = 0;
    /** "bin" of every machine: a user that nobody is, with an entry in /etc/passwd, as podman wants it. */
    private static final int USER = 2;

    private static final String DEVICE = "gpuslice.io/slice=team-a";
    private static final long HELD = 8 * Rig.MIB;

    @AutoClose
    private final Rig rig = Rig.idle();

    private Path socket;

    @BeforeEach
    void prepare() throws IOException {
        Namespaces.need();
        Files.setPosixFilePermissions(rig.dir, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path card =
                Files.createFile(Files.createDirectory(rig.dir.resolve("cards")).resolve("card"));
        Files.setPosixFilePermissions(card, PosixFilePermissions.fromString("rw-rw-rw-"));
        // Named as the machine's, and in a directory of its own, which is what a container sees.
        socket = rig.dir.resolve("run/gpuslice.sock");
        rig.with("FAKECUDA_STATE", card.toString())
                .with("GPUSLICE_IPC_SOCK", socket.toString())
                .with("GPUSLICE_SESSIONS_END_GRACE", "100ms");
    }

    /** The same as {@code uid}. */
    private List<String> as(int uid, Object... command) {
        List<String> words =
                new ArrayList<>(List.of("setpriv", "--reuid", "" + uid, "--regid", "" + uid, "--clear-groups"));
        for (Object word : command) {
            words.add(word.toString());
        }
        return words;
    }

    private Guest daemonOf(int uid) throws IOException {
        Files.createDirectories(socket.getParent());
        Files.createDirectories(rig.dir.resolve("state"));
        for (Path path : List.of(socket.getParent(), rig.dir.resolve("state"))) {
            Files.setAttribute(path, "unix:uid", uid);
        }
        Files.deleteIfExists(note());
        Guest daemon = rig.start(as(uid, rig.tree.bin("gpusliced")), rig.environment());
        Rig.eventually(() -> Files.exists(note()) || !daemon.alive());
        assertThat(daemon.alive()).as(daemon.errors()).isTrue();
        return daemon;
    }

    private Path note() {
        return socket.resolveSibling("gpuslice.sock.http.json");
    }

    private JsonNode session() {
        return Web.at(note()).get("/sessions/team-a").with(200).json();
    }

    /** The spec that {@code uid} has made of its session. */
    private Path spec(int uid) throws IOException {
        rig.start(as(uid, rig.tree.bin("gpuslice"), "create", "--limit", "64MB", "--name", "team-a"), rig.environment())
                .output();
        Path directory = Files.createDirectory(rig.dir.resolve("cdi"));
        Files.setAttribute(directory, "unix:uid", uid);
        Guest made = rig.start(
                as(uid, rig.tree.bin("gpuslice"), "cdi", "generate", "--output", directory), rig.environment());
        assertThat(made.output()).as(made.errors()).isEqualTo(DEVICE);
        return directory.resolve("gpuslice.io-slice.json");
    }

    /** Limited, known by its pid here, and noticed when it dies. */
    private void isAMember(int daemonsUid, int uid, Function<Path, Guest> holderIn) throws IOException {
        isAMember(daemonsUid, uid, holderIn, false);
    }

    /** The same, and found again by the next daemon, which it finds as well. */
    private void isAMemberOverADaemonsDeath(int daemonsUid, int uid, Function<Path, Guest> holderIn)
            throws IOException {
        isAMember(daemonsUid, uid, holderIn, true);
    }

    private void isAMember(int daemonsUid, int uid, Function<Path, Guest> holderIn, boolean daemonDies)
            throws IOException {
        Guest daemon = daemonOf(daemonsUid);
        Guest holder = holderIn.apply(spec(uid));
        holder.await("ready held=8 refused=0");

        JsonNode member = onlyMember();
        assertThat(member.path("used_bytes").asLong()).isEqualTo(HELD);
        assertThat(member.path("page").asText()).isEqualTo("ok");
        long pid = member.path("pid").asLong();
        assertThat(Files.readString(Path.of("/proc/" + pid + "/cmdline"))).contains("holder");
        assertThat(Files.readSymbolicLink(Path.of("/proc/" + pid + "/ns/pid")))
                .as("its pid namespace")
                .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/pid")));

        if (daemonDies) {
            daemon.kill().exitCode();
            daemonOf(daemonsUid);
            Rig.eventually(() -> session().path("used_bytes").asLong() == HELD);
            assertThat(onlyMember().path("page").asText()).isEqualTo("ok");
        }
        holder.say("more 1000");
        assertThat(holder.await("held=")).startsWith("held=64 refused=2");

        assertThat(ProcessHandle.of(pid).orElseThrow().destroyForcibly()).isTrue();
        Rig.eventually(() -> session().path("charge_bytes").asLong() == 0);
        assertThat(session().path("processes")).isEmpty();
    }

    private JsonNode onlyMember() {
        JsonNode processes = session().path("processes");
        assertThat(processes).hasSize(1);
        return processes.path(0);
    }

    private List<String> holder() {
        return List.of(rig.tree.program("holder").toString(), "--count", "8");
    }

    @Test
    void rootsPodmanAndRootsDaemon() throws IOException {
        Containers.needPodman();
        Containers containers = new Containers(rig);
        isAMember(ROOT, ROOT, spec -> containers.podman(ROOT, spec, DEVICE, holder()));
    }

    @Test
    void aUsersPodmanAndTheUsersOwnDaemon() throws IOException {
        Containers.needPodman();
        Containers containers = new Containers(rig);
        isAMember(USER, USER, spec -> containers.podman(USER, spec, DEVICE, holder()));
    }

    @Test
    void rootsPodmanAndAUsersDaemon() throws IOException {
        Containers.needPodman();
        Containers containers = new Containers(rig);
        isAMember(USER, USER, spec -> containers.podman(ROOT, spec, DEVICE, holder()));
    }

    @Test
    void aUsersPodmanAndRootsDaemonWhoseUserHasNoNumberInTheContainer() throws IOException {
        Containers.needPodman();
        rig.with("GPUSLICE_ACCESS_USERS", "" + USER);
        Containers containers = new Containers(rig);
        isAMemberOverADaemonsDeath(ROOT, USER, spec -> containers.podman(USER, spec, DEVICE, holder()));
    }

    @Test
    void namespacesAndBindMountsThatFollowTheSpec() throws IOException {
        Containers containers = new Containers(rig);
        isAMemberOverADaemonsDeath(ROOT, ROOT, spec -> containers.byHand(spec, DEVICE, holder()));
    }
}

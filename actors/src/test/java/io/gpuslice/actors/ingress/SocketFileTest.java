// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SocketFileTest {

    private static final int STRANGER = 65_532;

    @TempDir
    Path folder;

    private int uid;

    @BeforeEach
    void whoAmI() throws IOException {
        uid = (Integer) Files.getAttribute(folder, "unix:uid");
    }

    @Test
    void aMissingFolderIsMadeForItsOwnerAlone() throws IOException {
        Path socket = folder.resolve("run/gpuslice/gpuslice.sock");

        try (SocketFile _ = SocketFile.claim(socket, uid, false)) {
            assertThat(permissions(folder.resolve("run/gpuslice"))).isEqualTo("rwx------");
        }
    }

    @Test
    void theSocketIsForItsOwnerAloneAndGoneAtTheEnd() throws IOException {
        Path socket = folder.resolve("s");
        try (SocketFile file = SocketFile.claim(socket, uid, false);
                ServerSocketChannel _ = listen(socket)) {
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rwxrwxrwx"));
            file.bound();

            assertThat(permissions(socket)).isEqualTo("rw-------");
        }
        assertThat(socket).doesNotExist();
    }

    @Test
    void aSocketThatNobodyListensAtIsReplaced() throws IOException {
        Path socket = folder.resolve("s");
        listen(socket).close();
        assertThat(socket).exists();

        try (SocketFile _ = SocketFile.claim(socket, uid, false)) {
            assertThat(socket).doesNotExist();
        }
    }

    @Test
    void aSocketThatSomebodyListensAtIsLeftAlone() throws IOException {
        Path socket = folder.resolve("s");
        try (ServerSocketChannel _ = listen(socket)) {
            refused(socket, "a daemon is already listening at " + socket);

            assertThat(socket).exists();
        }
    }

    @Test
    void aDaemonThatIsJustStartingIsNotOverrun() throws IOException {
        Path socket = folder.resolve("s");
        try (SocketFile _ = SocketFile.claim(socket, uid, false)) {
            refused(socket, "a daemon is already listening at " + socket);
        }
    }

    @Test
    void whatIsNoSocketIsNotRemovedAndNothingIsLeftBesideIt() throws IOException {
        Path precious = Files.writeString(folder.resolve("s"), "precious");

        refused(precious, "is no socket");

        assertThat(precious).hasContent("precious");
        assertThat(folder)
                .isDirectoryContaining(file -> file.equals(precious))
                .isDirectoryNotContaining("glob:**.lock");
    }

    @Test
    void aSocketThatIsNotOursAnyMoreIsNotRemoved() throws IOException {
        Path socket = folder.resolve("s");
        try (SocketFile file = SocketFile.claim(socket, uid, false);
                ServerSocketChannel _ = listen(socket)) {
            file.bound();
            Files.delete(socket);
            listen(socket).close();
        }
        assertThat(socket).exists();
    }

    @Test
    void aPathThatTheKernelCannotTakeIsRefusedWithTheNumbers() {
        refused(folder.resolve("x".repeat(120)), "the kernel takes 107");
    }

    @Test
    void aFolderWhereOthersCouldReplaceTheSocketIsRefused() throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));

        refused(folder.resolve("s"), "mode 777");
    }

    @Test
    void aSocketForOthersAsWellCanBeReachedWhateverTheModesWere() throws IOException {
        Path socket = folder.resolve("run/s");
        try (SocketFile file = SocketFile.claim(socket, uid, true);
                ServerSocketChannel _ = listen(socket)) {
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
            file.bound();

            assertThat(permissions(socket)).isEqualTo("rw-rw-rw-");
            assertThat(permissions(folder.resolve("run"))).isEqualTo("rwxr-xr-x");
            assertThat(permissions(folder.resolve("run/s.lock"))).isEqualTo("rw-------");
        }
    }

    @Test
    void aFolderThatOthersCannotPassIsNoPlaceForTheirSocket() throws IOException {
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));

        assertThatExceptionOfType(IOException.class)
                .isThrownBy(
                        () -> SocketFile.claim(folder.resolve("s"), uid, true).close())
                .withMessageContaining("mode 700")
                .withMessageContaining("chmod 755");
    }

    @Test
    void aLinkOfAnotherUsersOnTheWayIsNotFollowedAlsoWhereItLeadsHome() throws IOException {
        assumeThat(uid).as("only root can be two users").isZero();
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.setAttribute(folder, "unix:mode", 01777);
        Path own = Files.createDirectory(folder.resolve("own"));
        Path link = Files.createSymbolicLink(folder.resolve("gpuslice"), own);
        Files.setAttribute(link, "unix:uid", STRANGER, LinkOption.NOFOLLOW_LINKS);

        refused(link.resolve("s"), "a symbolic link of uid " + STRANGER);
        refused(link.resolve("deeper/s"), "a symbolic link of uid " + STRANGER);
        assertThat(own).isEmptyDirectory();

        Files.setAttribute(link, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
        SocketFile.claim(link.resolve("s"), uid, false).close();
        assertThat(own.resolve("s.lock")).exists();
    }

    @Test
    void aLockThatAnotherMadeBeforeIsNotWaitedFor() throws IOException {
        assumeThat(uid).as("only root can be two users").isZero();
        Files.setAttribute(folder, "unix:mode", 01777);
        Path lock = Files.writeString(folder.resolve("s.lock"), "");
        Files.setAttribute(lock, "unix:uid", STRANGER);

        assertThatExceptionOfType(IOException.class)
                .isThrownBy(
                        () -> SocketFile.claim(folder.resolve("s"), uid, false).close());
        assertThat(lock).isEmptyFile();
    }

    private void refused(Path socket, String because) {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> SocketFile.claim(socket, uid, false).close())
                .withMessageContaining(because);
    }

    private static ServerSocketChannel listen(Path socket) throws IOException {
        return ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
    }

    private static String permissions(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}

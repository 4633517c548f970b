// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SocketFileTest {

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

        try (SocketFile _ = SocketFile.claim(socket, uid)) {
            assertThat(permissions(folder.resolve("run/gpuslice"))).isEqualTo("rwx------");
        }
    }

    @Test
    void theSocketIsForItsOwnerAloneAndGoneAtTheEnd() throws IOException {
        Path socket = folder.resolve("s");
        try (SocketFile file = SocketFile.claim(socket, uid);
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

        try (SocketFile _ = SocketFile.claim(socket, uid)) {
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
        try (SocketFile _ = SocketFile.claim(socket, uid)) {
            refused(socket, "a daemon is already listening at " + socket);
        }
    }

    @Test
    void whatIsNoSocketIsNotRemoved() throws IOException {
        Path precious = Files.writeString(folder.resolve("s"), "precious");

        refused(precious, "is no socket");

        assertThat(precious).hasContent("precious");
    }

    @Test
    void aSocketThatIsNotOursAnyMoreIsNotRemoved() throws IOException {
        Path socket = folder.resolve("s");
        try (SocketFile file = SocketFile.claim(socket, uid);
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

    private void refused(Path socket, String because) {
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> SocketFile.claim(socket, uid).close())
                .withMessageContaining(because);
    }

    private static ServerSocketChannel listen(Path socket) throws IOException {
        return ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(socket));
    }

    private static String permissions(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}

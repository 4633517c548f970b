// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What another local user can put in the way where everybody may write: the victim has no XDG_RUNTIME_DIR, so that its
 * socket belongs into /tmp/gpuslice-UID. None of it may be used, or told a token.
 */
class SharedDirectoryTest {
    private static final int VICTIM = 65_531;
    private static final int ATTACKER = 65_532;
    private static final Path PLACE = Path.of("/tmp/gpuslice-" + VICTIM);
    private static final String TOKEN = "the-operators-own-token";

    @TempDir
    static Path directory;

    private static Installation gpuslice;

    @TempDir
    Path here;

    private Path home;

    @BeforeAll
    static void install() throws IOException, InterruptedException {
        gpuslice = Installation.at(directory.resolve("tree"));
        Path daemon = gpuslice.home.resolve("bin/gpusliced");
        Files.writeString(daemon, "#!/bin/sh\necho started >> \"$GPUSLICE_STATE_DIR/started\"\n");
        Files.setPosixFilePermissions(daemon, PosixFilePermissions.fromString("rwxr-xr-x"));
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    @BeforeEach
    void beTwoUsers() throws IOException {
        assumeThat(Files.getAttribute(here, "unix:uid"))
                .as("only root can be two users")
                .isEqualTo(0);
        removePlace();
        Files.setPosixFilePermissions(here, PosixFilePermissions.fromString("rwxr-xr-x"));
        home = Files.createDirectory(here.resolve("home"));
        Files.setAttribute(home, "unix:uid", VICTIM);
        gpuslice.environment.clear();
        gpuslice.environment.put("HOME", home.toString());
        gpuslice.environment.put("GPUSLICE_IPC_TOKEN", TOKEN);
    }

    @AfterEach
    void removePlace() throws IOException {
        if (!Files.exists(PLACE, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(PLACE, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException failure) throws IOException {
                Files.delete(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private Installation.Result runAsVictim() throws Exception {
        return gpuslice.shell("cd / && exec setpriv --reuid=" + VICTIM + " --regid=" + VICTIM
                + " --clear-groups \"$G\" run --limit 1GB echo ran");
    }

    private void assertRefused(Installation.Result result, String why) {
        assertThat(result.status()).as(result.err()).isEqualTo(125);
        assertThat(result.text()).as("the program ran").isEmpty();
        assertThat(result.err()).contains(why).contains("GPUSLICE_IPC_SOCK").doesNotContain(TOKEN);
        assertThat(home.resolve(".local/state/gpuslice/started")).doesNotExist();
    }

    @Test
    void withNothingInTheWayItsOwnDirectoryIsMadeForItAlone() throws Exception {
        gpuslice.shell("umask 0; cd / && exec setpriv --reuid=" + VICTIM + " --regid=" + VICTIM
                + " --clear-groups \"$G\" run --limit 1GB true");

        Path state = home.resolve(".local/state/gpuslice");
        assertThat(state.resolve("started")).exists();
        for (Path path : new Path[] {PLACE, state}) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
                    .as("%s, with umask 0", path)
                    .isEqualTo("rwx------");
            assertThat(Files.getAttribute(path, "unix:uid")).isEqualTo(VICTIM);
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(PLACE.resolve("gpuslice.sock.start"))))
                .isEqualTo("rw-------");
    }

    @Test
    void aDirectoryThatAnotherMadeBeforeIsNotUsed() throws Exception {
        Files.createDirectory(PLACE);
        Files.setPosixFilePermissions(PLACE, PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.setAttribute(PLACE, "unix:uid", ATTACKER);

        assertRefused(runAsVictim(), PLACE + " belongs to uid " + ATTACKER + ", not to uid " + VICTIM);
        assertThat(PLACE).isEmptyDirectory();
    }

    @Test
    void aLinkThatAnotherMadeBeforeIsNotFollowed() throws Exception {
        Files.createSymbolicLink(PLACE, home);
        Files.setAttribute(PLACE, "unix:uid", ATTACKER, LinkOption.NOFOLLOW_LINKS);

        // Where the kernel's fs.protected_symlinks is on, it may be the kernel that refuses.
        assertRefused(runAsVictim(), "cannot ");
        assertThat(home).isEmptyDirectory();
    }

    @Test
    void aFileInThePlaceOfTheDirectoryIsNotRemoved() throws Exception {
        Files.writeString(PLACE, "somebody's");
        Files.setAttribute(PLACE, "unix:uid", ATTACKER);

        assertRefused(runAsVictim(), PLACE + " is not a directory");
        assertThat(PLACE).hasContent("somebody's");
    }

    @Test
    void aDaemonOfAnotherUsersThatListensThereIsToldNothing() throws Exception {
        Files.createDirectory(PLACE);
        Files.setPosixFilePermissions(PLACE, PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.setAttribute(PLACE, "unix:uid", ATTACKER);
        Process attacker = new ProcessBuilder(
                        "setpriv",
                        "--reuid=" + ATTACKER,
                        "--clear-groups",
                        "/usr/bin/python3",
                        "-c",
                        """
                        import os, socket, sys
                        listener = socket.socket(socket.AF_UNIX)
                        listener.bind(sys.argv[1])
                        os.chmod(sys.argv[1], 0o777)
                        listener.listen()
                        print("listening", flush=True)
                        print(len(listener.accept()[0].recv(1)))
                        """,
                        PLACE.resolve("gpuslice.sock").toString())
                .start();
        try (BufferedReader says = attacker.inputReader()) {
            assertThat(says.readLine()).isEqualTo("listening");
            assertRefused(runAsVictim(), "is uid " + ATTACKER + ", neither you (uid " + VICTIM + ") nor root");
            assertThat(says.readLine()).as("bytes it was told").isEqualTo("0");
        } finally {
            attacker.destroyForcibly().waitFor();
        }
    }

    @Test
    void aLogThatAnotherPutAsALinkInAStateDirectoryIsNotWrittenThrough() throws Exception {
        Path precious = Files.writeString(home.resolve("precious"), "mine\n");
        Files.setAttribute(precious, "unix:uid", VICTIM);
        Path state = Files.createDirectory(here.resolve("state"));
        Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwxrwxrwx"));
        Files.createSymbolicLink(state.resolve("gpusliced.log"), precious);
        Files.setAttribute(state, "unix:uid", ATTACKER);
        gpuslice.environment.put("GPUSLICE_STATE_DIR", state.toString());

        Installation.Result result = runAsVictim();
        assertThat(result.status()).isEqualTo(125);
        assertThat(result.err())
                .contains(state + " belongs to uid " + ATTACKER + ", not to uid " + VICTIM)
                .contains("GPUSLICE_STATE_DIR");
        assertThat(precious).hasContent("mine\n");
        assertThat(state.resolve("started")).doesNotExist();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A daemon of root's that serves several users, each a real one: nobody has a name, all have numbers. */
class SystemDaemonTest {
    private static final int ANN = 65_521;
    private static final int BOB = 65_522;
    private static final int EVE = 65_523;
    private static final int STUDENTS = 65_431;
    private static final int ADMINS = 65_432;

    @AutoClose
    private final Rig rig = Rig.idle();

    @BeforeEach
    void beRoot() throws IOException {
        Needs.that(
                Files.getAttribute(rig.dir, "unix:uid").equals(0),
                "several users can be tried by root only: run the tests as root");
        Files.setPosixFilePermissions(rig.dir, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Rig.Result as(int uid, int group, Object... arguments) {
        List<String> command = new ArrayList<>(List.of(
                "setpriv",
                "--reuid",
                "" + uid,
                "--regid",
                "" + uid,
                group == 0 ? "--clear-groups" : "--groups=" + group,
                rig.tree.bin("gpuslice").toString()));
        Stream.of(arguments).map(Object::toString).forEach(command::add);
        Guest guest = rig.start(command, environmentOf(uid)).finish();
        int code = guest.exitCode();
        return new Rig.Result(code, guest.output(), guest.errors());
    }

    /** With a home and a simulated card of its own. */
    private Map<String, String> environmentOf(int uid) {
        try {
            Path home = rig.dir.resolve("home-" + uid);
            if (!Files.exists(home)) {
                Files.createDirectory(home);
                Files.setAttribute(home, "unix:uid", uid);
            }
            Map<String, String> environment = rig.environment();
            environment.put("HOME", home.toString());
            environment.put("FAKECUDA_STATE", home.resolve("card").toString());
            environment.remove("XDG_RUNTIME_DIR");
            environment.remove("XDG_STATE_HOME");
            return environment;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String open(int uid, int group, String limit) {
        return as(uid, group, "create", "--limit", limit).ok().out().strip();
    }

    @Test
    void eachUserSeesAndChangesItsOwnSessionsAloneAndAnAdministratorAll() {
        rig.with("GPUSLICE_ACCESS_USERS", "" + ANN)
                .with("GPUSLICE_ACCESS_GROUPS", "" + STUDENTS)
                .with("GPUSLICE_ACCESS_ADMINS", "" + ADMINS);
        rig.daemon();
        String anns = open(ANN, 0, "64MB");
        String bobs = open(BOB, STUDENTS, "64MB");

        assertThat(as(ANN, 0, "ps").ok().out()).contains(anns).doesNotContain(bobs);
        assertThat(as(BOB, STUDENTS, "ps").ok().out()).contains(bobs).doesNotContain(anns);
        for (String[] attempt : new String[][] {
            {"inspect", bobs},
            {"update", bobs, "--limit", "1GB"},
            {"rm", bobs},
            {"rm", "--force", bobs},
            {"exec", bobs, "--", "/bin/true"}
        }) {
            Rig.Result refused = as(ANN, 0, (Object[]) attempt);
            assertThat(refused.code()).as("%s", List.of(attempt)).isNotZero();
            assertThat(refused.err()).contains("belongs to uid " + BOB);
        }
        assertThat(rig.run("ps").ok().out()).as("root").contains(anns, bobs);
        assertThat(as(EVE, ADMINS, "ps").ok().out()).contains(anns, bobs);
        as(EVE, ADMINS, "update", bobs, "--limit", "128MB").ok();
        as(EVE, ADMINS, "rm", anns).ok();
        as(BOB, STUDENTS, "rm", bobs).ok();
    }

    @Test
    void aProgramOfAUserThatIsServedRunsUnderItsLimit() {
        rig.with("GPUSLICE_ACCESS_GROUPS", "" + STUDENTS);
        rig.daemon();

        Rig.Result ran = as(BOB, STUDENTS, "run", "--limit", "64MB", "--", rig.tree.program("fill"));
        assertThat(ran.out()).as(ran.err()).contains("held=64 refused=2");
    }

    @Test
    void whoIsNotServedIsRefusedAlsoWithTheGroupsNameInAFile() throws IOException {
        rig.with("GPUSLICE_ACCESS_GROUPS", "" + STUDENTS);
        rig.daemon();

        Rig.Result refused = as(EVE, 0, "run", "--limit", "64MB", "--", "/bin/true");
        assertThat(refused.code()).isEqualTo(125);
        assertThat(refused.err()).contains("not uid " + EVE).contains("GPUSLICE_IPC_SOCK");
        assertThat(as(EVE, 0, "ps").out()).isEmpty();
    }

    @Test
    void theSocketIsForAllAndTheRestForRootAlone() throws IOException {
        rig.with("GPUSLICE_ACCESS_USERS", "*");
        rig.daemon();
        rig.web();

        assertThat(mode(rig.socket())).isEqualTo("rw-rw-rw-");
        for (String secret : new String[] {"s.http.json", "s.lock", "state/gpuslice/http-token"}) {
            assertThat(mode(rig.dir.resolve(secret))).as(secret).isEqualTo("rw-------");
        }
        assertThat(mode(rig.dir.resolve("state/gpuslice"))).isEqualTo("rwx------");
    }

    @Test
    void aUserCannotHaveMoreThanItsCapsAndOthersHaveTheirs() {
        rig.with("GPUSLICE_ACCESS_USERS", "*")
                .with("GPUSLICE_ACCESS_SESSIONS_PER_USER", "2")
                .with("GPUSLICE_ACCESS_LIMIT_PER_USER", "100MB");
        rig.daemon();
        open(ANN, 0, "60MB");

        Rig.Result over = as(ANN, 0, "create", "--limit", "41MB");
        assertThat(over.code()).isNotZero();
        assertThat(over.err()).contains("access.limit-per-user").contains("100.0 MiB");
        open(ANN, 0, "40MB");
        assertThat(as(ANN, 0, "create", "--limit", "1MB").err()).contains("access.sessions-per-user allows 2");
        open(BOB, 0, "100MB");
    }

    @Test
    void overHttpAUserSeesItsOwnSessionsAlone() {
        rig.with("GPUSLICE_ACCESS_USERS", ANN + "," + BOB);
        rig.daemon();
        String anns = open(ANN, 0, "64MB");
        String bobs = open(BOB, 0, "64MB");
        String url = rig.web().url().resolve("/sessions").toString();
        List<String> curl = List.of(
                "setpriv",
                "--reuid",
                "" + ANN,
                "--regid",
                "" + ANN,
                "--clear-groups",
                "/usr/bin/python3",
                "-c",
                "import urllib.request as r; print(r.urlopen('" + url + "').read().decode())");

        assertThat(rig.start(curl, environmentOf(ANN)).finish().output())
                .contains(anns)
                .doesNotContain(bobs);
    }

    @Test
    void aUsersOwnDaemonDoesNotServeOthersHoweverItIsAsked() {
        List<String> daemon = List.of(
                "setpriv",
                "--reuid",
                "" + ANN,
                "--regid",
                "" + ANN,
                "--clear-groups",
                rig.tree.bin("gpusliced").toString());
        Map<String, String> environment = environmentOf(ANN);
        environment.put("GPUSLICE_ACCESS_USERS", "" + BOB);
        Guest refused = rig.start(daemon, environment);

        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.errors()).contains("this one is uid " + ANN + "'s: start it as root");
    }

    /** What EVE puts into a directory that everybody may write to, before ANN's daemon comes. */
    private Guest daemonOfAnnAt(Path socket) {
        Map<String, String> environment = environmentOf(ANN);
        environment.put("GPUSLICE_IPC_SOCK", socket.toString());
        return rig.start(
                List.of(
                        "setpriv",
                        "--reuid",
                        "" + ANN,
                        "--regid",
                        "" + ANN,
                        "--clear-groups",
                        rig.tree.bin("gpusliced").toString()),
                environment);
    }

    private Path sharedDirectory() throws IOException {
        Path shared = Files.createDirectory(rig.dir.resolve("shared"));
        Files.setAttribute(shared, "unix:mode", 01777);
        return shared;
    }

    private static Path of(int uid, Path path) throws IOException {
        Files.setAttribute(path, "unix:uid", uid, LinkOption.NOFOLLOW_LINKS);
        return path;
    }

    @Test
    void theTokenIsNotWrittenIntoAFileThatAnotherMadeBefore() throws IOException {
        Path note = of(EVE, Files.writeString(sharedDirectory().resolve("s.http.json"), "{}"));
        Files.setPosixFilePermissions(note, PosixFilePermissions.fromString("rw-rw-rw-"));
        Guest daemon = daemonOfAnnAt(note.resolveSibling("s"));

        assertThat(daemon.exitCode()).isEqualTo(1);
        assertThat(daemon.errors()).contains(note.toString()).contains("GPUSLICE_IPC_SOCK");
        assertThat(note).hasContent("{}");
    }

    @Test
    void aLinkInThePlaceOfTheTokensFileIsNotWrittenThrough() throws IOException {
        Path shared = sharedDirectory();
        Path precious = of(ANN, Files.writeString(rig.dir.resolve("precious"), "mine"));
        of(EVE, Files.createSymbolicLink(shared.resolve("s.http.json"), precious));
        Guest daemon = daemonOfAnnAt(shared.resolve("s"));

        assertThat(daemon.exitCode()).isEqualTo(1);
        assertThat(precious).hasContent("mine");
    }

    @Test
    void aLockThatAnotherMadeBeforeIsRefusedAndNotTakenForADaemonThatRuns() throws IOException {
        Path lock = of(EVE, Files.writeString(sharedDirectory().resolve("s.lock"), ""));
        Files.setPosixFilePermissions(lock, PosixFilePermissions.fromString("rw-rw-rw-"));
        Guest daemon = daemonOfAnnAt(lock.resolveSibling("s"));

        assertThat(daemon.exitCode()).isEqualTo(1);
        // Where the kernel's fs.protected_regular is on, it is the kernel that refuses.
        assertThat(daemon.errors()).contains(lock.toString()).doesNotContain("already listening");
    }

    @Test
    void aDirectoryThatAnothersLinkLeadsToIsNotUsedAlsoIfItIsOnesOwn() throws IOException {
        Path own = of(ANN, Files.createDirectory(rig.dir.resolve("own")));
        Path link = of(EVE, Files.createSymbolicLink(sharedDirectory().resolve("gpuslice"), own));
        Guest daemon = daemonOfAnnAt(link.resolve("s"));

        assertThat(daemon.exitCode()).isEqualTo(1);
        assertThat(daemon.errors()).contains(link.toString());
        assertThat(own).isEmptyDirectory();
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}

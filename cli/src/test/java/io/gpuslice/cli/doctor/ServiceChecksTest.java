// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ServiceChecksTest extends OnAMadeMachine {
    private static final String PROTOCOL = Abi.ABI_MAJOR + "." + Abi.ABI_MINOR;

    private void answers(String version, String protocol) {
        made.daemon = new Machine.Daemon.Answers(
                version, protocol, 42, root.resolve("system.sock"), Optional.of("http://127.0.0.1:8747/"));
    }

    // ---- the socket

    private FindingAssert socket() throws IOException {
        return FindingAssert.that(ServiceChecks.socket(made.machine()));
    }

    /** As one that died leaves it. */
    private Path abandoned(String name) throws IOException {
        Path path = root.resolve(name);
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(path))
                .close();
        return path;
    }

    @Test
    void whereTheDaemonAnswersIsShown() throws IOException {
        answers("1.2.3", PROTOCOL);
        socket().isOk("answers at " + root.resolve("system.sock"));
    }

    @Test
    void wherePeopleOnlyHaveToStartOneIsShown() throws IOException {
        socket().isOk("nobody listens at " + root.resolve("system.sock"), "`gpuslice run` starts");
    }

    @Test
    void whatADeadDaemonHasLeftBehindIsAWarning() throws IOException {
        Path left = abandoned("system.sock");
        socket().warns(left.toString(), "left behind", "nothing has to be done");
    }

    @Test
    void aSilentDaemonsSocketIsNotLeftBehind() throws IOException {
        abandoned("system.sock");
        made.daemon = new Machine.Daemon.Unusable("it did not answer within 3 s", "look at its log");
        socket().isOk("nobody listens");
    }

    @Test
    void aFileInTheSocketsPlaceFails() throws IOException {
        made.file("/system.sock", "");
        socket().fails("is no socket", "GPUSLICE_IPC_SOCK");
    }

    @Test
    void aMachinesDaemonThatServesOthersIsAWarning() throws IOException {
        abandoned("system.sock");
        made.daemon = new Machine.Daemon.None(Optional.of("the machine's daemon does not serve you"));
        socket().warns("does not serve you", "a daemon of your own", "access.users");
    }

    @Test
    void aSocketThatIsNotForThisUserFailsWithItsOwner() throws IOException {
        made.daemon = new Machine.Daemon.Unusable("it may not be connected to", "ask its owner");
        made.notForUs.add(abandoned("system.sock"));
        socket().fails("may not connect", "belongs to uid " + made.uid, "access.users");
    }

    // ---- the daemon

    private FindingAssert daemon() {
        return FindingAssert.that(ServiceChecks.daemon(made.machine()));
    }

    @Test
    void noDaemonIsNothingToLookAt() {
        daemon().isSkipped("none is running");
    }

    @Test
    void aDaemonOfTheSameVersionIsFine() {
        answers(MadeMachine.VERSION, PROTOCOL);
        daemon().isOk("gpusliced 1.2.3 (pid 42)", PROTOCOL);
    }

    @Test
    void aDaemonOfAnotherVersionIsAWarningWithBoth() {
        answers("1.2.2", PROTOCOL);
        daemon().warns("gpusliced 1.2.2", "gpuslice 1.2.3", "restart the daemon");
    }

    @Test
    void aDaemonOfAnotherProtocolFails() {
        answers("9.0.0", Abi.ABI_MAJOR + 1 + ".0");
        daemon().fails("gpusliced 9.0.0", "speaks " + PROTOCOL, "from one release");
    }

    @Test
    void aDaemonThatCannotBeTalkedToFailsInTheWordsOfWhoeverTried() {
        made.daemon = new Machine.Daemon.Unusable("it did not answer within 3 s", "look at its log");
        daemon().fails("did not answer within 3 s", "look at its log");
    }

    // ---- the dashboard

    private FindingAssert dashboard() {
        return FindingAssert.that(ServiceChecks.dashboard(made.machine()));
    }

    @Test
    void theDashboardIsShownWithWhereItsTokenIs() {
        answers(MadeMachine.VERSION, PROTOCOL);
        dashboard().isOk("http://127.0.0.1:8747/", root.resolve("system.sock") + ".http.json");
    }

    @Test
    void aDaemonWithoutHttpHasNoDashboard() {
        dashboard().isSkipped("no daemon");
        made.daemon = new Machine.Daemon.Answers(
                MadeMachine.VERSION, PROTOCOL, 42, root.resolve("system.sock"), Optional.empty());
        dashboard().isSkipped("no HTTP");
    }

    // ---- directories

    private FindingAssert directories() throws IOException {
        return FindingAssert.that(ServiceChecks.directories(made.machine()));
    }

    private Path directory(String name, String mode) throws IOException {
        Path directory = Files.createDirectory(root.resolve(name));
        return Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString(mode));
    }

    @Test
    void directoriesOfThisUserAloneOrNotYetMadeAreFine() throws IOException {
        directory("run", "rwx------");
        directories().isOk(root.resolve("run").toString(), root.resolve("state").toString());
    }

    @Test
    void aDirectoryThatOthersCanEnterFails() throws IOException {
        Path state = directory("state", "rwxr-xr-x");
        directories().fails("others can look into " + state, "chmod 700 " + state);
    }

    @Test
    void aDirectoryOfSomebodyElsesFailsWithBothUids() throws IOException {
        directory("run", "rwx------");
        int owner = made.uid++;
        directories().fails("belongs to uid " + owner, "uid " + made.uid);
    }

    @Test
    void aFileInTheDirectorysPlaceFails() throws IOException {
        made.file("/run", "");
        directories().fails("is no directory");
    }

    @Test
    void aDirectoryThatCannotBeMadeFailsWithWhatIsInTheWay() throws IOException {
        made.notForUs.add(root);
        directories().fails("cannot be made", root.toString());
    }

    @Test
    void noPlaceForStateIsAWarning() throws IOException {
        made.places = new Machine.Places(made.places.sockets(), made.places.runtime(), Optional.empty());
        directories().warns("no place for the state", "GPUSLICE_STATE_DIR");
    }

    // ---- other daemons

    private FindingAssert neighbours() throws IOException {
        return FindingAssert.that(ServiceChecks.neighbours(made.machine()));
    }

    @Test
    void aloneOnTheMachineAllIsWell() throws IOException {
        answers("1.2.3", PROTOCOL);
        made.file("/proc/42/cmdline", "java\0-Xmx256m\0io.gpuslice.daemon.Main\0");
        made.file("/proc/43/cmdline", "grep\0io.gpuslice.daemon.Main.*\0");
        neighbours().isOk("no other daemon");
    }

    @Test
    void otherDaemonsAreNamedWithTheirUsers() throws IOException {
        answers("1.2.3", PROTOCOL);
        made.file("/proc/42/cmdline", "java\0io.gpuslice.daemon.Main\0");
        made.file("/proc/142/cmdline", "java\0io.gpuslice.daemon.Main\0--log-level\0debug\0");
        neighbours().warns("another daemon", "pid 142 of uid " + made.uid, "access.users");
    }
}

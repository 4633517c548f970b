// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.linux.LockFile;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** `run` where no daemon runs: a scripted one stands in for bin/gpusliced. */
class StartDaemonTest {
    private static final String FACTS =
            "echo $$ >> \"$GPUSLICE_STATE_DIR/pids\"; env > \"$GPUSLICE_STATE_DIR/env\"; pwd > \"$GPUSLICE_STATE_DIR/pwd\"\n";

    @TempDir
    static Path directory;

    private static Installation gpuslice;

    @TempDir
    Path here;

    private Path state;

    @BeforeAll
    static void install() throws IOException, InterruptedException {
        gpuslice = Installation.at(directory.resolve("tree"));
    }

    @BeforeEach
    void whereNothingRuns() {
        state = here.resolve("state/gpuslice");
        gpuslice.environment.clear();
        gpuslice.environment.put("XDG_RUNTIME_DIR", here.toString());
        gpuslice.environment.put("XDG_STATE_HOME", here.resolve("state").toString());
    }

    @AfterEach
    void endDaemons() throws Exception {
        if (Files.exists(state.resolve("pids"))) {
            for (String pid : Files.readAllLines(state.resolve("pids"))) {
                ProcessHandle.of(Long.parseLong(pid)).ifPresent(daemon -> {
                    daemon.destroyForcibly();
                    daemon.onExit().orTimeout(10, TimeUnit.SECONDS).join();
                });
            }
        }
    }

    /** What bin/gpusliced does. */
    private static void daemonDoes(String script) throws IOException {
        Path program = gpuslice.home.resolve("bin/gpusliced");
        Files.writeString(program, "#!/bin/sh\n" + script);
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static String listens() {
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        return "exec '" + System.getProperty("java.home") + "/bin/java' --enable-native-access=ALL-UNNAMED -cp '"
                + classPath + "' io.gpuslice.cli.FakeDaemon\n";
    }

    @Test
    void theUsersOwnDaemonIsStartedAndTheProgramRuns() throws Exception {
        daemonDoes(FACTS + listens());
        Installation.Result result =
                gpuslice.gpuslice("run", "--limit", "1GB", "sh", "-c", "echo $GPUSLICE_IPC_SOCK; exit 3");
        assertThat(result.err()).isEmpty();
        assertThat(result.status()).isEqualTo(3);
        assertThat(result.text()).isEqualTo(here.resolve("gpuslice/gpuslice.sock") + "\n");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(here.resolve("gpuslice"))))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(state)))
                .isEqualTo("rwx------");
        // The next one finds it.
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "true").status()).isZero();
        assertThat(Files.readAllLines(state.resolve("pids"))).hasSize(1);
    }

    @Test
    void itIsDetachedFromTheProgramAndItsTerminal() throws Exception {
        daemonDoes(FACTS + listens());
        // A program that waits for all of its children must not wait for a daemon that it never started.
        Installation.Result result = gpuslice.gpuslice("run", "--limit", "1GB", "python3", "-c", """
                import os
                try:
                    os.waitpid(-1, 0)
                except ChildProcessError:
                    print("no children", os.getsid(0))
                """);
        assertThat(result.text()).startsWith("no children ");
        long daemon = Long.parseLong(Files.readAllLines(state.resolve("pids")).getFirst());
        String sid = Files.readString(Path.of("/proc/" + daemon + "/stat"))
                .replaceFirst(".*\\) \\S \\d+ \\d+ (\\d+) (?s:.*)", "$1");
        assertThat(sid).isNotEqualTo(result.text().strip().replace("no children ", ""));
        assertThat(Files.readString(state.resolve("pwd"))).isEqualTo("/\n");
    }

    @Test
    void itsEnvironmentIsTheDaemonsAndNotThePrograms() throws Exception {
        daemonDoes(FACTS + listens());
        gpuslice.environment.put("GPUSLICE_IPC_TOKEN", "secret");
        gpuslice.environment.put("GPUSLICE_SESSIONS_MAX", "7");
        gpuslice.environment.put("GPUSLICE_DEBUG", "1");
        gpuslice.environment.put("FAKECUDA_DEVICES", "2");
        gpuslice.environment.put("LD_LIBRARY_PATH", "/nvml");
        gpuslice.environment.put("LD_PRELOAD", gpuslice.home + "/lib/libgpuslice.so");
        gpuslice.environment.put("WANDB_API_KEY", "the program's");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "true").status()).isZero();
        List<String> handedOn = Files.readAllLines(state.resolve("env"));
        assertThat(handedOn)
                .contains(
                        "GPUSLICE_IPC_TOKEN=secret",
                        "GPUSLICE_SESSIONS_MAX=7",
                        "FAKECUDA_DEVICES=2",
                        "LD_LIBRARY_PATH=/nvml",
                        "GPUSLICE_IPC_SOCK=" + here.resolve("gpuslice/gpuslice.sock"),
                        "GPUSLICE_STATE_DIR=" + state,
                        "GPUSLICE_READY_FD=1")
                .noneMatch(entry -> entry.startsWith("LD_PRELOAD=")
                        || entry.startsWith("WANDB_API_KEY=")
                        || entry.startsWith("GPUSLICE_DEBUG="));
    }

    @Test
    void whomTheMachinesDaemonDoesNotServeHasOneOfTheirOwn() throws Exception {
        Path machines = Files.createDirectory(here.resolve("machines"));
        daemonDoes(FACTS + listens());
        try (FakeDaemon others = new FakeDaemon(machines.resolve("gpuslice.sock"))) {
            // As the daemon refuses a connection, whatever the question.
            others.answers = (_, _) -> FrameCodec.encode(
                    Frame.ErrorFrame.of(ErrorCode.FORBIDDEN, "this daemon serves root, not uid 0"), 0);
            String notServed = "the machine's daemon, at /run/gpuslice/gpuslice.sock, does not serve you (uid 0)";
            Installation.Result looked = besideDaemonIn(machines, "ps");
            assertThat(looked.err()).contains("no daemon is running", notServed).doesNotContain("was killed");

            Installation.Result first = besideDaemonIn(machines, "run --limit 1GB printenv GPUSLICE_IPC_SOCK");
            assertThat(first.status()).as(first.err()).isZero();
            assertThat(first.text()).isEqualTo(here.resolve("gpuslice/gpuslice.sock") + "\n");
            assertThat(first.err()).contains(notServed + ": a daemon of your own is started");
            assertThat(others.asked(Frame.Open.class)).isEmpty();

            // Once is enough.
            assertThat(besideDaemonIn(machines, "run --limit 1GB true").err()).isEmpty();
        }
    }

    /** With a /run of our own, in which the socket of the machine's daemon is the one in that directory. */
    private static Installation.Result besideDaemonIn(Path directory, String arguments) throws Exception {
        Assumptions.assumeThat(gpuslice.shell("unshare --mount true").status())
                .as("a /run of one's own takes root, where namespaces are allowed")
                .isZero();
        return gpuslice.shell(
                "exec unshare --mount sh -c 'mount -t tmpfs none /run && mkdir /run/gpuslice && mount --bind "
                        + directory + " /run/gpuslice && exec \"$G\" " + arguments + "'");
    }

    @Test
    void ofManyAtOnceOneStartsItAndAllRun() throws Exception {
        daemonDoes(FACTS + listens());
        List<Process> running = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            running.add(gpuslice.builder(
                            List.of(gpuslice.launcher().toString(), "run", "--limit", "1GB", "sh", "-c", "exit 5"))
                    .redirectErrorStream(true)
                    .start());
        }
        for (Process process : running) {
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor()).as(said).isEqualTo(5);
        }
        assertThat(Files.readAllLines(state.resolve("pids"))).hasSize(1);
    }

    @Test
    void aDaemonThatDiesIsReportedWithTheEndOfItsLog() throws Exception {
        daemonDoes("echo 'gpusliced: the state is of a newer release' >&2; exit 1\n");
        Installation.Result result = gpuslice.gpuslice("run", "--limit", "1GB", "true");
        assertThat(result.status()).isEqualTo(125);
        assertThat(result.err())
                .contains("the daemon ended before it was ready")
                .contains("| gpusliced: the state is of a newer release")
                .contains(state.resolve("gpusliced.log").toString());
    }

    @Test
    void whyItGaveUpIsShownWithoutItsLog() throws Exception {
        daemonDoes("echo '{\"level\":\"INFO\"}' >&2; echo 'gpusliced: the disk is full' >&2; exit 1\n");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "true").err())
                .contains("| gpusliced: the disk is full")
                .doesNotContain("INFO");
    }

    @Test
    void whatEarlierDaemonsSaidIsNotShownAsThisOnes() throws Exception {
        PrivateDirectory.create(state);
        Files.writeString(state.resolve("gpusliced.log"), "gpusliced: an old misfortune\n");
        daemonDoes("echo 'gpusliced: a new one' >&2; exit 1\n");
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "true").err())
                .contains("| gpusliced: a new one")
                .doesNotContain("old misfortune");
    }

    @Test
    void whereADaemonLeftStateItsSessionsAreSaidToComeBackAndExecStartsIt() throws Exception {
        daemonDoes(FACTS + listens());
        Files.createDirectories(
                state, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Files.writeString(state.resolve("VERSION"), "format=1\n");
        for (String[] verb : List.of(new String[] {"ps"}, new String[] {"ps", "-q"}, new String[] {"inspect", "x"})) {
            assertThat(gpuslice.gpuslice(verb).err())
                    .contains("no daemon is running at ")
                    .contains("sessions it had come back when one starts")
                    .contains("run, create or exec start it");
        }
        assertThat(state.resolve("pids")).doesNotExist();
        assertThat(gpuslice.gpuslice("exec", "train", "--", "sh", "-c", "exit 5")
                        .status())
                .isEqualTo(5);
        assertThat(Files.readAllLines(state.resolve("pids"))).hasSize(1);
    }

    @Test
    void whatIsNoSocketIsRefusedAndNothingIsPutBesideIt() throws Exception {
        daemonDoes(FACTS + listens());
        Path directory = Files.createDirectory(here.resolve("own"));
        Path file = Files.createFile(directory.resolve("file"));
        Path folder = Files.createDirectory(directory.resolve("folder"));
        for (String place : List.of(file.toString(), folder.toString(), "/dev/null")) {
            gpuslice.environment.put("GPUSLICE_IPC_SOCK", place);
            Installation.Result refused = gpuslice.gpuslice("run", "--limit", "1GB", "true");
            assertThat(refused.status()).isEqualTo(125);
            assertThat(refused.err())
                    .contains(place + " is a ")
                    .contains("no socket")
                    .contains("GPUSLICE_IPC_SOCK");
        }
        try (var left = Files.list(directory)) {
            assertThat(left).containsExactlyInAnyOrder(file, folder);
        }
        assertThat(Path.of("/dev/null.start")).doesNotExist();
    }

    @Test
    void oneThatWasStartedByHandAMomentAgoIsWaitedFor() throws Exception {
        // It has the state, so that ours gives up; it listens only when ours has.
        daemonDoes("touch '" + here + "/refused'; echo 'gpusliced: the state is in use' >&2; exit 1\n");
        PrivateDirectory.create(state);
        Files.createDirectories(
                here.resolve("gpuslice"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        Process run;
        try (LockFile lock = LockFile.lock(state.resolve("lock"))) {
            run = gpuslice.builder(
                            List.of(gpuslice.launcher().toString(), "run", "--limit", "1GB", "sh", "-c", "exit 5"))
                    .redirectErrorStream(true)
                    .start();
            await().until(() -> Files.exists(here.resolve("refused")));
            try (FakeDaemon byHand = new FakeDaemon(here.resolve("gpuslice/gpuslice.sock"))) {
                String said = new String(run.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                assertThat(run.waitFor()).as(said).isEqualTo(5);
                assertThat(byHand.asked).hasSize(1);
                assertThat(lock).isNotNull();
            }
        }
    }

    @Test
    void theDaemonThatHasTheStateIsFoundAlsoWhereItsRuntimeDirectoryIsAnother() throws Exception {
        // As the real one has the state, and is called.
        daemonDoes(FACTS + "exec 9> \"$GPUSLICE_STATE_DIR/lock\"; flock 9; echo $$ >&9\n"
                + listens().strip() + " io.gpuslice.daemon.Main\n");
        String[] where = {"run", "--limit", "1GB", "printenv", "GPUSLICE_IPC_SOCK"};
        Path socket = here.resolve("gpuslice/gpuslice.sock");
        assertThat(gpuslice.gpuslice(where).text()).isEqualTo(socket + "\n");

        gpuslice.environment.put(
                "XDG_RUNTIME_DIR",
                Files.createDirectory(here.resolve("another")).toString());
        assertThat(gpuslice.gpuslice("ps").err()).doesNotContain("no daemon is running");
        assertThat(gpuslice.gpuslice(where).text()).isEqualTo(socket + "\n");

        Files.delete(socket);
        String pid = Files.readAllLines(state.resolve("pids")).getFirst();
        Installation.Result gone = gpuslice.gpuslice(where);
        assertThat(gone.status()).isEqualTo(125);
        assertThat(gone.err())
                .contains("(pid " + pid + ") still runs, and its socket, " + socket + ", is gone", "kill " + pid);
        assertThat(Files.readAllLines(state.resolve("pids"))).containsExactly(pid);
    }

    @Test
    void verbsThatOpenNothingStartNothing() throws Exception {
        daemonDoes(FACTS + listens());
        assertThat(gpuslice.gpuslice("exec", "train", "--", "true").status()).isEqualTo(125);
        assertThat(gpuslice.gpuslice("inspect", "train").err()).contains("no daemon is running");
        assertThat(gpuslice.gpuslice("ps").status()).isZero();
        assertThat(state).doesNotExist();
    }

    @Test
    void aSocketLeftBehindByADeadDaemonIsNoObstacle() throws Exception {
        daemonDoes(FACTS + listens());
        Path socket = Files.createDirectories(
                        here.resolve("gpuslice"),
                        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")))
                .resolve("gpuslice.sock");
        ServerSocketChannel.open(StandardProtocolFamily.UNIX)
                .bind(UnixDomainSocketAddress.of(socket))
                .close();
        assertThat(socket).exists();
        assertThat(gpuslice.gpuslice("run", "--limit", "1GB", "true").status()).isZero();
    }

    @Test
    void aRuntimeDirectoryThatOthersMayEnterIsRefused() throws Exception {
        Path runtime = Files.createDirectory(here.resolve("gpuslice"));
        Files.setPosixFilePermissions(runtime, PosixFilePermissions.fromString("rwxrwxrwx"));
        Installation.Result result = gpuslice.gpuslice("run", "--limit", "1GB", "true");
        assertThat(result.status()).isEqualTo(125);
        assertThat(result.err()).contains("no place for its socket").contains("0777");
    }
}

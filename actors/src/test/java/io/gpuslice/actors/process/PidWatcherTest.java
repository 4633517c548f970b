// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.actors.eventloop.LoopKit;
import io.gpuslice.actors.process.PidWatcher.Died;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.Procfs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PidWatcherTest {

    private static final int EMFILE = 24;
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final Duration QUIET = Duration.ofMillis(200);

    private final LoopKit test = new LoopKit();
    private final Processes processes = thisMachine();
    private final ActorRef<PidWatcher.Command> watcher = test.spawn(PidWatcher.create(test.loop(), processes::open));
    private final List<Process> started = new ArrayList<>();

    @AfterEach
    void end() {
        started.forEach(Process::destroyForcibly);
        test.close();
    }

    @Test
    void aKilledProcessIsReportedOnce() throws Exception {
        Process sleeper = start("sleep", "1000");
        ProcessId id = identify(sleeper);
        TestProbe<Died> probe = watch(id);
        probe.expectNoMessage(QUIET);

        sleeper.destroyForcibly();

        assertThat(probe.receiveMessage(SOON)).isEqualTo(new Died(id));
        probe.expectNoMessage(QUIET);
    }

    @Test
    void everyDeathIsSeenAndHowSoonIsPrinted() throws Exception {
        long[] took = new long[30];
        for (int i = 0; i < took.length; i++) {
            Process sleeper = start("sleep", "1000");
            ProcessId id = identify(sleeper);
            TestProbe<Died> probe = watch(id);
            settle(sleeper);

            long before = System.nanoTime();
            sleeper.destroyForcibly();
            Died died = probe.receiveMessage(SOON);
            took[i] = System.nanoTime() - before;
            assertThat(died).isEqualTo(new Died(id));
        }
        Arrays.sort(took);

        System.out.printf(
                "SIGKILL to Died: p50 %.2f ms, max %.2f ms%n",
                took[took.length / 2] / 1e6, took[took.length - 1] / 1e6);
    }

    @Test
    void aDeadProcessIsReportedAtOnce() throws Exception {
        Process gone = start("true");
        ProcessId id = new ProcessId(Procfs.bootId(), (int) gone.pid(), 1);
        gone.waitFor();

        assertThat(watch(id).receiveMessage(SOON)).isEqualTo(new Died(id));
    }

    @Test
    void anotherProcessWithTheSamePidIsNotMistaken() throws Exception {
        ProcessId alive = identify(start("sleep", "1000"));
        ProcessId former = new ProcessId(alive.bootId(), alive.pid(), alive.startTime() - 1);

        assertThat(watch(former).receiveMessage(SOON)).isEqualTo(new Died(former));
    }

    @Test
    void whoCannotBeToldFromADeadProcessIsWaitedForInItsPlace() throws Exception {
        Process first = start("sleep", "1000");
        Process second = start("sleep", "1000");
        ProcessId name = identify(first);
        ProcessId next = identify(second);
        AtomicInteger opened = new AtomicInteger();
        // As if the second one had got the pid of the first within the same hundredth of a second.
        ActorRef<PidWatcher.Command> watcher = test.spawn(
                PidWatcher.create(test.loop(), asked -> processes.open(opened.getAndIncrement() == 0 ? asked : next)));
        TestProbe<Died> probe = test.kit().createTestProbe();
        watcher.tell(new PidWatcher.Watch(name, probe.getRef()));
        await().atMost(SOON).until(() -> opened.get() == 1);

        first.destroyForcibly();

        await().atMost(SOON).until(() -> opened.get() == 2);
        probe.expectNoMessage(QUIET);
        second.destroyForcibly();
        assertThat(probe.receiveMessage(SOON)).isEqualTo(new Died(name));
    }

    @Test
    void aProcessOfAnEarlierBootIsDead() throws Exception {
        ProcessId alive = identify(start("sleep", "1000"));
        ProcessId former = new ProcessId("another boot", alive.pid(), alive.startTime());

        assertThat(watch(former).receiveMessage(SOON)).isEqualTo(new Died(former));
    }

    @Test
    void aZombieThatNobodyReapedIsDead() throws Exception {
        // The shell is the zombie's parent, and has become a sleep that reaps nobody.
        Process parent = start("sh", "-c", "sleep 0.2 & echo $!; exec sleep 1000");
        int child = Integer.parseInt(readLine(parent));
        ProcessId id = identify(child);

        assertThat(watch(id).receiveMessage(SOON)).isEqualTo(new Died(id));
        assertThat(Procfs.stat(child)).get().matches(stat -> stat.state() == 'Z');
    }

    @Test
    void aLeaderThreadThatEndsBeforeTheOthersIsNotADeath() throws Exception {
        Process program = start("python3", "-c", """
                import ctypes, threading, time
                threading.Thread(target=time.sleep, args=(1000,)).start()
                print("running", flush=True)
                ctypes.CDLL(None).syscall(60, 0)  # exit: of this thread alone
                """);
        readLine(program);
        ProcessId id = identify(program);
        TestProbe<Died> probe = watch(id);
        await().atMost(SOON).until(() -> Procfs.stat(id.pid()).orElseThrow().state() == 'Z');

        probe.expectNoMessage(QUIET);
        program.destroyForcibly();
        assertThat(probe.receiveMessage(SOON)).isEqualTo(new Died(id));
    }

    @Test
    void anExecIsNotADeath() throws Exception {
        Process shell = start("sh", "-c", "read line; exec sleep 1000");
        ProcessId id = identify(shell);
        TestProbe<Died> probe = watch(id);

        shell.getOutputStream().write('\n');
        shell.getOutputStream().flush();
        settle(shell);

        probe.expectNoMessage(QUIET);
        shell.destroyForcibly();
        assertThat(probe.receiveMessage(SOON)).isEqualTo(new Died(id));
    }

    @Test
    void everySubscriberHearsOfItOnce() throws Exception {
        Process sleeper = start("sleep", "1000");
        ProcessId id = identify(sleeper);
        TestProbe<Died> first = watch(id);
        TestProbe<Died> second = watch(id);
        watcher.tell(new PidWatcher.Watch(id, first.ref()));
        // Answered in order: after this the three are watching.
        watch(new ProcessId("another boot", 1, 1)).receiveMessage(SOON);

        sleeper.destroyForcibly();

        assertThat(first.receiveMessage(SOON)).isEqualTo(new Died(id));
        assertThat(second.receiveMessage(SOON)).isEqualTo(new Died(id));
        first.expectNoMessage(QUIET);
        second.expectNoMessage(QUIET);
    }

    @Test
    void whoTakesTheWatchBackHearsNothingAndLeavesNoDescriptor() throws Exception {
        Process sleeper = start("sleep", "1000");
        ProcessId id = identify(sleeper);
        int before = descriptors();
        TestProbe<Died> probe = watch(id);
        await().atMost(SOON).until(() -> descriptors() == before + 1);

        watcher.tell(new PidWatcher.Unwatch(id, probe.ref()));

        await().atMost(SOON).until(() -> descriptors() == before);
        sleeper.destroyForcibly().waitFor();
        probe.expectNoMessage(QUIET);
    }

    @Test
    void aWatchThatFindsNoDescriptorFreeIsTriedAgain() throws Exception {
        Process sleeper = start("sleep", "1000");
        ProcessId id = identify(sleeper);
        AtomicInteger tries = new AtomicInteger();
        ActorRef<PidWatcher.Command> starved = test.spawn(PidWatcher.create(test.loop(), process -> {
            if (tries.incrementAndGet() == 1) {
                throw new LinuxException("pidfd_open", EMFILE);
            }
            return processes.open(process);
        }));
        TestProbe<Died> probe = test.kit().createTestProbe();
        starved.tell(new PidWatcher.Watch(id, probe.ref()));

        sleeper.destroyForcibly();

        assertThat(probe.receiveMessage(SOON)).isEqualTo(new Died(id));
        assertThat(tries).hasValue(2);
    }

    @Test
    void aThousandWatchesEachTellOnce() throws Exception {
        int before = descriptors();
        TestProbe<Died> probe = test.kit().createTestProbe();
        Process crowd = start("sh", "-c", "for i in $(seq 1000); do sleep 1000 & done; echo; wait");
        readLine(crowd);
        List<ProcessId> ids = new ArrayList<>();
        for (ProcessHandle child : crowd.children().toList()) {
            ids.add(identify((int) child.pid()));
        }
        assertThat(ids).hasSize(1000);
        ids.forEach(id -> watcher.tell(new PidWatcher.Watch(id, probe.ref())));
        probe.expectNoMessage(QUIET);

        crowd.children().forEach(ProcessHandle::destroyForcibly);

        List<ProcessId> died = probe.receiveSeveralMessages(1000, Duration.ofSeconds(30)).stream()
                .map(Died::process)
                .toList();
        assertThat(died).containsExactlyInAnyOrderElementsOf(ids);
        crowd.destroyForcibly().waitFor();
        await().atMost(SOON).until(() -> descriptors() <= before);
    }

    private TestProbe<Died> watch(ProcessId process) {
        TestProbe<Died> probe = test.kit().createTestProbe();
        watcher.tell(new PidWatcher.Watch(process, probe.ref()));
        return probe;
    }

    private Process start(String... command) throws IOException {
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        started.add(process);
        return process;
    }

    /** Waits until a command that ends in sleep sleeps. */
    private static void settle(Process process) {
        await().pollInterval(Duration.ofMillis(1))
                .atMost(SOON)
                .until(() ->
                        Procfs.stat((int) process.pid()).orElseThrow().command().equals("sleep"));
    }

    private static String readLine(Process process) throws IOException {
        BufferedReader lines = process.inputReader(StandardCharsets.UTF_8);
        return String.valueOf(lines.readLine());
    }

    private static ProcessId identify(Process process) throws IOException {
        return identify((int) process.pid());
    }

    private static ProcessId identify(int pid) throws IOException {
        return new ProcessId(
                Procfs.bootId(), pid, Procfs.stat(pid).orElseThrow().startTime());
    }

    /** Of the kind that a watch takes. */
    private static int descriptors() throws IOException {
        int count = 0;
        for (int fd : Procfs.fds((int) ProcessHandle.current().pid())) {
            count += isPidfd(fd) ? 1 : 0;
        }
        return count;
    }

    private static boolean isPidfd(int fd) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self/fd/" + fd))
                    .toString()
                    .contains("pidfd");
        } catch (IOException gone) {
            return false;
        }
    }

    private static Processes thisMachine() {
        try {
            return Processes.ofThisMachine();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

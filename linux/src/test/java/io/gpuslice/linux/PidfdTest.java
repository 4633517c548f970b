// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PidfdTest {
    private static final int SIGKILL = 9;

    @Test
    void aKilledProcessIsDeadAndALivingOneIsNot() throws Exception {
        try (Child child = Child.start("exec sleep 1000");
                Pidfd pidfd = Pidfd.open(child.pid())) {
            assertThat(pidfd.pid()).isEqualTo(child.pid());
            assertThat(pidfd.isDead()).isFalse();
            assertThat(pidfd.stat().orElseThrow().parent())
                    .isEqualTo(ProcessHandle.current().pid());

            pidfd.signal(SIGKILL);

            await().until(pidfd::isDead);
            assertThat(pidfd.stat()).isEmpty();
        }
    }

    @Test
    void aZombieIsDead(@TempDir Path directory) throws Exception {
        Path program = Child.compile(directory, "unreaped", """
                #include <stdio.h>
                #include <unistd.h>
                int main(void) {
                    pid_t child = fork();
                    if (child == 0) _exit(0);
                    printf("%d\\n", (int)child);
                    fflush(stdout);
                    for (;;) pause();
                }
                """);
        try (Child child = Child.start("exec \"$1\"", program.toString());
                Pidfd pidfd = Pidfd.open(Integer.parseInt(child.line()))) {
            await().until(pidfd::isDead);

            ProcessStat stat = Procfs.stat(pidfd.pid()).orElseThrow();
            assertThat(stat.state()).isEqualTo('Z');
            assertThat(stat.isDead()).isTrue();
            assertThat(pidfd.stat()).isEmpty();
        }
    }

    @Test
    void aProcessWhoseLeaderEndedBeforeItsThreadsIsAlive(@TempDir Path directory) throws Exception {
        Path program = Child.compile(directory, "leaderless", """
                #include <pthread.h>
                #include <unistd.h>
                static void *stay(void *unused) { for (;;) pause(); return unused; }
                int main(void) {
                    pthread_t thread;
                    pthread_create(&thread, NULL, stay, NULL);
                    pthread_exit(NULL);
                }
                """);
        try (Child child = Child.start("exec \"$1\"", program.toString());
                Pidfd pidfd = Pidfd.open(child.pid())) {
            await().until(() -> Procfs.stat(child.pid()).orElseThrow().state() == 'Z');

            assertThat(pidfd.isDead()).isFalse();
            assertThat(pidfd.stat().orElseThrow().isDead()).isFalse();
            pidfd.signal(SIGKILL);
            await().until(pidfd::isDead);
        }
    }

    @Test
    void aPidThatNobodyHasCannotBeHeld() throws Exception {
        int gone;
        try (Child child = Child.start("exit 0")) {
            gone = child.pid();
            child.process().waitFor();
        }
        LinuxException e = catchThrowableOfType(LinuxException.class, () -> Pidfd.open(gone));

        assertThat(e.errno()).isEqualTo(Errno.ESRCH);
        assertThat(e).hasMessage("syscall pidfd_open " + gone + ": No such process");
    }

    @Test
    void thePeerOfASocketIsHeld(@TempDir Path directory) throws Exception {
        Path path = directory.resolve("s");
        try (Listener listener = Listener.at(path);
                UnixSocket socket = UnixSocket.connect(path, Duration.ofSeconds(5));
                Pidfd pidfd = Pidfd.ofPeer(socket.fd())) {
            assertThat(listener.path()).isEqualTo(path);
            assertThat(pidfd.pid()).isEqualTo((int) ProcessHandle.current().pid());
            assertThat(pidfd.isDead()).isFalse();
        }
    }
}

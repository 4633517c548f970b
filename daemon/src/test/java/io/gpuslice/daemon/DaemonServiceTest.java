// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class DaemonServiceTest {

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @Test
    void theServiceManagerHearsWhenTheDaemonAnswersReloadsAndEnds() throws Exception {
        try (NotifySocket manager = NotifySocket.in(directory);
                DaemonProcess daemon =
                        DaemonProcess.startWith(List.of("NOTIFY_SOCKET=" + manager.address()), directory)) {
            String ready = "READY=1|STATUS=listening at " + daemon.socket() + "; HTTP at "
                    + daemon.http().url();
            assertThat(manager.next()).isEqualTo(ready);

            daemon.hangUp();
            assertThat(manager.next()).matches("RELOADING=1\\|MONOTONIC_USEC=\\d+");
            assertThat(manager.next()).isEqualTo(ready);

            assertThat(daemon.stop()).isZero();
            assertThat(manager.next()).startsWith("STOPPING=1");
        }
    }

    @Test
    void aWatchdogHearsThatTheDaemonLives() throws Exception {
        try (NotifySocket manager = NotifySocket.in(directory);
                DaemonProcess daemon = DaemonProcess.startWith(
                        List.of("NOTIFY_SOCKET=" + manager.address(), "WATCHDOG_USEC=200000"), directory)) {
            assertThat(manager.nextNews()).startsWith("READY=1");
            for (int i = 0; i < 5; i++) {
                assertThat(manager.next()).isEqualTo("WATCHDOG=1");
            }

            assertThat(daemon.stop()).isZero();
            assertThat(manager.nextNews()).startsWith("STOPPING=1");
        }
    }

    @Test
    void aServiceManagerThatDoesNotHearKeepsNothingFromStarting() throws Exception {
        try (DaemonProcess daemon =
                DaemonProcess.startWith(List.of("NOTIFY_SOCKET=" + directory.resolve("gone")), directory)) {
            // Said when it listens, which is when the test goes on.
            await().untilAsserted(() ->
                    assertThat(daemon.errors()).contains("the service manager cannot be told how the daemon does: "));
            assertThat(daemon.stop()).isZero();
        }
    }
}

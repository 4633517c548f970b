// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class DaemonReloadTest {

    private static final Duration PATIENCE = Duration.ofSeconds(20);

    // Sockets have short paths.
    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @Test
    void whatCanChangeDoesAtOnceAndWhatCannotIsSaidToNeedARestart() throws Exception {
        Path file = Files.writeString(directory.resolve("gpuslice.conf"), "sessions.max = 1\nlog.level = warn\n");
        try (DaemonProcess daemon = DaemonProcess.start(directory, "--config", file.toString());
                Client client = daemon.connect()) {
            assertThat(client.ask(open())).isInstanceOf(Frame.Opened.class);
            assertThat(client.ask(open())).isInstanceOf(Frame.ErrorFrame.class);
            assertThat(daemon.errors()).doesNotContain("listening at");

            Files.writeString(
                    file, "sessions.max = 2\naudit.max-size = 1GB\nsessions.end-grace = 3s\nlog.level = info\n");
            daemon.hangUp();

            // Of level info, and so not said before that is in force.
            hears(daemon, "SIGHUP: sessions.max is 2 from now on (" + file + ": 1); it was 1");
            hears(daemon, "SIGHUP: audit.max-size is 1GB from now on (" + file + ": 2); it was 64MB");
            hears(daemon, "SIGHUP: log.level is info from now on (" + file + ": 4); it was warn");
            hears(
                    daemon,
                    "SIGHUP: sessions.end-grace is to be 3s (" + file
                            + ": 3), and that needs a restart; until then it is" + " 10s");
            assertThat(client.ask(open())).isInstanceOf(Frame.Opened.class);
            assertThat(client.ask(open()))
                    .isInstanceOfSatisfying(
                            Frame.ErrorFrame.class,
                            refused -> assertThat(refused.text())
                                    .startsWith("2 sessions are open, and sessions.max allows no more"));
        }
    }

    @Test
    void seriesOfSessionsCanBeSwitchedOffAndOn() throws Exception {
        Path file = Files.writeString(directory.resolve("gpuslice.conf"), "metrics.sessions = true\n");
        try (DaemonProcess daemon = DaemonProcess.start(directory, "--config", file.toString());
                Client client = daemon.connect()) {
            assertThat(client.ask(open())).isInstanceOf(Frame.Opened.class);
            for (boolean shown : new boolean[] {true, false, true}) {
                Files.writeString(file, "metrics.sessions = " + shown + "\n");
                daemon.hangUp();

                await().atMost(PATIENCE)
                        .untilAsserted(
                                () -> assertThat(daemon.http().get("/metrics").body())
                                        .contains("\ngpuslice_sessions_active 1\n")
                                        .satisfies(scrape -> assertThat(scrape.contains("session="))
                                                .isEqualTo(shown)));
            }
        }
    }

    @Test
    void filesThatMakeNoSenseChangeNothing() throws Exception {
        Path file = Files.writeString(directory.resolve("gpuslice.conf"), "sessions.max = 1\n");
        try (DaemonProcess daemon = DaemonProcess.start(directory, "--config", file.toString());
                Client client = daemon.connect()) {
            Files.writeString(file, "sessions.max = 2\nsessions.maxx = 3\nlog.level = loud\n");
            daemon.hangUp();

            hears(daemon, "SIGHUP: " + file + ": 2: there is no setting sessions.maxx; did you mean sessions.max?");
            hears(daemon, "SIGHUP: " + file + ": 3: log.level: ");
            hears(daemon, "those that were in force stay");
            assertThat(client.ask(open())).isInstanceOf(Frame.Opened.class);
            assertThat(client.ask(open())).isInstanceOf(Frame.ErrorFrame.class);
        }
    }

    @Test
    void aSignalWithoutAChangeSaysSo() throws Exception {
        try (DaemonProcess daemon = DaemonProcess.start(directory)) {
            daemon.hangUp();

            hears(daemon, "SIGHUP: no setting has changed");
        }
    }

    private static Frame.Open open() {
        return new Frame.Open("", "64MB", "", 0, Abi.FLAG_KEEP);
    }

    private static void hears(DaemonProcess daemon, String text) {
        // A line may be half written.
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(daemon.log())
                        .extracting(line -> line.path("message").asText())
                        .anyMatch(message -> message.contains(text)));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(30)
class ServiceManagerTest {

    private static final long PID = ProcessHandle.current().pid();

    @TempDir
    Path directory = Path.of("");

    /** The other end, of which Java has none: prints each datagram, and who the kernel says has sent it, on a line. */
    private record Listener(Process process, BufferedReader heard) implements AutoCloseable {
        private static final String PROGRAM = """
                import socket, struct, sys
                s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                s.bind(sys.argv[1].replace("@", "\\0", 1))
                print("listening", flush=True)
                while True:
                    data, control, _, _ = s.recvmsg(4096, 1024)
                    pid = struct.unpack("iII", control[0][2])[0]
                    print(pid, data.decode().replace("\\n", "|"), flush=True)
                """;

        static Listener at(String address) throws IOException {
            Process process = new ProcessBuilder("python3", "-c", PROGRAM, address)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            Listener listener = new Listener(process, process.inputReader(StandardCharsets.UTF_8));
            assertThat(listener.heard().readLine()).isEqualTo("listening");
            return listener;
        }

        String next() throws IOException {
            return String.valueOf(heard.readLine());
        }

        @Override
        public void close() {
            process.destroyForcibly().onExit().join();
        }
    }

    private static ServiceManager at(String address) {
        return ServiceManager.of(Map.of("NOTIFY_SOCKET", address), PID).orElseThrow();
    }

    @Test
    void everyWordIsOneDatagramOfThisProcess() throws Exception {
        String address = directory.resolve("notify").toString();
        try (Listener listener = Listener.at(address)) {
            ServiceManager manager = at(address);
            manager.ready("listening at /run/x; HTTP at no address");
            manager.alive();
            manager.stopping();

            assertThat(listener.next()).isEqualTo(PID + " READY=1|STATUS=listening at /run/x; HTTP at no address");
            assertThat(listener.next()).isEqualTo(PID + " WATCHDOG=1");
            assertThat(listener.next()).isEqualTo(PID + " STOPPING=1|STATUS=stopping");
        }
    }

    @Test
    void aReloadSaysWhenItBeganByTheClockThatTheServiceManagerReads() throws Exception {
        String address = directory.resolve("notify").toString();
        try (Listener listener = Listener.at(address)) {
            long before = KernelClock.nanos(1) / 1000;
            at(address).reloading();
            long after = KernelClock.nanos(1) / 1000;

            String word = listener.next();
            assertThat(word).startsWith(PID + " RELOADING=1|MONOTONIC_USEC=");
            assertThat(Long.parseLong(word.substring(word.lastIndexOf('=') + 1)))
                    .isBetween(before, after);
        }
    }

    @Test
    void anAddressMayBeInTheAbstractNameSpace() throws Exception {
        String address = "@gpuslice-test/" + PID;
        try (Listener listener = Listener.at(address)) {
            at(address).alive();

            assertThat(listener.next()).isEqualTo(PID + " WATCHDOG=1");
        }
    }

    @Test
    void oneThatHasGoneIsAnExceptionThatNamesIt() {
        String address = directory.resolve("gone").toString();

        assertThatExceptionOfType(LinuxException.class)
                .isThrownBy(() -> at(address).alive())
                .withMessage("sendto " + address + ": No such file or directory");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> at("/" + "x".repeat(107)).alive())
                .withMessageContaining("has 108 bytes, the kernel takes 107");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "vsock:2:1234", "relative"})
    void whereNoneIsNamedThatCanBeToldNobodyIsTold(String address) {
        assertThat(ServiceManager.of(Map.of(), PID)).isEmpty();
        assertThat(ServiceManager.of(Map.of("NOTIFY_SOCKET", address), PID)).isEmpty();
    }

    @Test
    void aWatchdogIsWantedByWhomeverItIsMeantFor() {
        assertThat(watchdog(Map.of("WATCHDOG_USEC", "30000000"))).isEqualTo(Duration.ofSeconds(30));
        assertThat(watchdog(Map.of("WATCHDOG_USEC", "30000000", "WATCHDOG_PID", "" + PID)))
                .isEqualTo(Duration.ofSeconds(30));
        assertThat(watchdog(Map.of("WATCHDOG_USEC", "30000000", "WATCHDOG_PID", "" + (PID + 1))))
                .isZero();
        for (String none : new String[] {"", "0", "-1", "soon"}) {
            assertThat(watchdog(Map.of("WATCHDOG_USEC", none))).isZero();
        }
    }

    /** Zero where there is none. */
    private static Duration watchdog(Map<String, String> variables) {
        Map<String, String> environment = new HashMap<>(variables);
        environment.put("NOTIFY_SOCKET", "/run/systemd/notify");
        return ServiceManager.of(environment, PID).orElseThrow().watchdog().orElse(Duration.ZERO);
    }
}

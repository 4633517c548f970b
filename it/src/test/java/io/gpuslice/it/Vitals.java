// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What a daemon has of the kernel, and what it says: where leaks and crashes show. */
record Vitals(long descriptors, long pages, long threads, long residentBytes) {

    /** What may come and go: HTTP's idle connections, pools that are still warm. */
    private static final int SLACK = 24;

    private static final long MOST_RESIDENT = 640 * Rig.MIB;

    static Vitals of(Guest daemon) {
        Path process = Path.of("/proc", Long.toString(daemon.pid()));
        try (Stream<Path> descriptors = Files.list(process.resolve("fd"));
                Stream<String> mappings = Files.lines(process.resolve("maps"))) {
            return new Vitals(
                    descriptors.count(),
                    mappings.filter(mapping -> mapping.contains("memfd:gpuslice"))
                            .count(),
                    status(process, "Threads:"),
                    status(process, "VmRSS:") << 10);
        } catch (IOException e) {
            throw new AssertionError("the daemon is gone\n" + daemon.errors(), e);
        }
    }

    private static long status(Path process, String name) throws IOException {
        try (Stream<String> lines = Files.lines(process.resolve("status"))) {
            return lines.filter(line -> line.startsWith(name))
                    .map(line -> line.substring(name.length()).strip().split(" ")[0])
                    .mapToLong(Long::parseLong)
                    .findFirst()
                    .orElseThrow();
        }
    }

    /** Waits until the daemon has again what it had, and is ready; it has not said anything that only its makers understand. */
    void assertRegained(Rig rig, Guest daemon) {
        Rig.eventually(() -> {
            Vitals now = of(daemon);
            return now.descriptors <= descriptors + SLACK && now.pages <= pages && now.threads <= threads + SLACK;
        });
        assertThat(of(daemon).residentBytes).isLessThan(MOST_RESIDENT);
        Rig.eventually(() -> rig.web().get("/health/ready").status() == 200);
        assertUnderstandable(daemon.errors());
    }

    /** No stack trace, no name of a Java exception, no crash. */
    static void assertUnderstandable(String said) {
        assertThat(said)
                .doesNotContain("stepArray")
                .doesNotContain("\tat ")
                .doesNotContain("Exception")
                .doesNotContain("OutOfMemoryError")
                .doesNotContain("\"level\":\"ERROR\"");
    }
}

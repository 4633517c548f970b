// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.Stream;

/**
 * What the kernel says of this process. Where it does not say, the number is 0.
 *
 * @param cpu user and system, all threads
 * @param resident bytes
 */
record ProcessNumbers(Instant clock, Duration cpu, long resident, long openFiles, long maxFiles, Instant started) {
    private static final Path SELF = Path.of("/proc/self");

    /** Reads a few files of procfs, which takes tens of microseconds. */
    static ProcessNumbers now() {
        ProcessHandle.Info info = ProcessHandle.current().info();
        return new ProcessNumbers(
                Instant.now(),
                info.totalCpuDuration().orElse(Duration.ZERO),
                number("status", "VmRSS:") * 1024,
                openNow(),
                number("limits", "Max open files"),
                info.startInstant().orElse(Instant.EPOCH));
    }

    /** The first number in the line of that file that begins so. */
    private static long number(String file, String begin) {
        try (Stream<String> lines = Files.lines(SELF.resolve(file))) {
            return lines.filter(line -> line.startsWith(begin))
                    .flatMap(line -> Stream.of(line.substring(begin.length()).split("[^0-9]+")))
                    .filter(word -> !word.isEmpty())
                    .findFirst()
                    .map(Long::parseLong)
                    .orElse(0L);
        } catch (IOException e) {
            return 0;
        }
    }

    private static long openNow() {
        try (Stream<Path> files = Files.list(SELF.resolve("fd"))) {
            return files.count();
        } catch (IOException e) {
            return 0;
        }
    }
}

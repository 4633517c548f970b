// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LoaderSearchTest extends OnAMadeMachine {
    private static final String NAME = "libcuda.so.1";

    private Path found() throws IOException {
        return new LoaderSearch(made.machine()).find(NAME).orElseThrow();
    }

    /** As ldconfig writes it. */
    private void cache(String before, Map<String, String> paths) throws IOException {
        ByteArrayOutputStream strings = new ByteArrayOutputStream();
        ByteBuffer entries = ByteBuffer.allocate(48 + 24 * paths.size()).order(ByteOrder.LITTLE_ENDIAN);
        entries.put("glibc-ld.so.cache1.1".getBytes(StandardCharsets.US_ASCII))
                .putInt(paths.size())
                .position(48);
        paths.forEach((path, name) -> {
            entries.putInt(0x0303).putInt(entries.capacity() + strings.size());
            strings.writeBytes((name + "\0").getBytes(StandardCharsets.US_ASCII));
            entries.putInt(entries.capacity() + strings.size()).putInt(0).putLong(0);
            strings.writeBytes((path + "\0").getBytes(StandardCharsets.US_ASCII));
        });
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.writeBytes(before.getBytes(StandardCharsets.US_ASCII));
        whole.writeBytes(entries.array());
        whole.writeBytes(strings.toByteArray());
        Files.write(made.file("/etc/ld.so.cache", ""), whole.toByteArray());
    }

    @Test
    void theVariableComesBeforeTheCacheAndThatBeforeTheSystemsDirectories() throws IOException {
        Path system = made.library("/usr/lib/" + NAME);
        assertThat(found()).isEqualTo(system);

        Path cached = made.library("/opt/nvidia/" + NAME);
        cache("", Map.of("/opt/nvidia/" + NAME, NAME, "/opt/other/libother.so.1", "libother.so.1"));
        assertThat(found()).isEqualTo(cached);

        Path chosen = made.library("/home/me/" + NAME);
        made.environment.put("LD_LIBRARY_PATH", "/nowhere::/home/me");
        assertThat(found()).isEqualTo(chosen);
    }

    @Test
    void aLibraryForAnotherMachineIsPassedOver() throws IOException {
        made.environment.put("LD_LIBRARY_PATH", "/foreign");
        byte[] head = MadeMachine.elfHead();
        head[18]++;
        Files.write(made.file("/foreign/" + NAME, ""), head);
        made.file("/lib/" + NAME, "GROUP ( libcuda.so.550 )");
        Path system = made.library("/usr/lib/" + NAME);
        assertThat(found()).isEqualTo(system);
    }

    @Test
    void theOlderPartInFrontOfACacheIsPassedOver() throws IOException {
        Path cached = made.library("/opt/nvidia/" + NAME);
        cache("ld.so-1.7.0\0\0\0\0\0", Map.of("/opt/nvidia/" + NAME, NAME));
        assertThat(found()).isEqualTo(cached);
    }

    @Test
    void aCacheThatMakesNoSenseIsNone() throws IOException {
        Path system = made.library("/usr/lib/" + NAME);
        cache("", Map.of("/opt/nvidia/" + NAME, NAME));
        Path file = made.machine().at("/etc/ld.so.cache");
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThat(found()).as("cut off after " + length).isEqualTo(system);
        }
    }

    @Test
    void onThisMachineItFindsTheLibraryThatThisProgramHas() throws IOException {
        MadeMachine real = new MadeMachine(Path.of("/"));
        String libc = new LoaderSearch(real.machine())
                .find("libc.so.6")
                .orElseThrow()
                .toRealPath()
                .toString();
        assertThat(Files.readAllLines(Path.of("/proc/self/maps"))).anyMatch(line -> line.endsWith(" " + libc));
    }
}

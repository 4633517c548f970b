// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Random operations of every family: the ledger page and the simulated card's books agree, kind by kind and to the byte
 * (it/differential). The seed is new in each run; a mismatch prints it.
 */
class DifferentialTest {

    /** A pool or the memory of graphs grows by whole chunks (2 MiB here), of which some may come at one call. */
    private static final long MOST_ROUNDED = 16 * Rig.MIB;

    private final Rig rig = Rig.idle();

    @AfterEach
    void close() {
        rig.close();
    }

    private Path program(String name) {
        return rig.tree.root().resolve("build/differential").resolve(name);
    }

    private static String seed() {
        return Long.toString(ThreadLocalRandom.current().nextLong(1L << 32));
    }

    /** Runs it to its end, which must be a good one, and returns its last line. */
    private String toTheEnd(Guest guest) {
        String end = guest.await("seed=");
        assertThat(guest.exitCode()).as(guest.errors()).isZero();
        return end;
    }

    @Test
    void theBooksAgreeUnderTheDaemon() {
        rig.with("FAKECUDA_MEMORY", "16G").daemon();
        String roomy = toTheEnd(differential("16GiB", 20_000));
        assertThat(Guest.number(roomy, "steps")).isEqualTo(20_000);
        String tight = toTheEnd(differential("0=32MiB,1=48MiB", 3_000, "--without", "tiles-map"));
        assertThat(Guest.number(tight, "refused")).isPositive();
    }

    private Guest differential(String limit, int steps, String... options) {
        List<Object> arguments = new ArrayList<>(List.of("run", "--limit", limit, "--", program("differential")));
        arguments.addAll(List.of("--seed", seed(), "--steps", steps));
        arguments.addAll(List.of(options));
        return rig.gpuslice(arguments.toArray());
    }

    /** Under the lender, a stand-in for the daemon: faster, and nobody else's fault. */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "limits that are met all the time, 16G, 33554432, --without tiles-map --steps 20000",
        "a card that is full first, '32M,48M', 17179869184, --without tiles-map --steps 20000",
        "four threads, 16G, 17179869184, --threads 4 --steps 10000",
        "four threads with limits that are met, 16G, 67108864, --without tiles-map --threads 4 --steps 5000",
        "four processes, 16G, 134217728, --without tiles-map --processes 4 --steps 5000",
    })
    void theBooksAgreeWith(String what, String memory, String limit, String options) {
        rig.with("FAKECUDA_MEMORY", memory);
        List<String> command = new ArrayList<>(List.of(
                program("lender").toString(),
                limit,
                limit,
                rig.library().toString(),
                "--",
                program("differential").toString(),
                "--seed",
                seed()));
        command.addAll(List.of(options.split(" ")));
        Guest lender = rig.start(command, rig.environment());
        toTheEnd(lender);
        Matcher held =
                Pattern.compile("held over the limit: \\d+ times, (\\d+) bytes").matcher(lender.output());
        assertThat(held.find()).as(lender.output()).isTrue();
        assertThat(Long.parseLong(held.group(1)))
                .as("what the driver rounds up by itself, and no more")
                .isLessThan(MOST_ROUNDED);
    }
}

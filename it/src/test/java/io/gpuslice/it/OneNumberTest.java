// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** What a program is told, what people are told, and what the card holds, are one number. */
class OneNumberTest {
    @AutoClose
    private final Rig rig = Rig.running();

    @Test
    void ofAQuietSessionEverySurfaceSaysTheSameToTheByte() {
        String session = rig.create("64MB");
        Guest first = rig.in(session, "holder", "--count", 10);
        first.await("ready held=10");
        first.say("less 3"); // so that there is credit, which must show as free
        first.await("held=7");
        Guest second = rig.in(session, "fill", "--step", 1_000_001, "--max", 18, "--hold");
        String told = second.await("held");
        assertThat(told).startsWith("held=18 refused=0").endsWith("info=0");

        long used = 7 * Rig.MIB + 18 * 1_000_001;
        assertThat(Guest.number(told, "total")).isEqualTo(64 * Rig.MIB);
        assertThat(Guest.number(told, "free")).isEqualTo(64 * Rig.MIB - used);
        assertThat(rig.heldOnCard()).isEqualTo(used);
        JsonNode inspected = rig.inspect(session);
        assertThat(inspected.path("used_bytes").asLong()).isEqualTo(used);
        assertThat(inspected.path("processes"))
                .extracting(process -> process.path("used_bytes").asLong())
                .containsExactlyInAnyOrder(7 * Rig.MIB, 18 * 1_000_001L);
        JsonNode onDevice = inspected.path("devices").path(0);
        assertThat(onDevice.path("used_bytes").asLong()).isEqualTo(used);
        assertThat(onDevice.path("limit_bytes").asLong()).isEqualTo(64 * Rig.MIB);
        JsonNode listed = Rig.json(rig.run("ps", "--format", "json").ok().out());
        assertThat(listed).as("ps").containsExactly(inspected);
        assertThat(rig.web().get("/sessions/" + session).with(200).json())
                .as("HTTP")
                .isEqualTo(inspected);
        String device = onDevice.path("uuid").asText();
        Map<String, String> labels = Map.of("session", session, "device", device);
        Scrape scrape = rig.web().scrape();
        assertThat(scrape.number("gpuslice_used_bytes", labels)).isEqualTo(used);
        assertThat(scrape.number("gpuslice_limit_bytes", labels)).isEqualTo(64 * Rig.MIB);
        assertThat(scrape.number("gpuslice_used_bytes_total")).isEqualTo(used);
        JsonNode card = rig.card().path("devices").path(0);
        assertThat(rig.web().get("/devices").with(200).json().path("devices"))
                .filteredOn(known -> known.path("uuid").asText().equals(device))
                .singleElement()
                .satisfies(known -> {
                    assertThat(card.path("uuid").asText()).isEqualTo(device);
                    assertThat(known.path("total_bytes").asLong())
                            .isEqualTo(card.path("capacity").asLong());
                });
    }

    @Test
    void aLimitAboveTheCardsOwnMemoryPromisesNoMoreThanTheCardHas() {
        String session = rig.create("8GB");

        String told = rig.in(session, "fill", "--max", 10, "--hold").await("held");

        long capacity = rig.card().path("devices").path(0).path("capacity").asLong();
        assertThat(capacity).isEqualTo(4096 * Rig.MIB);
        assertThat(Guest.number(told, "total")).isEqualTo(capacity);
        assertThat(Guest.number(told, "free")).isEqualTo(capacity - 10 * Rig.MIB);
    }

    @Test
    void everyWayToAskTellsTheSameNumbers() {
        String session = rig.create("64MB");
        Guest guest = rig.in(session, "numbers", "--blocks", 10, "--async", 2, "--graph", 3);
        List<String> lines = guest.awaitAll("ready");

        long used = (10 + 2 * 2 + 3 * 2) * Rig.MIB;
        assertThat(rig.used(session)).isEqualTo(used);
        assertThat(rig.heldOnCard()).isEqualTo(used);
        List<String> told = lines.stream().filter(line -> line.contains(" by=")).toList();
        assertThat(told)
                .hasSize(16)
                .allSatisfy(line -> assertThat(Guest.numbers(line)).satisfies(numbers -> {
                    assertThat(numbers).containsEntry("total", 64 * Rig.MIB);
                    assertThat(numbers.getOrDefault("free", 64 * Rig.MIB - used))
                            .isEqualTo(64 * Rig.MIB - used);
                    assertThat(numbers.getOrDefault("used", used)).isEqualTo(used);
                }));
        assertThat(told)
                .extracting(line -> line.substring(0, line.indexOf(' ')))
                .contains(
                        "cuMemGetInfo",
                        "cuMemGetInfo_v2",
                        "cudaMemGetInfo",
                        "cuDeviceTotalMem",
                        "cuDeviceTotalMem_v2",
                        "nvmlDeviceGetMemoryInfo",
                        "nvmlDeviceGetMemoryInfo_v2");
        assertThat(lines)
                .contains("pool reserved=%1$d used=%1$d".formatted(2 * 2 * Rig.MIB))
                .contains("graph reserved=%1$d used=%1$d".formatted(3 * 2 * Rig.MIB));
    }

    @Test
    void aPythonProgramIsToldTheSameNumbers() {
        String session = rig.create("64MB");
        Guest guest = rig.gpuslice("exec", session, "--", "python3", rig.tree.program("driver.py"), 10);

        List<String> lines = guest.awaitAll("nvmlDeviceGetMemoryInfo_v2");

        assertThat(lines)
                .containsExactly(
                        "held=10 refused=0",
                        "cuMemGetInfo free=%d total=%d".formatted(54 * Rig.MIB, 64 * Rig.MIB),
                        "cuDeviceTotalMem total=%d".formatted(64 * Rig.MIB),
                        "nvmlDeviceGetMemoryInfo total=%d free=%d used=%d"
                                .formatted(64 * Rig.MIB, 54 * Rig.MIB, 10 * Rig.MIB),
                        "nvmlDeviceGetMemoryInfo_v2 total=%d free=%d used=%d"
                                .formatted(64 * Rig.MIB, 54 * Rig.MIB, 10 * Rig.MIB));
    }

    @Test
    void callsThatMakeNoSenseGetTheDriversOwnAnswersAndCostNothing() {
        String session = rig.create("64MB");

        Guest limited = rig.in(session, "nulls").finish();
        Guest bare = rig.bare("nulls").finish();

        assertThat(limited.exitCode()).as(limited.errors()).isZero();
        assertThat(limited.output().lines())
                .hasSizeGreaterThan(150)
                .containsExactlyElementsOf(bare.output().lines().toList());
        assertThat(limited.output()).endsWith("held=0");
        Rig.eventually(() -> rig.used(session) == 0);
    }
}

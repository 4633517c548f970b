// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
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
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** A device is known by its UUID: whatever number a program gives it, its limit is its own. */
class DevicesTest {
    @AutoClose
    private static final Rig rig = Rig.idle().with("FAKECUDA_DEVICES", "3");

    private static final Guest daemon = rig.daemon();
    private static final List<String> uuids = StreamSupport.stream(
                    rig.card().path("devices").spliterator(), false)
            .map(device -> device.path("uuid").asText())
            .toList();

    private final List<Guest> guests = new ArrayList<>();

    /** So that the card is empty for the next test. */
    @AfterEach
    void endTheGuests() {
        guests.forEach(Guest::close);
    }

    private Guest devices(String session, String visible) {
        Guest guest = rig.gpuslice(
                "exec", session, "--", "/usr/bin/env", "CUDA_VISIBLE_DEVICES=" + visible, rig.tree.program("devices"));
        guests.add(guest);
        assertThat(guest.await("ready")).endsWith("code=0");
        return guest;
    }

    private static String tell(Guest guest, String what) {
        guest.say(what);
        return guest.await(
                switch (what.split(" ")[0]) {
                    case "fill" -> "filled";
                    case "create" -> "created";
                    case "free" -> "freed";
                    default -> what.split(" ")[0];
                });
    }

    /** By the daemon's books, in the card's order. */
    private List<Long> used(String session) {
        JsonNode devices = rig.inspect(session).path("devices");
        return uuids.stream()
                .map(uuid -> StreamSupport.stream(devices.spliterator(), false)
                        .filter(device -> device.path("uuid").asText().equals(uuid))
                        .mapToLong(device -> device.path("used_bytes").asLong(-1))
                        .sum())
                .toList();
    }

    private List<Long> onCard() {
        return StreamSupport.stream(rig.card().path("devices").spliterator(), false)
                .map(device -> device.path("used").asLong(-1))
                .toList();
    }

    private void assertThatTheyHold(String session, long first, long second, long third) {
        List<Long> expected = List.of(first * Rig.MIB, second * Rig.MIB, third * Rig.MIB);
        assertThat(used(session)).as("the daemon's books").isEqualTo(expected);
        assertThat(onCard()).as("the card's books").isEqualTo(expected);
    }

    @Test
    void eachDeviceHasTheLimitThatWasGivenForIt() {
        String session = rig.create("0=64MB,1=32MB,2=16MB");
        Guest guest = devices(session, "0,1,2");

        assertThat(tell(guest, "fill 2")).isEqualTo("filled device=2 held=16 refused=2");
        assertThat(tell(guest, "fill 0")).isEqualTo("filled device=0 held=64 refused=2");
        assertThat(tell(guest, "fill 1")).isEqualTo("filled device=1 held=32 refused=2");

        assertThatTheyHold(session, 64, 32, 16);
        assertThat(tell(guest, "show 1")).isEqualTo("show device=1 total=%d free=0".formatted(32 * Rig.MIB));
        assertThat(tell(guest, "show 2")).isEqualTo("show device=2 total=%d".formatted(16 * Rig.MIB));
        assertThat(tell(guest, "free")).isEqualTo("freed failed=0");
        assertThatTheyHold(session, 0, 0, 0);
    }

    @Test
    void devicesThatAProgramSeesInAnotherOrderKeepTheirLimits() {
        String session = rig.create("0=64MB,1=32MB,2=16MB");
        Guest guest = devices(session, "2,0");

        assertThat(tell(guest, "fill 0")).isEqualTo("filled device=0 held=16 refused=2");
        assertThat(tell(guest, "fill 1")).isEqualTo("filled device=1 held=64 refused=2");

        assertThatTheyHold(session, 64, 0, 16);
    }

    @Test
    void aDeviceThatIsNamedByItsUuidKeepsItsLimit() {
        String session = rig.create("0=64MB,1=32MB,2=16MB");
        Guest whole = devices(session, uuids.get(1));
        assertThat(tell(whole, "fill 0")).isEqualTo("filled device=0 held=32 refused=2");
        Guest two = devices(session, uuids.get(2) + "," + uuids.get(1));
        assertThat(tell(two, "fill 0")).isEqualTo("filled device=0 held=16 refused=2");
        assertThat(tell(two, "fill 1")).as("the other process has it").isEqualTo("filled device=1 held=0 refused=2");

        assertThatTheyHold(session, 0, 32, 16);
    }

    @Test
    void twoProcessesThatBothSayDevice0AreOnTheirOwnDevices() {
        String session = rig.create("64MB");
        Guest first = devices(session, "0");
        Guest second = devices(session, "1");

        assertThat(tell(first, "fill 0")).isEqualTo("filled device=0 held=64 refused=2");
        assertThat(tell(second, "fill 0")).isEqualTo("filled device=0 held=64 refused=2");

        assertThatTheyHold(session, 64, 64, 0);
        first.kill().exitCode();
        Rig.eventually(() -> used(session).equals(List.of(0L, 64 * Rig.MIB, 0L)));
        assertThatTheyHold(session, 0, 64, 0);
    }

    @Test
    void withoutACurrentContextTheDriverAnswersAndNothingIsCharged() {
        String session = rig.create("64MB");
        Guest guest = devices(session, "0,1,2");
        Guest bare = rig.bare("devices");
        guests.add(bare);
        bare.await("ready");

        for (String step : List.of("none", "plain", "show 1", "create 7", "free")) {
            String answer = tell(guest, step);
            if (!step.startsWith("show")) {
                assertThat(answer).isEqualTo(tell(bare, step));
            }
        }

        assertThatTheyHold(session, 0, 0, 0);
        assertThat(tell(guest, "fill 0")).isEqualTo("filled device=0 held=64 refused=2");
    }

    @Test
    void physicalMemoryIsChargedToItsOwnDeviceWhateverContextIsCurrent() {
        String session = rig.create("0=64MB,1=32MB,2=16MB");
        Guest guest = devices(session, "0,1,2");
        assertThat(tell(guest, "create 1")).as("no context at all").isEqualTo("created device=1 held=16 refused=2");

        assertThat(tell(guest, "fill 0")).isEqualTo("filled device=0 held=64 refused=2");
        assertThat(tell(guest, "create 2")).as("0 is current").isEqualTo("created device=2 held=8 refused=2");

        assertThatTheyHold(session, 64, 32, 16);
        assertThat(tell(guest, "free")).isEqualTo("freed failed=0");
        assertThatTheyHold(session, 0, 0, 0);
        assertThat(daemon.alive()).isTrue();
    }
}

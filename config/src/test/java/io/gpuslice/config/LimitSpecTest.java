// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.config.LimitSpec.Device;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LimitSpecTest {
    private static final long GIB = 1L << 30;
    private static final Device FIRST =
            new Device(0, "GPU-ab120000-0000-0000-0000-000000000000", OptionalLong.of(24 * GIB));
    private static final Device SECOND =
            new Device(1, "GPU-ab990000-0000-0000-0000-000000000000", OptionalLong.of(10 * GIB + 1));
    private static final Device UNKNOWN =
            new Device(2, "GPU-ffff0000-0000-0000-0000-000000000000", OptionalLong.empty());
    private static final List<Device> BOTH = List.of(FIRST, SECOND);

    private static LimitSpec.Resolved resolve(String limit, List<Device> devices) {
        return LimitSpec.parse(limit).resolve(devices);
    }

    @Test
    void oneAmountHoldsOnEachDevice() {
        assertThat(resolve("8GB", BOTH)).isEqualTo(new LimitSpec.Resolved(8 * GIB, Map.of(), List.of()));
        assertThat(resolve("8GB", List.of())).isEqualTo(new LimitSpec.Resolved(8 * GIB, Map.of(), List.of()));
    }

    @Test
    void aShareIsTakenOfEachDeviceRoundedDown() {
        assertThat(resolve("50%", BOTH))
                .isEqualTo(
                        new LimitSpec.Resolved(0, Map.of(FIRST.uuid(), 12 * GIB, SECOND.uuid(), 5 * GIB), List.of()));
        assertThat(resolve("0.01%", BOTH).perDevice()).containsEntry(FIRST.uuid(), 24 * GIB / 10_000);
        assertThat(resolve("100%", BOTH).perDevice()).containsEntry(SECOND.uuid(), 10 * GIB + 1);
        Device huge = new Device(0, FIRST.uuid(), OptionalLong.of(Long.MAX_VALUE));
        assertThat(resolve("100%", List.of(huge)).perDevice()).containsEntry(FIRST.uuid(), Long.MAX_VALUE);
    }

    @Test
    void devicesAreNamedByIndexOrByTheStartOfTheirUuid() {
        assertThat(resolve("0=8GB,gpu-AB99=50%", BOTH))
                .isEqualTo(new LimitSpec.Resolved(0, Map.of(FIRST.uuid(), 8 * GIB, SECOND.uuid(), 5 * GIB), List.of()));
    }

    @Test
    void exceptionsStandBesideADefault() {
        assertThat(resolve("8GB,1=4GB", BOTH))
                .isEqualTo(new LimitSpec.Resolved(8 * GIB, Map.of(SECOND.uuid(), 4 * GIB), List.of()));
    }

    @Test
    void aLimitAboveTheDeviceWarnsWithBothNumbers() {
        assertThat(resolve("12GB", BOTH).warnings())
                .containsExactly("the limit of 12.0 GiB is above the 10.0 GiB of device 1 (" + SECOND.uuid() + ")");
        Device twin = new Device(2, "GPU-00000000-0000-0000-0000-000000000002", SECOND.capacity());
        assertThat(resolve("12GB", List.of(FIRST, SECOND, twin)).warnings())
                .containsExactly("the limit of 12.0 GiB is above the 10.0 GiB of devices 1, 2");
    }

    @Test
    void aShareOfUnknownMemoryIsRefusedWithTheWayOut() {
        assertThatThrownBy(() -> resolve("50%", List.of()))
                .hasMessageContaining("50% needs the memory of the devices")
                .hasMessageContaining("GPUSLICE_DEVICES");
        assertThatThrownBy(() -> resolve("12.5%", List.of(UNKNOWN)))
                .hasMessageContaining("12.50% needs the memory of device 2");
    }

    @Test
    void aDeviceThatIsNotHereIsRefusedWithTheOnesThatAre() {
        assertThatThrownBy(() -> resolve("7=8GB", BOTH))
                .hasMessageContaining("device \"7\" is not here")
                .hasMessageContaining(FIRST.uuid())
                .hasMessageContaining(SECOND.uuid());
        assertThatThrownBy(() -> resolve("7=8GB", List.of())).hasMessageContaining("no known device");
    }

    @Test
    void aPrefixOfTwoDevicesIsRefusedWithBoth() {
        assertThatThrownBy(() -> resolve("GPU-ab=8GB", BOTH))
                .hasMessageContaining("not unique")
                .hasMessageContaining(FIRST.uuid())
                .hasMessageContaining(SECOND.uuid());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0=8GB,", ",8GB", "8GB,,1=4GB", ","})
    void aCommaWithNothingBesideItIsSaidToBeSo(String text) {
        assertThatThrownBy(() -> LimitSpec.parse(text)).hasMessageContaining("nothing before or after a comma");
    }

    @Test
    void oneDeviceNamedTwiceIsRefused() {
        assertThatThrownBy(() -> LimitSpec.parse("0=8GB,0=4GB")).hasMessageContaining("names device 0 twice");
        assertThatThrownBy(() -> resolve("0=8GB,GPU-ab12=4GB", BOTH)).hasMessageContaining("twice");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0%", "0.00%", "101%", "100.01%", "999%"})
    void aShareIsAboveNothingAndAtMostAll(String text) {
        assertThatThrownBy(() -> LimitSpec.parse(text)).hasMessageContaining("up to 100%");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ",",
                "8GB,",
                "8GB,4GB",
                "=8GB",
                "0=",
                "cuda:0=8GB",
                "-1=8GB",
                "50 %",
                "1.234%",
                "-5%",
                "0=0=8GB",
                "eight"
            })
    void anythingElseIsRefused(String text) {
        assertThatThrownBy(() -> LimitSpec.parse(text)).isInstanceOf(InvalidValueException.class);
    }

    @Test
    void aLimitLongerThanItsFieldOnTheWireIsRefused() {
        assertThatThrownBy(() -> LimitSpec.parse("8GB,".repeat(128)))
                .hasMessageContaining("512 characters")
                .hasMessageContaining("511");
    }
}

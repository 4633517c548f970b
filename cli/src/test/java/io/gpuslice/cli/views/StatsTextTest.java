// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.cli.Json;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class StatsTextTest {
    @Test
    void aNarrowTerminalGetsLessOfEachAndNoLineIsWiderThanIt() throws Exception {
        Sample.Series series = new Sample.Series();
        List<Sample> samples = series.of(
                List.of(TopScreenTest.session("3f6d0c1be5a24897", "x".repeat(63), 1L << 30, 10L << 30, 7, 12)), 1);
        assertThat(StatsText.table(samples, OptionalInt.of(80))
                        .within(80)
                        .toString()
                        .lines())
                .hasSize(2)
                .allMatch(line -> line.length() <= 80)
                .last()
                .asString()
                .startsWith("3f6d0c1be5a2  1.0 GiB  10.0 GiB  10.0 %      1        -      12  x");
        assertThat(StatsText.table(samples, OptionalInt.empty()).toString()).contains("3f6d0c1be5a24897", "CREDIT");
    }

    @Test
    void theDeviceThatHasLeastLeftIsTheOneThatCounts() throws Exception {
        Sample sample = new Sample.Series().of(List.of(Json.parse("""
            {"used_bytes":11,"limit_bytes":20,"devices":[{"used_bytes":9,"limit_bytes":10},
             {"used_bytes":2,"limit_bytes":10}]}\
            """)), 1).getFirst();
        assertThat(sample.fullness()).isEqualTo(0.9);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {
    @ParameterizedTest
    @CsvSource({
        "90s, PT90S",
        "2h, PT2H",
        "1h30m, PT1H30M",
        "7d, P7D",
        "250ms, PT0.25S",
        "1d2h3m4s5ms, P1DT2H3M4.005S",
        "0h1s, PT1S"
    })
    void aDurationIsTheSumOfItsParts(String text, Duration duration) {
        assertThat(Durations.parse(text)).isEqualTo(duration);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "5", "s", "1.5h", "-1s", "1 h", "30m1h", "1h1h", "1H", "forever", "9999999999s", "1s "})
    void anythingElseIsRefusedWithTheAcceptedForms(String text) {
        assertThatThrownBy(() -> Durations.parse(text))
                .hasMessage("duration \"" + text + "\" is not a duration: " + Durations.ACCEPTED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0s", "0d0h", "0ms"})
    void zeroIsRefused(String text) {
        assertThatThrownBy(() -> Durations.parse(text)).hasMessageContaining("is zero");
    }

    @Test
    void whatIsPrintedIsReadBackExactly() {
        Random random = new Random(11);
        for (int i = 0; i < 10_000; i++) {
            Duration duration = Duration.ofMillis(1 + random.nextLong(1L << random.nextInt(1, 50)));
            assertThat(Durations.parse(Durations.format(duration))).isEqualTo(duration);
        }
        assertThat(Durations.format(Duration.ZERO)).isEqualTo("0s");
        assertThat(Durations.format(Duration.ofSeconds(-3))).isEqualTo("0s");
        assertThat(Durations.format(Duration.ofNanos(3))).isEqualTo("0s");
    }
}

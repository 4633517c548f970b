// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class EnvironTest {
    private static Environ environ(String... entries) {
        return new Environ(Arrays.stream(entries)
                .map(entry -> entry.getBytes(StandardCharsets.ISO_8859_1))
                .toList());
    }

    private static List<String> entries(Environ environ) {
        return environ.entries().stream()
                .map(entry -> new String(entry, StandardCharsets.ISO_8859_1))
                .toList();
    }

    @Test
    void theShieldComesOffInPlaceAndTheLaunchersEntryGoes() {
        assertThat(entries(environ("A=1", "GPUSLICE_KEPT_LD_PRELOAD=x y", "B=2", "LC_ALL=C.UTF-8")
                        .unshielded()))
                .containsExactly("A=1", "LD_PRELOAD=x y", "B=2");
    }

    @Test
    void aValueReplacesEveryOfThatNameAndNoOther() {
        assertThat(entries(environ("X=1", "XY=2", "X=3", "noequals", "=odd").with("X", "9")))
                .containsExactly("XY=2", "noequals", "=odd", "X=9");
    }

    @Test
    void theFirstOfANameCounts() {
        assertThat(environ("X=1", "X=2").get("X"))
                .hasValueSatisfying(value -> assertThat(value).containsExactly('1'));
        assertThat(environ("X=1", "X=2").asText()).containsEntry("X", "1");
        assertThat(environ("XY=1").get("X")).isEmpty();
    }

    @Test
    void bytesThatAreNoTextAreKept() {
        assertThat(entries(environ("V=\u00ff\u0080", "\u00e9=1").with("Z", "")))
                .containsExactly("V=\u00ff\u0080", "\u00e9=1", "Z=");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizesTest {
    @Test
    void everyUnitInEverySpellingIsAPowerOf1024() {
        long bytes = 1;
        for (String unit : List.of("K", "M", "G", "T")) {
            bytes *= 1024;
            for (String suffix : List.of("", "B", "iB", "b", "ib", "IB")) {
                for (String spelt : List.of(unit, unit.toLowerCase(Locale.ROOT))) {
                    assertThat(Sizes.parse("3" + spelt + suffix))
                            .as(spelt + suffix)
                            .isEqualTo(3 * bytes);
                    assertThat(Sizes.parse("3 " + spelt + suffix))
                            .as(spelt + suffix)
                            .isEqualTo(3 * bytes);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "8GB, 8589934592",
        "1.5G, 1610612736",
        "8.0 GiB, 8589934592",
        "0.5K, 512",
        "0.0009765625K, 1",
        "1048576, 1048576",
        "1048576.0, 1048576",
        "9223372036854775807, 9223372036854775807",
        "8388607T, 9223370937343148032",
        "007M, 7340032"
    })
    void aSizeIsItsBytes(String text, long bytes) {
        assertThat(Sizes.parse(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "GB",
                "8X",
                "8GBs",
                "8 GB ",
                " 8GB",
                "8  GB",
                "8\tGB",
                "8GB\n",
                "8iB",
                "8B",
                "-8GB",
                "+8GB",
                "8G B",
                "1e9",
                "0x10M",
                "8,5G",
                "8.G",
                ".5G",
                "8..5G",
                "1_000M",
                "८G",
                "NaN",
                "Infinity",
                "8GB,4GB",
                "8P"
            })
    void whatIsNoSizeIsRefusedWithTheAcceptedForms(String text) {
        assertThatThrownBy(() -> Sizes.parse(text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessage("size \"" + text + "\" is not a size: " + Sizes.ACCEPTED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "0G", "0.0GB", "00", "0KiB"})
    void zeroIsRefused(String text) {
        assertThatThrownBy(() -> Sizes.parse(text)).hasMessage("size \"" + text + "\" is zero: " + Sizes.ACCEPTED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "8", "512", "1048575", "1048575.9"})
    void aBareNumberBelowOneMebibyteIsTakenForAForgottenUnit(String text) {
        assertThatThrownBy(() -> Sizes.parse(text)).hasMessageContaining("has no unit and is below 1 MiB");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "9223372036854775808",
                "8388608T",
                "8589934592G",
                "99999999999999999999999999T",
                "8388607.99999999999T"
            })
    void moreThanALongHoldsIsRefusedAndNeverWraps(String text) {
        assertThatThrownBy(() -> Sizes.parse(text))
                .isInstanceOf(InvalidValueException.class)
                .hasMessageMatching("size \".*\" is (more than 2\\^63-1 bytes|not a whole number of bytes): .*");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.1G", "1.3K", "1048576.5", "0.0001K"})
    void aFractionOfAByteIsRefused(String text) {
        assertThatThrownBy(() -> Sizes.parse(text)).hasMessageContaining("is not a whole number of bytes");
    }

    @Test
    void aShareIsNoSize() {
        assertThatThrownBy(() -> Sizes.parse("50%")).hasMessageContaining("only a limit can be one");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0 B",
        "1023, 1023 B",
        "1024, 1.0 KiB",
        "1048575, 1.0 MiB",
        "134217728, 128.0 MiB",
        "8589934592, 8.0 GiB",
        "1610612736, 1.5 GiB",
        "9223372036854775807, 8.0 EiB"
    })
    void sizesArePrintedWithOneDecimalAndAnIecUnit(long bytes, String text) {
        assertThat(Sizes.format(bytes)).isEqualTo(text);
    }

    @Test
    void whatIsPrintedIsReadBackToWithinARounding() {
        Random random = new Random(7);
        for (int i = 0; i < 10_000; i++) {
            long bytes = 1024 + random.nextLong(1L << random.nextInt(11, 50));
            String printed = Sizes.format(bytes);
            // One more decimal of the same number is not whole bytes below MiB: read the unit and compare numbers.
            double number = Double.parseDouble(printed.substring(0, printed.indexOf(' ')));
            long unit = Sizes.parse("1 " + printed.substring(printed.indexOf(' ') + 1));
            assertThat(Math.abs(number * unit - bytes)).as(printed).isLessThanOrEqualTo(0.0501 * unit);
            assertThat(number).as(printed).isBetween(1.0, 1023.9);
        }
    }

    @Test
    void aNegativeSizeIsAMistakeInTheProgram() {
        assertThatThrownBy(() -> Sizes.format(-1)).isInstanceOf(IllegalArgumentException.class);
    }
}

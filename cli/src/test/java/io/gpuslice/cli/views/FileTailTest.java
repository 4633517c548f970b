// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FileTailTest {
    @TempDir
    Path here;

    private static String next(FileTail tail) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        tail.copyTo(out);
        return out.toString(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource(
            value = {"0|''", "1|c;", "2|b;c;", "3|a;b;c;", "9|a;b;c;"},
            delimiter = '|')
    void itBeginsWithTheLastLines(int lines, String expected) throws IOException {
        Path file = Files.writeString(here.resolve("log"), "a\nb\nc\n");
        assertThat(next(new FileTail(file, lines))).isEqualTo(expected.replace(';', '\n'));
    }

    @Test
    void linesThatAreLongerThanABlockAreFound() throws IOException {
        Path file = Files.writeString(here.resolve("log"), "a\n" + "x".repeat(50_000) + "\n" + "y".repeat(40_000));
        assertThat(next(new FileTail(file, 1))).isEqualTo("y".repeat(40_000));
        assertThat(next(new FileTail(file, 2))).hasSize(90_001).startsWith("x");
    }

    @Test
    void itGoesOnWithWhatIsAddedAndBeginsAnewWithAFileThatIsShorter() throws IOException {
        Path file = Files.writeString(here.resolve("log"), "a\nb\n");
        FileTail tail = new FileTail(file, 1);
        assertThat(next(tail)).isEqualTo("b\n");
        Files.writeString(file, "c\n", StandardOpenOption.APPEND);
        assertThat(next(tail)).isEqualTo("c\n");
        assertThat(next(tail)).isEmpty();
        Files.writeString(file, "d\n");
        assertThat(next(tail)).isEqualTo("d\n");
    }
}

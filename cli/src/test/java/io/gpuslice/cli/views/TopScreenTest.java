// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.cli.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What top shows, place by place. With {@code -Dgpuslice.update-docs=true} the expected screens are written anew: read them. */
class TopScreenTest {
    private static final Path SCREENS = Path.of("src/test/resources/io/gpuslice/cli/views");
    private static final long GIB = 1L << 30;
    private static final long SECOND = 1_000_000_000;

    /** Two GPUs, four sessions, twenty looks at them. */
    static TopModel busy() throws IOException {
        TopModel model = new TopModel();
        for (int look = 0; look < 20; look++) {
            model.look(
                    List.of(
                            device(0, "NVIDIA A100-SXM4-40GB", look * GIB, 40 * GIB),
                            device(1, "NVIDIA A100-SXM4-40GB", 39 * GIB, 40 * GIB)),
                    List.of(
                            session("3f6d0c1be5a24897", "train", look * GIB / 4, 8 * GIB, look * 1200, 0),
                            session("0a52d7c96e1f43b8", "", GIB / 2, 4 * GIB, 7, 3),
                            session(
                                    "77c0ffee12345678",
                                    "a-name-that-is-longer-than-its-column",
                                    4 * GIB,
                                    4 * GIB,
                                    look,
                                    12),
                            session("99aa99aa99aa99aa", "idle", 0, GIB, 0, 0)),
                    Instant.parse("2026-11-22T12:00:00Z").plusSeconds(look),
                    look * SECOND);
        }
        return model;
    }

    private static Json device(int index, String name, long used, long total) throws IOException {
        return Json.parse(String.format(
                Locale.ROOT,
                "{\"index\":%d,\"uuid\":\"GPU-%d\",\"name\":\"%s\",\"used_bytes\":%d,\"total_bytes\":%d}",
                index,
                index,
                name,
                used,
                total));
    }

    static Json session(String id, String name, long used, long limit, int allocations, int denials)
            throws IOException {
        return Json.parse(String.format(
                Locale.ROOT,
                "{\"id\":\"%s\",\"name\":\"%s\",\"state\":\"ACTIVE\",\"limit\":\"%dGB\",\"limit_bytes\":%d,\"used_bytes\":%d,"
                        + "\"credit_bytes\":%d,\"devices\":[{\"uuid\":\"GPU-0\",\"index\":0,\"limit_bytes\":%d,\"used_bytes\":%d}],\"processes\":[{\"pid\":42,\"command\":\"python"
                        + " %s.py\"}],\"counters\":{\"allocations\":%d,\"frees\":0,\"denials\":%d}}",
                id,
                name,
                limit / GIB,
                limit,
                used,
                (limit - used) / 2,
                limit,
                used,
                name,
                allocations,
                denials));
    }

    private static void isAsExpected(String name, List<String> lines) throws IOException {
        Path file = SCREENS.resolve(name + ".txt");
        String screen = String.join("\n", lines) + "\n";
        if (Boolean.getBoolean("gpuslice.update-docs")) {
            Files.writeString(file, screen);
        }
        assertThat(screen).as(name).isEqualTo(Files.readString(file));
    }

    @ParameterizedTest
    @CsvSource({"80, 24", "120, 40"})
    void aScreenShowsGpusAndSessions(int columns, int rows) throws IOException {
        List<String> lines = new TopScreen(columns, rows, Glyphs.UNICODE, false).lines(busy());
        assertThat(lines).hasSize(rows).allMatch(line -> line.length() <= columns);
        isAsExpected("top-" + columns + "x" + rows, lines);
    }

    @Test
    void aTerminalWithoutUtf8GetsAscii() throws IOException {
        List<String> lines = new TopScreen(80, 24, Glyphs.ASCII, false).lines(busy());
        assertThat(String.join("", lines))
                .matches(text -> StandardCharsets.US_ASCII.newEncoder().canEncode(text));
        isAsExpected("top-ascii-80x24", lines);
    }

    @ParameterizedTest
    @EnumSource(TopModel.Mode.class)
    void whateverIsGoingOnNoLineIsLongerThanTheScreenIsWideAndAllFit(TopModel.Mode mode) throws IOException {
        for (int columns = 1; columns < 200; columns++) {
            for (int rows = 1; rows < 50; rows += 7) {
                TopModel model = busy();
                String keys = switch (mode) {
                    case LIST -> "";
                    case FILTER -> "/train";
                    case RESIZE -> "r";
                    case END -> "e";
                    case HELP -> "?";
                };
                keys.chars().forEach(model::key);
                assertThat(model.mode()).isEqualTo(mode);
                int wide = columns;
                assertThat(new TopScreen(columns, rows, Glyphs.UNICODE, false).lines(model))
                        .hasSizeLessThanOrEqualTo(rows)
                        .allMatch(line -> line.length() <= wide);
            }
        }
    }

    @Test
    void theChosenSessionStaysOnTheScreenHoweverManyThereAre() throws IOException {
        List<Json> many = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            many.add(session(String.format(Locale.ROOT, "%016x", i), "s" + i, (100L - i) << 20, GIB, 0, 0));
        }
        TopModel model = new TopModel();
        model.look(List.of(), many, Instant.EPOCH, 1);
        model.key(Key.END);
        List<String> lines = new TopScreen(80, 24, Glyphs.UNICODE, false).lines(model);
        assertThat(lines)
                .hasSize(24)
                .filteredOn(line -> line.startsWith(">"))
                .singleElement()
                .asString()
                .contains("s99");
    }

    @Test
    void coloursAreOnlyAddedAround() throws IOException {
        List<String> plain = new TopScreen(120, 40, Glyphs.UNICODE, false).lines(busy());
        List<String> coloured = new TopScreen(120, 40, Glyphs.UNICODE, true).lines(busy());
        assertThat(coloured.stream().map(line -> line.replaceAll("\033\\[\\d+m", "")))
                .containsExactlyElementsOf(plain);
        assertThat(String.join("", coloured)).contains("\033[31m", "\033[32m", "\033[1m");
    }

    @Test
    void aProgramsNameCannotTellTheTerminalWhatToDo() throws IOException {
        TopModel model = new TopModel();
        model.look(List.of(), List.of(session("ff", "x\\u001b]0;mine", 0, GIB, 0, 0)), Instant.EPOCH, 1);
        assertThat(String.join("", new TopScreen(80, 24, Glyphs.UNICODE, false).lines(model)))
                .contains("x?]0;mine")
                .doesNotContain("\033");
    }
}

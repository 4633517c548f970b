// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Field;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The library says what it was compiled with; {@link Abi} must say the same, no less and no more. */
class AbiTest {
    private static List<String[]> facts = List.of();

    @BeforeAll
    @SuppressWarnings("restricted")
    static void askTheLibrary() throws Throwable {
        Path library = Repository.library();
        assertThat(library)
                .as("libgpuslice.so is not built: run `make build` first, or say -Dgpuslice.library=PATH")
                .isRegularFile();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment abi = SymbolLookup.libraryLookup(library, arena).findOrThrow("gpuslice_abi");
            MemorySegment text = (MemorySegment) Linker.nativeLinker()
                    .downcallHandle(abi, FunctionDescriptor.of(ValueLayout.ADDRESS))
                    .invokeExact();
            facts = text.reinterpret(1 << 20)
                    .getString(0)
                    .lines()
                    .map(line -> line.split(" "))
                    .toList();
        }
        assertThat(facts).hasSizeGreaterThan(100);
    }

    @Test
    void everyLineIsOfAKindThatThisTestCompares() {
        assertThat(facts)
                .extracting(fact -> fact[0] + " " + fact.length)
                .containsOnly("constant 3", "size 3", "field 5", "error 3", "frame 3");
    }

    @Test
    void constantsAreTheSame() {
        Map<String, String> java = numbersOf(Abi.class);
        for (Frame.Status.State state : Frame.Status.State.values()) {
            java.put(state.name(), Integer.toString(state.number()));
        }

        assertThat(numbers("constant")).containsExactlyInAnyOrderEntriesOf(java);
    }

    @Test
    void structsHaveTheSameSizes() {
        assertThat(numbers("size"))
                .containsExactlyInAnyOrderEntriesOf(structs()
                        .collect(Collectors.toMap(
                                AbiTest::nameInC, struct -> numbersOf(struct).getOrDefault("SIZEOF", "none"))));
    }

    @Test
    void fieldsStandAtTheSameOffsets() {
        Map<String, String> c = new TreeMap<>();
        Map<String, String> java = new TreeMap<>();
        facts("field").forEach(fact -> c.put(bare(fact[1]) + "." + bare(fact[2]), fact[3]));
        structs()
                .forEach(struct -> numbersOf(struct).forEach((field, offset) -> {
                    if (!field.equals("SIZEOF")) {
                        java.put(nameInC(struct) + "." + field, offset);
                    }
                }));

        assertThat(java).containsExactlyInAnyOrderEntriesOf(c);
    }

    @Test
    void fieldsFillTheirStructsWithoutGaps() {
        Map<String, List<String[]>> byStruct = facts("field").collect(Collectors.groupingBy(fact -> fact[1]));
        assertThat(byStruct).hasSameSizeAs(structs().toList());
        byStruct.forEach((struct, fields) -> {
            long at = 0;
            for (String[] field : fields.stream()
                    .sorted(Comparator.comparingLong(fact -> Long.parseLong(fact[3])))
                    .toList()) {
                assertThat(Long.parseLong(field[3]))
                        .as("%s.%s", struct, field[2])
                        .isEqualTo(at);
                at += Long.parseLong(field[4]);
            }
            assertThat(numbers("size")).containsEntry(bare(struct), Long.toString(at));
        });
    }

    @Test
    void errorCodesAreTheSame() {
        assertThat(numbers("error"))
                .containsExactlyInAnyOrderEntriesOf(Arrays.stream(ErrorCode.values())
                        .collect(Collectors.toMap(ErrorCode::name, code -> Integer.toString(code.number()))));
        for (ErrorCode code : ErrorCode.values()) {
            assertThat(ErrorCode.of(code.number())).isEqualTo(code);
        }
    }

    @Test
    void frameTypesAreTheSame() {
        assertThat(numbers("frame"))
                .containsExactlyInAnyOrderEntriesOf(Arrays.stream(FrameType.values())
                        .collect(Collectors.toMap(FrameType::name, type -> Integer.toString(type.number()))));
        for (FrameType type : FrameType.values()) {
            assertThat(FrameType.of(type.number())).isEqualTo(type);
        }
    }

    private static Stream<String[]> facts(String kind) {
        return facts.stream().filter(fact -> fact[0].equals(kind));
    }

    /** Name to number, as decimal digits of an unsigned number. */
    private static Map<String, String> numbers(String kind) {
        return facts(kind).collect(Collectors.toMap(fact -> bare(fact[1]), fact -> fact[2]));
    }

    /** C's prefixes off, capitals on. */
    private static String bare(String name) {
        return name.toUpperCase(Locale.ROOT).replaceFirst("^GPUSLICE_", "");
    }

    private static Stream<Class<?>> structs() {
        return Arrays.stream(Abi.class.getDeclaredClasses());
    }

    /** PageHeader is PAGE_HEADER; ErrorFrame is ERROR, because Java has an Error of its own. */
    private static String nameInC(Class<?> struct) {
        return struct == Abi.ErrorFrame.class
                ? "ERROR"
                : struct.getSimpleName().replaceAll("(?<=.)([A-Z])", "_$1").toUpperCase(Locale.ROOT);
    }

    private static Map<String, String> numbersOf(Class<?> type) {
        Map<String, String> numbers = new TreeMap<>();
        for (Field field : type.getDeclaredFields()) {
            try {
                numbers.put(
                        field.getName(),
                        field.getType() == long.class
                                ? Long.toUnsignedString(field.getLong(null))
                                : Integer.toUnsignedString(field.getInt(null)));
            } catch (IllegalAccessException e) {
                throw new AssertionError(e);
            }
        }
        return numbers;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.actors.Books;
import io.gpuslice.actors.Register;
import io.gpuslice.actors.SessionEvent;
import io.gpuslice.actors.SessionsEvent;
import io.gpuslice.domain.LedgerEvent;
import java.io.IOException;
import java.io.InputStream;
import java.io.NotSerializableException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FrozenSamplesTest {

    private final EventSerializer serializer = new EventSerializer();

    static Set<String> names() {
        return TypeNames.all().keySet();
    }

    static Set<String> formerNames() {
        return FormerTypes.names();
    }

    @ParameterizedTest
    @MethodSource("names")
    void whatWasWrittenOnceIsStillRead(String name) throws IOException {
        assertThat(serializer.fromBinary(frozen(name), name)).isEqualTo(Samples.ALL.get(name));
    }

    @ParameterizedTest
    @MethodSource("formerNames")
    void whatIsNotWrittenAnyMoreIsStillRead(String name) throws IOException {
        assertThat(serializer.fromBinary(frozen(name), name))
                .isEqualTo(Objects.requireNonNull(Samples.FORMER.get(name), "no sample of " + name));
    }

    @ParameterizedTest
    @MethodSource("names")
    void whatIsWrittenTodayIsWhatWasWrittenOnce(String name) throws IOException {
        Object sample = Objects.requireNonNull(Samples.ALL.get(name), "no sample of " + name);

        assertThat(serializer.manifest(sample)).isEqualTo(name);
        assertThat(serializer.toBinary(sample)).isEqualTo(frozen(name));
    }

    @ParameterizedTest
    @MethodSource("names")
    void noClassIsNamedInWhatIsStored(String name) throws IOException {
        assertThat(new String(frozen(name), StandardCharsets.ISO_8859_1)).doesNotContain("gpuslice.", "java.", "class");
    }

    @Test
    void everythingThatIsJournaledHasAName() {
        Stream<Class<?>> stored = Stream.of(
                        Stream.of(SessionEvent.class.getPermittedSubclasses()),
                        Stream.of(SessionsEvent.class.getPermittedSubclasses()),
                        Stream.of(LedgerEvent.class.getPermittedSubclasses()),
                        Stream.<Class<?>>of(Books.class, Register.class))
                .flatMap(types -> types)
                // A session's journal has the ledger's events under their own names.
                .filter(type -> !type.equals(SessionEvent.Booked.class));

        assertThat(TypeNames.all().values()).containsExactlyInAnyOrderElementsOf(stored.toList());
    }

    @Test
    void aNameOfTomorrowIsRefusedAsSuch() {
        assertThatThrownBy(() -> serializer.fromBinary(new byte[0], "ledger.frozen.7"))
                .isInstanceOf(NotSerializableException.class)
                .hasMessageContaining("ledger.frozen.7")
                .hasMessageContaining("newer");
    }

    @Test
    void aMissingFieldIsAnErrorAndNoZero() throws IOException {
        byte[] onlyAProcess = Cbor.mapper().writeValueAsBytes(Map.of("process", Map.of()));

        assertThatThrownBy(() -> serializer.fromBinary(onlyAProcess, "ledger.charged.1"))
                .isInstanceOf(NotSerializableException.class)
                .hasMessageContaining("a stored ledger.charged.1 cannot be read");
    }

    private static byte[] frozen(String name) throws IOException {
        try (InputStream file = FrozenSamplesTest.class.getResourceAsStream("/frozen/" + name + ".cbor")) {
            return Objects.requireNonNull(file, "no frozen sample of " + name + ": Samples.main writes it")
                    .readAllBytes();
        }
    }
}

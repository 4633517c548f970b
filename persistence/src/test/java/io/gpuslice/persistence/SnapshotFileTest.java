// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SnapshotFileTest {

    private static final Object REGISTER = Objects.requireNonNull(Samples.ALL.get("sessions.register.2"));

    @TempDir
    private Path directory;

    private final EventSerializer serializer = new EventSerializer();
    private SnapshotFile snapshot;

    @BeforeEach
    void write() throws IOException {
        snapshot = SnapshotFile.in(directory, "session-1", 40, 1234);
        snapshot.write(serializer, REGISTER);
    }

    @Test
    void whatWasWrittenIsRead() throws IOException {
        assertThat(SnapshotFile.all(directory)).containsExactly(snapshot);
        assertThat(snapshot.read(serializer)).isEqualTo(REGISTER);
    }

    @Test
    void aFlippedBitInAnyByteIsNoticed() throws IOException {
        byte[] whole = Files.readAllBytes(snapshot.path());
        for (int i = 0; i < whole.length; i++) {
            byte[] other = whole.clone();
            other[i] ^= (byte) (1 << i % Byte.SIZE);
            Files.write(snapshot.path(), other);
            assertThat(snapshot.isWhole()).as("byte %d", i).isFalse();
        }
    }

    @Test
    void theSnapshotOfAnotherIsNone() throws IOException {
        SnapshotFile other = SnapshotFile.in(directory, "session-2", 40, 1234);
        Files.move(snapshot.path(), other.path());

        assertThatThrownBy(() -> other.read(serializer)).hasMessage(other.path() + " is damaged");
    }

    @Test
    void theNewestIsFirst() throws IOException {
        SnapshotFile newer = SnapshotFile.in(directory, "session-1", 100, 1233);
        newer.write(serializer, REGISTER);
        Files.createFile(directory.resolve("snapshot-session-1-200-1235tmp"));

        assertThat(SnapshotFile.all(directory)).isEqualTo(List.of(newer, snapshot));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MarksTest {

    @TempDir
    private Path directory;

    @Test
    void aMarkIsTheLastThatWasSetAndOutlivesWhoeverSetIt() throws IOException {
        Path file = directory.resolve("marks");
        Marks.create(file);
        set(Marks.open(file), "sessions", 7);
        Marks again = Marks.open(file);
        set(again, "session-1", 3);
        set(again, "sessions", 8);

        assertThat(Marks.read(file)).containsOnly(entry("session-1", 3L), entry("sessions", 8L));
    }

    @Test
    void thereIsRoomForAnyNumberOfPersistenceIds() throws IOException {
        Path file = directory.resolve("marks");
        Marks.create(file);
        Marks marks = Marks.open(file);
        for (int i = 0; i < 3000; i++) {
            set(marks, "session-" + i, i + 1L);
        }

        assertThat(Marks.read(file)).hasSize(3000).containsEntry("session-2999", 3000L);
    }

    @Test
    void anIdThatHasRoomButNoMarkYetHasNone() throws IOException {
        Path file = directory.resolve("marks");
        Marks.create(file);
        Marks.open(file).prepare("sessions");

        assertThat(Marks.read(file)).isEmpty();
    }

    @Test
    void aFileOfSomethingElseIsNoMarks() throws IOException {
        Path file = directory.resolve("marks");
        Files.write(file, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 'n', 'o', 'n', 'e'});
        Files.write(file, new byte[1000], StandardOpenOption.APPEND);

        assertThatThrownBy(() -> Marks.read(file))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("damaged at byte 0");
    }

    private static void set(Marks marks, String persistenceId, long number) throws IOException {
        marks.prepare(persistenceId);
        marks.set(persistenceId, number);
    }
}

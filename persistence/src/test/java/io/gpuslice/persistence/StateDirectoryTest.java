// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gpuslice.config.Settings.JournalEngine;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.fusesource.leveldbjni.JniDBFactory;
import org.iq80.leveldb.DB;
import org.iq80.leveldb.Options;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class StateDirectoryTest {

    @TempDir
    private Path parent;

    private Path directory;

    @BeforeEach
    void place() {
        directory = parent.resolve("state");
    }

    @Test
    void aNewDirectoryIsForItsUserAlone() throws IOException {
        open("boot").close();

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
                .isEqualTo("rwx------");
    }

    @Test
    void aDirectoryKeepsItsNameAndWhatHasBegunInIt() throws IOException {
        String id;
        try (StateDirectory state = open("boot")) {
            assertThat(state.begun()).isFalse();
            id = state.id();
            state.begin();
        }

        try (StateDirectory state = open("boot")) {
            assertThat(state.begun()).isTrue();
            assertThat(state.id()).isEqualTo(id);
        }
    }

    @Test
    void aSecondDaemonIsRefusedAndToldWhoHasTheState() throws IOException {
        try (StateDirectory first = open("boot")) {
            assertThat(first.id()).isNotEmpty();
            assertThatThrownBy(() -> open("boot"))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("pid " + ProcessHandle.current().pid())
                    .hasMessageContaining(directory.toString());
        }
        open("boot").close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"durable", "fast"})
    void aJournalThatIsGoneIsALossAndNoBeginning(String kind) throws IOException {
        begin();
        delete(directory.resolve(kind));

        assertRefused(kind + "/journal");
    }

    @ParameterizedTest
    @ValueSource(strings = {"durable", "fast"})
    void aJournalWhoseFilesAreGoneIsALossAndNoBeginning(String kind) throws IOException {
        begin();
        delete(directory.resolve(kind).resolve("journal"));
        Files.createDirectory(directory.resolve(kind).resolve("journal"));

        assertRefused(kind + "/journal");
    }

    @Test
    void aJournalThatIsNoJournalAnyMoreIsRefused() throws IOException {
        begin();
        Files.writeString(directory.resolve("durable/journal/CURRENT"), "nonsense");

        assertRefused("durable/journal");
    }

    @Test
    void aTableWithAWrongByteIsRefused() throws IOException {
        begin();
        write(200);
        // Opening it moves the log into a table.
        open("boot").close();
        flip(only(".*\\.(sst|ldb)"), 1000);

        assertRefused("durable/journal");
    }

    @Test
    void aLogWithAWrongByteBeforeItsEndIsRefused() throws IOException {
        begin();
        write(200);
        flip(only(".*\\.log"), 1000);

        assertRefused("is damaged at byte");
    }

    @Test
    void aRecordThatWasNotWholeWhenItsDaemonWasKilledIsNoDamage() throws IOException {
        begin();
        write(200);
        Path log = only(".*\\.log");
        flip(log, (int) Files.size(log) - 1);

        open("boot").close();
    }

    @Test
    void journalsWithoutVersionAreRefused() throws IOException {
        begin();
        Files.delete(directory.resolve("VERSION"));

        assertRefused("VERSION is gone");
    }

    @Test
    void aVersionFileThatMakesNoSenseIsRefused() throws IOException {
        begin();
        Files.writeString(directory.resolve("VERSION"), "potatoes");

        assertRefused("makes no sense");
    }

    @Test
    void aVersionFileOfDamagedBytesIsRefused() throws IOException {
        begin();
        Files.write(directory.resolve("VERSION"), new byte[] {(byte) 0xff, (byte) 0xfe, 0, '\\', 'u', 'x'});

        assertRefused("makes no sense");
    }

    @Test
    void aFormatOfTomorrowIsRefused() throws IOException {
        begin();
        Files.writeString(directory.resolve("VERSION"), "format=2\nid=x\nboot=y\n");

        assertRefused("format 2");
    }

    @Test
    void aDirectoryThatOthersCanEnterIsRefused() throws IOException {
        begin();
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));

        assertThatThrownBy(() -> open("boot")).isInstanceOf(IOException.class).hasMessageContaining("chmod 700");
    }

    @Test
    void anotherLifeOfTheMachineKeepsTheListOfSessionsAndForgetsTheirBooks() throws IOException {
        begin();
        Path books = Files.createFile(directory.resolve("fast/snapshots/of-a-session"));
        Path list = Files.createFile(directory.resolve("durable/snapshots/of-the-list"));

        try (StateDirectory state = open("another boot")) {
            assertThat(state.begun()).isTrue();
            assertThat(books).doesNotExist();
            assertThat(list).exists();
            assertThat(directory.resolve("fast/journal/CURRENT")).exists();
        }
    }

    @Test
    void aStartThatWasCutShortBeforeAnythingWasWrittenIsNoLoss() throws IOException {
        open("boot").close();
        delete(directory.resolve("fast"));

        open("boot").close();
    }

    @ParameterizedTest
    @EnumSource(JournalEngine.class)
    void everyEngineReadsWhatAnyEngineWrote(JournalEngine engine) throws IOException {
        begin();

        StateDirectory.open(directory, engine, "boot").close();
        open("boot").close();
    }

    @Test
    void theUnpackedLibraryIsNotLeftBehind() throws IOException {
        open("boot").close();

        assertThat(directory.resolve("native")).doesNotExist();
    }

    private StateDirectory open(String boot) throws IOException {
        return StateDirectory.open(directory, JournalEngine.AUTO, boot);
    }

    private void begin() throws IOException {
        try (StateDirectory state = open("boot")) {
            state.begin();
        }
    }

    private void assertRefused(String what) {
        assertThatThrownBy(() -> open("boot"))
                .isInstanceOf(StateException.class)
                .hasMessageContaining(what)
                .hasMessageContaining("mv " + directory);
    }

    /** Writes into the list's journal and leaves it as a killed daemon would: in the log. */
    private void write(int entries) throws IOException {
        try (DB journal =
                JniDBFactory.factory.open(directory.resolve("durable/journal").toFile(), new Options())) {
            for (int i = 0; i < entries; i++) {
                journal.put(("key" + i).getBytes(StandardCharsets.UTF_8), new byte[100]);
            }
        }
    }

    /** The one file of the list's journal that has something in it and such a name. */
    private Path only(String name) throws IOException {
        try (Stream<Path> files = Files.list(directory.resolve("durable/journal"))) {
            List<Path> found = files.filter(file ->
                            file.toString().matches(name) && file.toFile().length() > 0)
                    .toList();
            assertThat(found).hasSize(1);
            return found.getFirst();
        }
    }

    private static void flip(Path file, int position) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[position] ^= 0x55;
        Files.write(file, bytes);
    }

    private static void delete(Path tree) throws IOException {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(tree)) {
            paths = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : paths) {
            Files.delete(path);
        }
    }
}

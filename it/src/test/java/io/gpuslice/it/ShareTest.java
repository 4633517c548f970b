// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory that another process imported lives on when its exporter is gone, and somebody pays for it as long as it does. */
class ShareTest {
    private static final long SHARED = 24 * Rig.MIB;
    private static final String WAIT = "GPUSLICE_IPC_WAIT";

    @AutoClose
    private static final Rig rig = Rig.idle();

    private static Guest daemon = rig.daemon();

    private final List<Guest> guests = new ArrayList<>();

    /** How an exporter stops paying. */
    enum End {
        FREE,
        EXIT,
        EXEC,
        KILL;

        void of(Guest exporter) {
            switch (this) {
                case FREE -> assertThat(answer(exporter, "drop", "dropped")).isEqualTo("dropped code=0");
                case EXIT -> assertThat(exporter.finish().exitCode()).isZero();
                case EXEC -> {
                    exporter.say("exec");
                    Rig.eventually(() -> exporter.program().endsWith("/cat"));
                }
                case KILL -> assertThat(exporter.kill().exitCode()).isEqualTo(137);
            }
        }
    }

    /** So that the card is empty for the next test. */
    @AfterEach
    void endTheGuests() {
        guests.forEach(Guest::close);
        rig.with(WAIT, "5s");
        Rig.eventually(() -> rig.heldOnCard() == 0);
    }

    private Guest started(Guest guest) {
        guests.add(guest);
        assertThat(guest.await("ready")).isEqualTo("ready code=0");
        return guest;
    }

    private record Exporter(Guest guest, String way, Path meeting) {}

    private Exporter exporter(String session, String way) {
        Path meeting = rig.dir.resolve(session + "-" + guests.size());
        return new Exporter(started(rig.in(session, "shares", "export", way, meeting)), way, meeting);
    }

    private Guest importer(String session, Exporter from) {
        from.guest.say("lend");
        Guest importer = started(rig.in(session, "shares", "import", from.way, from.meeting));
        from.guest.await("lent code=0");
        return importer;
    }

    private static String answer(Guest guest, String word, String prefix) {
        guest.say(word);
        return guest.await(prefix);
    }

    private static List<JsonNode> imported(String session) {
        return StreamSupport.stream(rig.inspect(session).path("remainders").spliterator(), false)
                .filter(remainder -> remainder.path("reason").asText().equals("IMPORTED"))
                .toList();
    }

    /** One importer's, all of it, and in the session's sum. */
    private static void awaitImported(String session, Guest importer) {
        Rig.eventually(() -> imported(session).size() == 1);
        JsonNode remainder = imported(session).getFirst();
        assertThat(remainder.path("pid").asLong()).isEqualTo(importer.pid());
        assertThat(remainder.path("bytes").asLong()).isEqualTo(SHARED);
        assertThat(rig.used(session)).isEqualTo(SHARED).isEqualTo(rig.heldOnCard());
    }

    static Stream<Arguments> everyEnd() {
        return Stream.of("ipc", "vmm", "pool")
                .flatMap(way -> Stream.of(End.values())
                        .flatMap(end -> Stream.of("one session", "two sessions")
                                .map(sessions -> Arguments.of(way, end, sessions))));
    }

    @ParameterizedTest(name = "{0}, {1}, {2}")
    @MethodSource("everyEnd")
    void whatItsExporterHasLeftBehindCountsForTheImporterUntilItIsClosed(String way, End end, String sessions) {
        String theirs = rig.create("64MB");
        String ours = sessions.equals("one session") ? theirs : rig.create("64MB");
        Exporter exporter = exporter(theirs, way);
        Guest importer = importer(ours, exporter);
        assertThat(rig.used(theirs)).as("the exporter pays").isEqualTo(SHARED);
        assertThat(rig.used(ours)).isEqualTo(ours.equals(theirs) ? SHARED : 0);

        end.of(exporter.guest);

        awaitImported(ours, importer);
        if (!ours.equals(theirs)) {
            Rig.eventually(() -> rig.used(theirs) == 0);
            assertThat(imported(theirs)).isEmpty();
        }
        assertThat(answer(importer, "more 100", "held")).isEqualTo("held=40 refused=2");
        assertThat(answer(importer, "less", "held")).isEqualTo("held=0 refused=0");
        assertThat(answer(importer, "drop", "dropped")).isEqualTo("dropped code=0");
        Rig.eventually(() -> rig.used(ours) == 0);
        assertThat(rig.inspect(ours).path("remainders")).isEmpty();
        assertThat(answer(importer, "more 100", "held")).isEqualTo("held=64 refused=2");
    }

    @Test
    void everySurfaceSaysThatItIsImported() {
        String session = rig.create("64MB", "--name", "surfaces");
        Exporter exporter = exporter(session, "vmm");
        Guest importer = importer(session, exporter);
        End.KILL.of(exporter.guest);
        awaitImported(session, importer);

        assertThat(rig.run("inspect", session).ok().out())
                .containsPattern("imported +" + importer.pid() + " .*24\\.0 MiB");
        assertThat(rig.run("ps").ok().out()).containsPattern("surfaces.* 24\\.0 MiB");
        assertThat(rig.web().scrape().number("gpuslice_used_bytes", Map.of("session", session)))
                .isEqualTo(SHARED);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ipc", "vmm", "pool"})
    void anImporterCanComeToStandOverItsLimitAndGetsNothingNewUntilItIsBelow(String way) {
        String theirs = rig.create("64MB");
        String ours = rig.create("16MB");
        Exporter exporter = exporter(theirs, way);
        Guest importer = importer(ours, exporter);
        assertThat(answer(importer, "more 4", "held")).isEqualTo("held=4 refused=0");
        End.KILL.of(exporter.guest);
        Rig.eventually(() -> imported(ours).size() == 1);
        assertThat(rig.used(ours)).isEqualTo(SHARED + 4 * Rig.MIB).isEqualTo(rig.heldOnCard());

        assertThat(answer(importer, "more 1", "held")).isEqualTo("held=4 refused=2");
        assertThat(answer(importer, "less", "held")).isEqualTo("held=0 refused=0");
        assertThat(answer(importer, "more 1", "held"))
                .as("what it freed is not its own any more")
                .isEqualTo("held=0 refused=2");

        answer(importer, "drop", "dropped");
        Rig.eventually(() -> rig.used(ours) == 0);
        assertThat(answer(importer, "more 100", "held")).isEqualTo("held=16 refused=2");
    }

    @Test
    void itPassesFromImporterToImporterUntilTheLastIsGone() {
        Exporter exporter = exporter(rig.create("64MB"), "ipc");
        List<String> sessions = List.of(rig.create("64MB"), rig.create("64MB"));
        List<Guest> importers =
                sessions.stream().map(session -> importer(session, exporter)).toList();

        End.KILL.of(exporter.guest);
        Rig.eventually(() -> sessions.stream().mapToLong(rig::used).sum() == SHARED);
        int payer = rig.used(sessions.get(0)) == SHARED ? 0 : 1;
        awaitImported(sessions.get(payer), importers.get(payer));
        assertThat(imported(sessions.get(1 - payer))).isEmpty();

        importers.get(payer).kill().exitCode();
        awaitImported(sessions.get(1 - payer), importers.get(1 - payer));
        Rig.eventually(() -> rig.used(sessions.get(payer)) == 0);

        importers.get(1 - payer).finish().exitCode();
        Rig.eventually(() -> rig.used(sessions.get(1 - payer)) == 0);
        assertThat(rig.heldOnCard()).isZero();
    }

    /** Were it given away for an instant, the hammer would have it. */
    @ParameterizedTest
    @ValueSource(strings = {"ipc", "vmm", "pool"})
    void whileItChangesHandsNobodyGetsIt(String way) {
        String group = "hands-" + way;
        rig.with("FAKECUDA_GROUP", group);
        String session = rig.create("64MB");
        Exporter exporter = exporter(session, way);
        Guest importer = importer(session, exporter);
        Guest hammer = rig.in(session, "hammer", "--threads", 2, "--rounds", 20000);
        guests.add(hammer);
        try (CardSampler card = new CardSampler(rig.tree, rig.dir.resolve("card"), group)) {
            Rig.eventually(() -> card.peak() == 64 * Rig.MIB);

            End.KILL.of(exporter.guest);

            Rig.eventually(() -> imported(session).size() == 1);
            assertThat(hammer.await("held")).isEqualTo("held=40 refused=2 failed=0");
            assertThat(card.peak()).isEqualTo(64 * Rig.MIB);
            answer(importer, "drop", "dropped");
        }
    }

    @Test
    void whatAProgramOutsideExportedIsNobodysHere() {
        String session = rig.create("64MB");
        Path meeting = rig.dir.resolve("outside");
        Guest outsider = started(rig.bare("shares", "export", "ipc", meeting));
        Exporter exporter = new Exporter(outsider, "ipc", meeting);
        Guest importer = importer(session, exporter);

        End.KILL.of(outsider);

        assertThat(answer(importer, "more 100", "held")).isEqualTo("held=64 refused=2");
        assertThat(rig.used(session)).isEqualTo(64 * Rig.MIB);
        assertThat(imported(session)).isEmpty();
    }

    /** A refusal is the daemon's own answer, and what the guest told it before that is in its journal by then. */
    private static void hearFromTheDaemon(Guest guest) {
        assertThat(answer(guest, "more 100", "held")).endsWith("refused=2");
        assertThat(answer(guest, "less", "held")).isEqualTo("held=0 refused=0");
    }

    /** Else it could end with the exporter's death, and nobody would pay for what importers have by then. */
    @Test
    void whatNoDaemonHearsOfIsNotExported() {
        rig.with(WAIT, "300ms");
        String session = rig.create("64MB");
        Exporter exporter = exporter(session, "vmm");
        daemon.kill().exitCode();

        assertThat(answer(exporter.guest, "again", "again")).isEqualTo("again code=2");

        assertThat(exporter.guest.errors()).contains("the daemon has to know what processes share");
        daemon = rig.daemon();
        Rig.eventually(() -> {
            answer(exporter.guest, "drop", "dropped code=0");
            return answer(exporter.guest, "again", "again").equals("again code=0");
        });
    }

    @Test
    void whatNoDaemonHearsOfIsNotImported() {
        rig.with(WAIT, "300ms");
        String theirs = rig.create("64MB");
        String ours = rig.create("64MB");
        Exporter exporter = exporter(theirs, "ipc");
        Guest importer = importer(ours, exporter);
        assertThat(answer(importer, "drop", "dropped")).isEqualTo("dropped code=0");
        daemon.kill().exitCode();

        assertThat(importAgain(importer, exporter)).isEqualTo("again code=2");

        daemon = rig.daemon();
        Rig.eventually(() -> importAgain(importer, exporter).equals("again code=0"));
        End.KILL.of(exporter.guest);
        awaitImported(ours, importer);
    }

    private static String importAgain(Guest importer, Exporter from) {
        from.guest.say("lend");
        String answer = answer(importer, "again", "again");
        from.guest.await("lent code=0");
        return answer;
    }

    /** Its importer has the memory, and nobody counts for it but the exporter until a daemon knows. */
    @ParameterizedTest
    @ValueSource(strings = {"ipc", "vmm", "pool"})
    void whatAnExporterFreesWhileThereIsNoDaemonIsNoCreditUntilOneHasHeardOfIt(String way) {
        rig.with(WAIT, "300ms");
        String session = rig.create("64MB");
        Exporter exporter = exporter(session, way);
        Guest importer = importer(session, exporter);
        assertThat(answer(exporter.guest, "more 100", "held")).isEqualTo("held=40 refused=2");
        assertThat(answer(exporter.guest, "less", "held")).isEqualTo("held=0 refused=0");
        daemon.kill().exitCode();

        assertThat(answer(exporter.guest, "drop", "dropped")).isEqualTo("dropped code=0");
        assertThat(answer(exporter.guest, "more 100", "held")).isEqualTo("held=40 refused=2");
        assertThat(rig.heldOnCard()).isEqualTo(64 * Rig.MIB);

        daemon = rig.daemon();
        Rig.eventually(() -> {
            assertThat(answer(exporter.guest, "more 1", "held")).isEqualTo("held=40 refused=2");
            return imported(session).size() == 1;
        });
        assertThat(rig.used(session)).isEqualTo(64 * Rig.MIB);
        assertThat(answer(importer, "drop", "dropped")).isEqualTo("dropped code=0");
        Rig.eventually(() -> answer(importer, "more 100", "held").equals("held=24 refused=2"));
    }

    /** It dies with that in its socket, unread. */
    @Test
    void whatTheDaemonDiedBeforeItReadIsToldToTheNext() {
        String theirs = rig.create("64MB");
        String ours = rig.create("64MB");
        Exporter exporter = exporter(theirs, "ipc");
        Guest importer = importer(ours, exporter);
        daemon.freeze();
        assertThat(answer(importer, "drop", "dropped")).isEqualTo("dropped code=0");
        daemon.kill().exitCode();
        daemon = rig.daemon();
        hearFromTheDaemon(importer);

        End.KILL.of(exporter.guest);

        Rig.eventually(() -> rig.used(theirs) == 0);
        assertThat(imported(ours)).isEmpty();
        assertThat(answer(importer, "more 100", "held")).isEqualTo("held=64 refused=2");
    }

    /** The daemon is killed before the exporter is, with it (it dies while there is none), or after. */
    @ParameterizedTest(name = "{0}, {1}")
    @CsvSource({"ipc, before", "vmm, with", "pool, after", "pool, with", "vmm, before"})
    void aKillOfTheDaemonLosesNoneOfIt(String way, String when) {
        String theirs = rig.create("64MB");
        String ours = rig.create("64MB");
        Exporter exporter = exporter(theirs, way);
        Guest importer = importer(ours, exporter);
        hearFromTheDaemon(exporter.guest);
        hearFromTheDaemon(importer);
        if (when.equals("after")) {
            End.KILL.of(exporter.guest);
            awaitImported(ours, importer);
        }

        daemon.kill().exitCode();
        if (when.equals("with")) {
            End.KILL.of(exporter.guest);
        }
        daemon = rig.daemon();
        if (when.equals("before")) {
            End.KILL.of(exporter.guest);
        }

        awaitImported(ours, importer);
        Rig.eventually(() -> rig.used(theirs) == 0);
        assertThat(answer(importer, "more 100", "held")).isEqualTo("held=40 refused=2");
        answer(importer, "less", "held");
        answer(importer, "drop", "dropped");
        Rig.eventually(() -> rig.used(ours) == 0);
        assertThat(answer(importer, "more 100", "held")).isEqualTo("held=64 refused=2");
    }
}

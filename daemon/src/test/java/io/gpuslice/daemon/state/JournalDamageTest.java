// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.state;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Books;
import io.gpuslice.actors.Register;
import io.gpuslice.daemon.ShortTempDir;
import io.gpuslice.linux.Procfs;
import io.gpuslice.persistence.OfflineState;
import io.gpuslice.persistence.StateException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every file of a state directory, damaged in every way: a daemon starts from all that was written, or refuses to start; and
 * what is repaired gives nobody more than all that was written would have. {@code -Dgpuslice.mutations=500} does more of it,
 * {@code -Dgpuslice.seed=N} other ones.
 */
class JournalDamageTest {

    private static final int COUNT = Integer.getInteger("gpuslice.mutations", 60);
    private static final List<Mutation> MUTATIONS = List.of(Mutation.values());
    private static final long SEED = Long.getLong("gpuslice.seed", 1);

    @TempDir(factory = ShortTempDir.class)
    private Path directory;

    @Test
    void noDamageIsSilentAndNoRepairGivesMemoryAway() throws Exception {
        // As a kill leaves it, with all in the logs, and as it is after another start, with tables and a stop.
        List<Path> states = History.make(directory);
        List<Recovered> truths = new ArrayList<>();
        for (Path state : states) {
            Recovered truth = Recovered.of(copy(state, "whole"));
            assertThat(truth.register().sessions()).hasSizeGreaterThan(3);
            assertThat(charged(truth)).isPositive();
            truths.add(truth);
        }
        Map<Mutation, int[]> outcomes = new EnumMap<>(Mutation.class);
        List<String> failures = new ArrayList<>();
        int next = 0;
        for (int i = 0; i < COUNT; i++) {
            SplittableRandom random = new SplittableRandom(SEED * 1_000_003 + i);
            int which = i % states.size();
            Path state = copy(states.get(which), "state");
            List<Path> files = files(state);
            Path file = files.get(next++ / states.size() % files.size());
            Mutation mutation = MUTATIONS.get(random.nextInt(MUTATIONS.size()));
            mutation.apply(file, files, random);
            String what = "seed " + SEED + ", mutation " + i + ": " + mutation + " " + state.relativize(file);

            try {
                boolean refused = isRefused(state, truths.get(which), what);
                outcomes.computeIfAbsent(mutation, _ -> new int[2])[refused ? 1 : 0]++;
                if (refused) {
                    repair(state, truths.get(which), what);
                }
            } catch (AssertionError | CompletionException e) {
                failures.add(what + ": " + e.getMessage());
            }
        }
        outcomes.forEach((mutation, count) -> System.out.println(
                mutation + ": " + count[0] + " times nothing was lost, " + count[1] + " times refused and repaired"));
        assertThat(failures).isEmpty();
        assertThat(outcomes.values().stream().mapToInt(count -> count[1]).sum()).isGreaterThan(COUNT / 3);
    }

    private boolean isRefused(Path state, Recovered truth, String what) throws IOException {
        // Opening may change it.
        Path tried = copy(state, "tried");
        Recovered recovered;
        try {
            recovered = Recovered.of(tried);
        } catch (StateException e) {
            assertThat(e.getMessage()).as(what).contains("gpusliced journal repair", "mv " + tried);
            return true;
        }
        assertThat(recovered).as(what).isEqualTo(truth);
        return false;
    }

    private void repair(Path state, Recovered truth, String what) throws IOException {
        List<String> said = new ArrayList<>();
        try (OfflineState offline = OfflineState.open(state, Procfs.bootId())) {
            assertThat(offline.verify(_ -> {})).as(what).isFalse();
            offline.repair(said::add);
        }
        String report = what + "\n  " + String.join("\n  ", said);
        Recovered repaired = Recovered.of(state);
        boolean isListLost = said.stream().anyMatch(line -> line.startsWith("dropped from the list: "));
        for (Register.Entry entry : truth.register().sessions().values()) {
            Register.Entry kept = repaired.register().sessions().get(entry.id());
            if (kept == null) {
                assertThat(isListLost
                                || said.stream().anyMatch(line -> line.startsWith("closed  session " + entry.id())))
                        .as("%s is closed and said to be: %s", entry.id(), report)
                        .isTrue();
            } else {
                Books books = repaired.books().get(kept.slot());
                assertThat(books)
                        .as("books of %s: %s", entry.id(), report)
                        .isEqualTo(truth.books().get(entry.slot()));
                assertThat(isListLost || kept.equals(entry))
                        .as("%s is as it was: %s", entry.id(), report)
                        .isTrue();
            }
        }
        assertThat(isListLost
                        || truth.register()
                                .sessions()
                                .keySet()
                                .containsAll(repaired.register().sessions().keySet()))
                .as("no session comes back unsaid: %s", report)
                .isTrue();
        assertThat(said).as(report).last().asString().contains("what was there is in");
    }

    private static long charged(Recovered state) {
        return state.books().values().stream()
                .map(Books::ledger)
                .mapToLong(ledger ->
                        ledger.devices().stream().mapToLong(ledger::charged).sum())
                .sum();
    }

    /** All that a daemon reads when it starts. */
    private static List<Path> files(Path state) throws IOException {
        try (Stream<Path> files = Files.walk(state)) {
            return files.filter(file -> Files.isRegularFile(file)
                            && !file.getFileName()
                                    .toString()
                                    .matches("lock|LOCK|LOG|LOG.old|audit.*|.*\\.log.*json|http.*"))
                    .sorted()
                    .toList();
        }
    }

    private Path copy(Path from, String name) throws IOException {
        Path to = directory.resolve(name);
        Trees.delete(to);
        Trees.copy(from, to);
        return to;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Whether one journal, with its snapshots and its marks, is all that was written; read without changing anything.
 *
 * @param files what is wrong with files
 * @param hasMarks whether it is known how far the journal had come
 * @param tracks what is there, by persistence id
 * @param notes what is wrong and costs nothing
 */
record JournalScan(List<String> files, boolean hasMarks, SortedMap<String, Track> tracks, List<String> notes) {

    static final String JOURNAL = "journal";
    static final String SNAPSHOTS = "snapshots";

    /**
     * What is there of one persistence id.
     *
     * @param snapshot the last event in the newest snapshot that can be read; 0: there is none
     * @param known the last event of those that follow the snapshot without a gap
     * @param last the last event that the journal or its mark speaks of
     * @param isMixed whether events are among them that are not its own
     * @param isMarked whether there is a mark
     */
    record Track(String persistenceId, long snapshot, long known, long last, boolean isMixed, boolean isMarked) {

        /** What is missing, for people. */
        Optional<String> problem() {
            if (isMixed) {
                return Optional.of(persistenceId + " has events that are not its own");
            }
            if (known >= last) {
                return Optional.empty();
            }
            return Optional.of("of " + persistenceId + " "
                    + (known + 1 == last ? "event " + last + " is" : "events are")
                    + " missing"
                    + (known + 1 == last ? "" : ": all is there up to " + known + ", and there were " + last));
        }
    }

    /** @param kind the directory with the journal, its snapshots and its marks */
    static JournalScan of(Path kind) throws IOException {
        StoredEvents stored = new StoredEvents(false);
        List<String> files = new ArrayList<>(new JournalFiles(kind.resolve(JOURNAL)).read(stored::entry));
        return of(kind, stored, files);
    }

    /** @param files what was wrong with the files that {@code stored} was read from */
    static JournalScan of(Path kind, StoredEvents stored, List<String> files) throws IOException {
        List<String> wrong = new ArrayList<>(files);
        List<String> notes = new ArrayList<>();
        SortedMap<String, Long> marks = new TreeMap<>();
        boolean hasMarks = false;
        try {
            marks = Marks.read(kind.resolve(Marks.NAME));
            hasMarks = true;
        } catch (NoSuchFileException e) {
            wrong.add(kind.resolve(Marks.NAME) + ", which says how far the journal had come, is gone");
        } catch (IOException e) {
            wrong.add(e.getMessage() + ", so how far the journal had come is not known");
        }
        SortedMap<String, Long> snapshots = new TreeMap<>();
        for (SnapshotFile snapshot : SnapshotFile.all(kind.resolve(SNAPSHOTS))) {
            if (snapshot.isWhole()) {
                snapshots.merge(snapshot.persistenceId(), snapshot.number(), Math::max);
            } else {
                notes.add(snapshot.path() + " is damaged");
            }
        }
        SortedMap<String, Track> tracks = new TreeMap<>();
        stored.rows().forEach((name, row) -> {
            long snapshot = snapshots.getOrDefault(name, 0L);
            tracks.put(
                    name,
                    new Track(
                            name,
                            snapshot,
                            row.numbers().lastAfter(snapshot),
                            Math.max(row.last(), snapshot),
                            row.hasStranger(name),
                            false));
        });
        marks.forEach((name, mark) -> tracks.merge(
                name,
                new Track(name, 0, 0, mark, false, true),
                (found, _) -> new Track(
                        name, found.snapshot(), found.known(), Math.max(found.last(), mark), found.isMixed(), true)));
        return new JournalScan(wrong, hasMarks, tracks, notes);
    }

    /** All that is wrong, for people. */
    List<String> problems() {
        return Stream.concat(files.stream(), tracks.values().stream().flatMap(track -> track.problem().stream()))
                .toList();
    }
}

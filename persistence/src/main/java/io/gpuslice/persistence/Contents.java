// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.persistence.JournalScan.Track;
import io.gpuslice.persistence.StoredEvents.Row;
import io.gpuslice.persistence.StoredEvents.Stored;
import java.io.IOException;
import java.io.NotSerializableException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentMessage;

/**
 * One journal with its snapshots, in memory, read without changing anything.
 *
 * @param scan whether that is all of it
 */
record Contents(Path kind, JournalScan scan, SortedMap<String, Row> rows) {

    private static final EventSerializer SERIALIZER = new EventSerializer();

    /** What LevelDB would read. */
    static Contents read(Path kind) throws IOException {
        StoredEvents stored = new StoredEvents(true);
        List<String> wrong = files(kind).read(stored::entry);
        return new Contents(kind, JournalScan.of(kind, stored, wrong), stored.rows());
    }

    /** All that can be read, whether LevelDB would or not. */
    static Contents salvage(Path kind) throws IOException {
        List<String> wrong = Files.isDirectory(kind.resolve(JournalScan.JOURNAL))
                ? files(kind).read((_, _, _) -> {})
                : List.of(kind.resolve(JournalScan.JOURNAL) + " is gone");
        StoredEvents stored = new StoredEvents(true);
        if (Files.isDirectory(kind.resolve(JournalScan.JOURNAL))) {
            files(kind).salvage(stored::entry);
        }
        return new Contents(kind, JournalScan.of(kind, stored, wrong), stored.rows());
    }

    private static JournalFiles files(Path kind) {
        return new JournalFiles(kind.resolve(JournalScan.JOURNAL));
    }

    /** Whether nobody can tell that all of it is there: how far it had come is not known. */
    boolean isUnbounded(String persistenceId) {
        return !scan.hasMarks()
                || (track(persistenceId).last() > 0 && !track(persistenceId).isMarked());
    }

    /** What there is of a persistence id; of one that was never written, nothing is missing. */
    Track track(String persistenceId) {
        return scan.tracks().getOrDefault(persistenceId, new Track(persistenceId, 0, 0, 0, false, false));
    }

    /** The newest snapshot that can be read. */
    Optional<SnapshotFile> snapshot(String persistenceId) throws IOException {
        return SnapshotFile.of(kind.resolve(JournalScan.SNAPSHOTS), persistenceId).stream()
                .filter(SnapshotFile::isWhole)
                .findFirst();
    }

    /** All its events that are not in the snapshot, by their numbers; there may be gaps. */
    SortedMap<Long, PersistentMessage> events(String persistenceId) {
        SortedMap<Long, PersistentMessage> events = new TreeMap<>();
        Row row = rows.get(persistenceId);
        if (row != null) {
            for (Stored stored :
                    row.events().tailMap(track(persistenceId).snapshot() + 1).values()) {
                events.put(stored.event().getSequenceNr(), stored.event());
            }
        }
        return events;
    }

    /** What an event says. */
    static Object payload(PersistentMessage event) throws NotSerializableException {
        return SERIALIZER.fromBinary(
                event.getPayload().getPayload().toByteArray(),
                event.getPayload().getPayloadManifest().toStringUtf8());
    }

    /** What the snapshot says, or else what there is before the first event. */
    <S> S beginning(String persistenceId, Class<S> type, S blank) throws IOException {
        Optional<SnapshotFile> snapshot = snapshot(persistenceId);
        return snapshot.isEmpty() ? blank : type.cast(snapshot.get().read(SERIALIZER));
    }

    /**
     * What the events add up to, as far as there is no gap.
     *
     * @throws IOException if one cannot be read, or cannot have happened
     */
    <S, E> S fold(String persistenceId, Class<S> state, S blank, Class<E> event, BiFunction<S, E, S> apply)
            throws IOException {
        S sum = beginning(persistenceId, state, blank);
        Track track = track(persistenceId);
        for (PersistentMessage message :
                events(persistenceId).headMap(track.known() + 1).values()) {
            try {
                sum = apply.apply(sum, event.cast(payload(message)));
            } catch (IllegalStateException | ClassCastException e) {
                throw new IOException(
                        "event " + message.getSequenceNr() + " of " + persistenceId + " makes no sense: "
                                + e.getMessage(),
                        e);
            }
        }
        return sum;
    }
}

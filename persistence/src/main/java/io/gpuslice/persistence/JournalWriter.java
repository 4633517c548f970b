// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentMessage;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentPayload;
import org.apache.pekko.protobufv3.internal.ByteString;
import org.iq80.leveldb.DB;
import org.iq80.leveldb.WriteBatch;
import org.iq80.leveldb.WriteOptions;

/** Makes a new journal, with snapshots and marks, as Pekko's plugin would have written it. */
final class JournalWriter implements AutoCloseable {

    /** The plugin's number of the first persistence id. */
    private static final int FIRST_ID = 10;

    private final Path kind;
    private final DB journal;
    private final Map<String, Long> marks = new HashMap<>();
    private final EventSerializer serializer = new EventSerializer();

    /** @param kind the directory that is to have the journal; there is none yet */
    JournalWriter(Path kind) throws IOException {
        this.kind = kind;
        Files.createDirectories(kind.resolve(JournalScan.JOURNAL));
        Files.createDirectories(kind.resolve(JournalScan.SNAPSHOTS));
        // Both engines read what either wrote, and this one needs no library.
        journal = Engine.JAVA.open(kind.resolve(JournalScan.JOURNAL), true);
    }

    /** Takes a snapshot over as it is. */
    void addSnapshot(Optional<SnapshotFile> snapshot) throws IOException {
        if (snapshot.isPresent()) {
            Path file = snapshot.get().path();
            Files.copy(file, kind.resolve(JournalScan.SNAPSHOTS).resolve(file.getFileName()));
        }
    }

    /** Gives these events the numbers behind {@code last}. */
    void add(String persistenceId, long last, List<?> events) throws IOException {
        List<PersistentMessage> messages = new ArrayList<>();
        for (Object event : events) {
            messages.add(PersistentMessage.newBuilder()
                    .setPersistenceId(persistenceId)
                    .setSequenceNr(last + messages.size() + 1)
                    .setTimestamp(System.currentTimeMillis())
                    .setPayload(PersistentPayload.newBuilder()
                            .setSerializerId(serializer.identifier())
                            .setPayloadManifest(ByteString.copyFromUtf8(serializer.manifest(event)))
                            .setPayload(ByteString.copyFrom(serializer.toBinary(event))))
                    .build());
        }
        addMessages(persistenceId, last, messages);
    }

    /** Takes these events over as they are. */
    void addMessages(String persistenceId, long last, List<PersistentMessage> messages) throws IOException {
        int id = FIRST_ID + marks.size();
        long end = messages.isEmpty() ? last : messages.getLast().getSequenceNr();
        try (WriteBatch batch = journal.createWriteBatch()) {
            batch.put(new JournalKey(JournalKey.NAMES, 0, id).bytes(), persistenceId.getBytes(StandardCharsets.UTF_8));
            batch.put(
                    new JournalKey(id, 0, 0).bytes(),
                    ByteBuffer.allocate(Long.BYTES).putLong(end).array());
            for (PersistentMessage message : messages) {
                batch.put(new JournalKey(id, message.getSequenceNr(), 0).bytes(), message.toByteArray());
            }
            journal.write(batch, new WriteOptions().sync(true));
        }
        marks.put(persistenceId, end);
    }

    @Override
    public void close() throws IOException {
        journal.close();
        Marks.write(kind.resolve(Marks.NAME), marks);
    }
}

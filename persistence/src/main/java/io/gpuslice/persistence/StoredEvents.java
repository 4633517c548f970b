// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentMessage;
import org.apache.pekko.protobufv3.internal.InvalidProtocolBufferException;
import org.jspecify.annotations.Nullable;

/** Makes what Pekko's plugin had stored of a LevelDB's entries, which come in any order. */
final class StoredEvents {

    /** What is stored under one of the plugin's numbers. */
    static final class Row {
        private final Runs numbers = new Runs();
        private final SortedMap<Long, Stored> events = new TreeMap<>();
        private final Set<String> owners = new TreeSet<>();
        private long last;
        private boolean hasStranger;

        /** The numbers of its events. */
        Runs numbers() {
            return numbers;
        }

        /** Its events, if they are kept. */
        SortedMap<Long, Stored> events() {
            return events;
        }

        /** The number that its last event is to have. */
        long last() {
            return last;
        }

        /** Whether an event in it is not one that belongs there. */
        boolean hasStranger(String owner) {
            return hasStranger || owners.stream().anyMatch(name -> !name.equals(owner));
        }
    }

    /** @param sequence LevelDB's */
    record Stored(long sequence, PersistentMessage event) {}

    private final boolean keep;
    private final Map<Integer, String> names = new HashMap<>();
    private final Map<Integer, Row> rows = new HashMap<>();

    /** @param keep whether the events themselves are wanted, or only which there are */
    StoredEvents(boolean keep) {
        this.keep = keep;
    }

    /** One of LevelDB's entries. */
    void entry(byte[] bytes, long sequence, byte @Nullable [] value) {
        JournalKey key = JournalKey.of(bytes);
        if (value == null) {
            // Deleted events are in a snapshot; nothing else is ever deleted.
            return;
        }
        if (key.isName()) {
            names.put(key.name(), new String(value, StandardCharsets.UTF_8));
        } else if (key.isLast() && value.length == Long.BYTES) {
            Row row = row(key.id());
            row.last = Math.max(row.last, ByteBuffer.wrap(value).getLong());
        } else if (key.isEvent()) {
            event(row(key.id()), key.number(), sequence, value);
        }
    }

    /** The rows by their persistence ids; one whose name is gone has that of its events, with a question mark. */
    SortedMap<String, Row> rows() {
        SortedMap<String, Row> named = new TreeMap<>();
        rows.forEach((id, row) ->
                named.put(names.getOrDefault(id, row.owners.stream().findFirst().orElse("number " + id) + "?"), row));
        return named;
    }

    private void event(Row row, long number, long sequence, byte[] bytes) {
        PersistentMessage event;
        try {
            event = PersistentMessage.parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            row.hasStranger = true;
            return;
        }
        if (event.getSequenceNr() != number) {
            row.hasStranger = true;
            return;
        }
        row.owners.add(event.getPersistenceId());
        row.numbers.add(number);
        if (keep) {
            row.events.merge(
                    number,
                    new Stored(sequence, event),
                    (one, other) -> one.sequence() > other.sequence() ? one : other);
        }
    }

    private Row row(int id) {
        return Objects.requireNonNull(rows.computeIfAbsent(id, _ -> new Row()));
    }
}

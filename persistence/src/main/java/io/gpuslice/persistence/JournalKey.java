// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import java.nio.ByteBuffer;

/**
 * Under what Pekko's LevelDB plugin stores a value: {@code {i32 id, i64 number, i32 of the name}}, big-endian.
 *
 * @param id a number for each persistence id; {@link #NAMES}: the value is a persistence id
 * @param number of the event; 0: the value is the number of the last event
 * @param name the number that the value names, where the value is a persistence id
 */
record JournalKey(int id, long number, int name) {

    static final int NAMES = 1;
    private static final int SIZE = 20;

    static JournalKey of(byte[] bytes) {
        ByteBuffer key = ByteBuffer.wrap(bytes);
        return key.remaining() < SIZE
                ? new JournalKey(0, 0, 0)
                : new JournalKey(key.getInt(), key.getLong(), key.getInt());
    }

    byte[] bytes() {
        return ByteBuffer.allocate(SIZE).putInt(id).putLong(number).putInt(name).array();
    }

    boolean isName() {
        return id == NAMES;
    }

    boolean isLast() {
        return id > NAMES && number == 0;
    }

    boolean isEvent() {
        return id > NAMES && number > 0 && name == 0;
    }
}

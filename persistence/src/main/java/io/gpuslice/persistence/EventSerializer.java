// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.gpuslice.actors.SessionEvent.Booked;
import io.gpuslice.domain.LedgerEvent;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.UncheckedIOException;
import org.apache.pekko.serialization.SerializerWithStringManifest;

/**
 * Events and snapshots as CBOR, each under its name in {@link TypeNames}. What is wrong with stored bytes is an error
 * here: a missing field is not filled in, and an unknown one is not skipped.
 */
public final class EventSerializer extends SerializerWithStringManifest {

    /** Stored beside every event: never to be changed. */
    private static final int IDENTIFIER = 0x67707573;

    private final ObjectMapper mapper = Cbor.mapper();

    @Override
    public int identifier() {
        return IDENTIFIER;
    }

    @Override
    public String manifest(Object value) {
        return TypeNames.of(bare(value).getClass());
    }

    @Override
    public byte[] toBinary(Object value) {
        try {
            return mapper.writeValueAsBytes(bare(value));
        } catch (IOException e) {
            throw new UncheckedIOException("a " + manifest(value) + " cannot be written", e);
        }
    }

    @Override
    public Object fromBinary(byte[] bytes, String manifest) throws NotSerializableException {
        Class<?> type = TypeNames.type(FormerTypes.successor(manifest))
                .orElseThrow(() -> new NotSerializableException("\"" + manifest
                        + "\" is not known to this version of gpuslice: the state was written by a newer one"));
        try {
            Object value = FormerTypes.names().contains(manifest)
                    ? former(bytes, manifest, type)
                    : mapper.readValue(bytes, type);
            return value instanceof LedgerEvent event ? new Booked(event) : value;
        } catch (IOException e) {
            NotSerializableException unreadable =
                    new NotSerializableException("a stored " + manifest + " cannot be read: " + e.getMessage());
            unreadable.initCause(e);
            throw unreadable;
        }
    }

    private Object former(byte[] bytes, String manifest, Class<?> type) throws IOException {
        JsonNode value = mapper.readTree(bytes);
        FormerTypes.upgrade(manifest, value);
        return mapper.treeToValue(value, type);
    }

    /** A ledger's event stands for itself: that a session's journal wraps it is nothing to be stored. */
    private static Object bare(Object value) {
        return value instanceof Booked booked ? booked.event() : value;
    }
}

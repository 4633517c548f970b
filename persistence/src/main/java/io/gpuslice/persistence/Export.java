// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Instant;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentMessage;

/** The events of one journal as lines of JSON, with their fields under the names of the audit log and the HTTP API. */
final class Export {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final SnakeCaseStrategy NAMES = new SnakeCaseStrategy();

    private final String kind;
    private final Contents contents;
    private final ObjectMapper cbor = Cbor.mapper();

    Export(String kind, Contents contents) {
        this.kind = kind;
        this.contents = contents;
    }

    void write(Consumer<String> out) throws IOException {
        for (String persistenceId : contents.rows().keySet()) {
            Optional<SnapshotFile> snapshot = contents.snapshot(persistenceId);
            if (snapshot.isPresent()) {
                Object value = snapshot.get().read(new EventSerializer());
                out.accept(line(
                        persistenceId,
                        snapshot.get().number(),
                        snapshot.get().timestamp(),
                        TypeNames.of(value.getClass()),
                        cbor.readTree(new EventSerializer().toBinary(value))));
            }
            for (PersistentMessage event : contents.events(persistenceId).values()) {
                out.accept(line(
                        persistenceId,
                        event.getSequenceNr(),
                        event.getTimestamp(),
                        event.getPayload().getPayloadManifest().toStringUtf8(),
                        cbor.readTree(event.getPayload().getPayload().toByteArray())));
            }
        }
    }

    private String line(String persistenceId, long number, long millis, String type, JsonNode fields)
            throws JsonProcessingException {
        ObjectNode line = JSON.createObjectNode()
                .put("time", Instant.ofEpochMilli(millis).toString())
                .put("journal", kind)
                .put("persistence_id", persistenceId)
                .put("number", number)
                .put("event", type);
        line.set("fields", named(fields));
        return JSON.writeValueAsString(line);
    }

    /** Keys of maps (devices, sessions, processes) stay as they are: none of them has a capital letter behind a small one. */
    private static JsonNode named(JsonNode value) {
        if (value instanceof ObjectNode object) {
            ObjectNode renamed = JSON.createObjectNode();
            object.properties()
                    .forEach(field -> renamed.set(
                            field.getKey().matches("[a-z]+([A-Z][a-z]+)+")
                                    ? NAMES.translate(field.getKey())
                                    : field.getKey(),
                            named(field.getValue())));
            return renamed;
        }
        if (value instanceof ArrayNode array) {
            ArrayNode renamed = JSON.createArrayNode();
            array.forEach(element -> renamed.add(named(element)));
            return renamed;
        }
        return value;
    }
}

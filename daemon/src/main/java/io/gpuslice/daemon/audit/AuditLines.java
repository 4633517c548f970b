// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Result;
import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;

/** Lines that wait to be written. Not thread-safe. */
final class AuditLines {
    private static final JsonFactory JSON = new JsonFactory().setRootValueSeparator(null);

    // Text, not bytes: half a surrogate pair in somebody's words must cost that character, not the line.
    private final StringWriter text = new StringWriter();
    private final JsonGenerator json;

    AuditLines() {
        try {
            json = JSON.createGenerator(text);
        } catch (IOException e) {
            throw inMemory(e);
        }
    }

    void add(Occurrence occurrence) {
        line(() -> AuditField.each(occurrence, (field, value) -> member(field.toString(), value)));
    }

    /** @param more fields, after those that every line has */
    void add(OwnOperation operation, Map<String, Object> more) {
        line(() -> {
            member(AuditField.TIME.toString(), AuditField.written(Instant.now()));
            member(AuditField.PID.toString(), ProcessHandle.current().pid());
            member(AuditField.UID.toString(), PrivateDirectory.uid());
            member(AuditField.OPERATION.toString(), operation);
            member(AuditField.RESULT.toString(), operation == OwnOperation.LOST ? Result.FAILED : Result.OK);
            more.forEach(this::member);
        });
    }

    /** Takes them all. */
    ByteBuffer take() {
        try {
            json.flush();
        } catch (IOException e) {
            throw inMemory(e);
        }
        ByteBuffer bytes = StandardCharsets.UTF_8.encode(text.toString());
        text.getBuffer().setLength(0);
        return bytes;
    }

    /** How many lines are left, one that is cut included. */
    static long count(ByteBuffer lines) {
        long count = 0;
        for (int at = lines.position(); at < lines.limit(); at++) {
            count += lines.get(at) == '\n' ? 1 : 0;
        }
        return count;
    }

    /** For another file: what has been written of a line belongs to the one before. */
    static void backToStartOfLine(ByteBuffer lines) {
        while (lines.position() > 0 && lines.get(lines.position() - 1) != '\n') {
            lines.position(lines.position() - 1);
        }
    }

    private void line(Runnable members) {
        try {
            json.writeStartObject();
            members.run();
            json.writeEndObject();
            json.writeRaw('\n');
        } catch (IOException e) {
            throw inMemory(e);
        }
    }

    private void member(String name, Object value) {
        try {
            json.writeFieldName(name);
            if (value instanceof Number number) {
                json.writeNumber(number.longValue());
            } else {
                json.writeString(value.toString());
            }
        } catch (IOException e) {
            throw inMemory(e);
        }
    }

    private static UncheckedIOException inMemory(IOException e) {
        return new UncheckedIOException("cannot be: it is written to memory", e);
    }
}

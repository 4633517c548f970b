// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/** The daemon's audit log, read as any other reader would: a line is JSON. */
record Audit(Path file) {
    List<JsonNode> lines() {
        return parsed("");
    }

    List<JsonNode> of(String session) {
        return parsed(session).stream()
                .filter(line -> line.path("session_id").asText().equals(session))
                .toList();
    }

    /** Of the lines with these words in them, because a busy daemon's are many. */
    private List<JsonNode> parsed(String words) {
        try {
            String text = Files.exists(file) ? Files.readString(file) : "";
            // What stands behind the last line's end is being written.
            return text.substring(0, text.lastIndexOf('\n') + 1)
                    .lines()
                    .filter(line -> line.contains(words))
                    .map(Rig::json)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The first line about a session that is so, when it is there. */
    JsonNode await(String session, Predicate<JsonNode> so) {
        Rig.eventually(() -> of(session).stream().anyMatch(so));
        return of(session).stream().filter(so).findFirst().orElseThrow();
    }

    /** The first line that is so, when it is there. */
    JsonNode await(Predicate<JsonNode> so) {
        Rig.eventually(() -> lines().stream().anyMatch(so));
        return lines().stream().filter(so).findFirst().orElseThrow();
    }

    static Predicate<JsonNode> says(String operation, String result) {
        return line -> line.path("operation").asText().equals(operation)
                && line.path("result").asText().equals(result);
    }

    static Predicate<JsonNode> about(long pid) {
        return line -> line.path("pid").asLong() == pid;
    }

    /** Sum of the bytes of a session's lines of one kind. */
    long bytes(String session, String operation) {
        return of(session).stream()
                .filter(line -> line.path("operation").asText().equals(operation))
                .mapToLong(line -> line.path("bytes").asLong())
                .sum();
    }

    /**
     * A session's lines in short, in their order: who, what, how it went, how much in MiB, and why not. A refusal is
     * {@code "second deny 16 denied QUOTA_EXCEEDED"}, what went well has neither result nor code.
     *
     * @param names of processes by pid; another's is "?"
     */
    List<String> story(String session, Map<Long, String> names) {
        return of(session).stream().map(line -> inShort(line, names)).toList();
    }

    private static String inShort(JsonNode line, Map<Long, String> names) {
        assertThat(line.path("time").asText()).as(line.toString()).matches("\\d{4}-\\d\\d-\\d\\dT.*Z");
        String text = line.path("operation").asText();
        if (line.has("pid")) {
            text = names.getOrDefault(line.path("pid").asLong(), "?") + " " + text;
        }
        if (line.has("bytes")) {
            long bytes = line.path("bytes").asLong();
            text += " " + (bytes % Rig.MIB == 0 ? Long.toString(bytes / Rig.MIB) : bytes + "B");
        }
        String result = line.path("result").asText();
        assertThat(line.has("error_code")).as(line.toString()).isEqualTo(!result.equals("ok"));
        return result.equals("ok")
                ? text
                : text + " " + result + " " + line.path("error_code").asText();
    }
}

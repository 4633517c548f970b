// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A stream of events as it comes over the socket, read line by line when a test wants to know. */
final class EventStream implements AutoCloseable {
    private static final int LONGEST_MILLIS = 30_000;

    /**
     * One event, comment or other block between two empty lines.
     *
     * @param fields by name; a comment's is empty
     */
    record Block(Map<String, String> fields) {
        String field(String name) {
            return fields.getOrDefault(name, "");
        }

        JsonNode data() throws IOException {
            return new ObjectMapper().readTree(field("data"));
        }
    }

    private final Socket socket = new Socket();
    private final BufferedReader lines;
    private final Map<String, String> headers = new LinkedHashMap<>();
    private final String status;

    /** Asks for {@code target}, and reads up to where events begin. */
    EventStream(URI url, String target, String... more) throws IOException {
        // As little as there can be waits on its way.
        socket.setReceiveBufferSize(1);
        socket.setSoTimeout(LONGEST_MILLIS);
        socket.connect(new InetSocketAddress(url.getHost(), url.getPort()));
        socket.getOutputStream()
                .write(("GET " + target + " HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                                + String.join(
                                        "",
                                        List.of(more).stream()
                                                .map(header -> header + "\r\n")
                                                .toList())
                                + "\r\n")
                        .getBytes(StandardCharsets.ISO_8859_1));
        lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        status = lines.readLine();
        for (String line = lines.readLine(); line != null && !line.isEmpty(); line = lines.readLine()) {
            headers.put(
                    line.substring(0, line.indexOf(':')),
                    line.substring(line.indexOf(':') + 1).strip());
        }
    }

    String status() {
        return status;
    }

    Map<String, String> headers() {
        return headers;
    }

    /** The next one; null: it has ended. */
    @Nullable
    Block next() throws IOException {
        Map<String, String> fields = new LinkedHashMap<>();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.isEmpty()) {
                return new Block(fields);
            }
            int colon = line.indexOf(':');
            fields.put(line.substring(0, colon), line.substring(colon + 1).strip());
        }
        return null;
    }

    /** The next one, whatever it is. */
    Block block() throws IOException {
        Block block = next();
        if (block == null) {
            throw new AssertionError("it ended");
        }
        return block;
    }

    /** The last one, after which it ends. */
    Block last() throws IOException {
        Block last = block();
        for (Block block = next(); block != null; block = next()) {
            last = block;
        }
        return last;
    }

    /** The next one of that name; the others on the way are passed over. */
    Block next(String event) throws IOException {
        for (Block block = next(); block != null; block = next()) {
            if (block.field("event").equals(event)) {
                return block;
            }
        }
        throw new AssertionError("it ended without " + event);
    }

    /** Passes over everything up to the end. */
    void readToTheEnd() throws IOException {
        while (lines.readLine() != null) {
            // What it says is another test's.
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/**
 * An answer as it came over the socket, for requests that no client library would send.
 *
 * @param head the status line and the headers
 * @param body unchunked answers only
 */
record Raw(String head, String body) {

    private static final int LONGEST_MILLIS = 20_000;

    /** Sends {@code bytes} and reads until the server closes. */
    static Raw exchange(URI url, String bytes) throws IOException {
        return of(exchangeAll(url, bytes));
    }

    static String exchangeAll(URI url, String bytes) throws IOException {
        try (Socket socket = new Socket(url.getHost(), url.getPort())) {
            socket.setSoTimeout(LONGEST_MILLIS);
            socket.getOutputStream().write(bytes.getBytes(StandardCharsets.ISO_8859_1));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    static Raw of(String all) {
        int end = all.indexOf("\r\n\r\n");
        return end < 0 ? new Raw(all, "") : new Raw(all.substring(0, end), all.substring(end + 4));
    }

    /** The first line of a request and its headers, to be answered and closed. */
    static String get(String target, String... headers) {
        return request("GET", target, headers);
    }

    static String request(String method, String target, String... headers) {
        return method + " " + target + " HTTP/1.1\r\nConnection: close\r\n"
                + String.join(
                        "",
                        List.of(headers).stream().map(header -> header + "\r\n").toList()) + "\r\n";
    }

    int status() {
        return head.startsWith("HTTP/1.1 ") ? Integer.parseInt(head.substring(9, 12)) : 0;
    }

    /** The header's value; empty: there is none. */
    String header(String name) {
        return head.lines()
                .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name.toLowerCase(Locale.ROOT) + ":"))
                .map(line -> line.substring(name.length() + 1).strip())
                .findFirst()
                .orElse("");
    }

    JsonNode json() throws IOException {
        return new ObjectMapper().readTree(body);
    }
}

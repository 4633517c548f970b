// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The daemon's requests and answers in JSON: the same that HTTP has, over the socket. */
final class Calls {
    private static final Json NOTHING = new Json(Map.of());

    private final Connection connection;
    private final String operatorToken;

    Calls(Connection connection, String operatorToken) {
        this.connection = connection;
        this.operatorToken = operatorToken;
    }

    /**
     * The body of the answer; empty where it has none.
     *
     * @throws Failure with the daemon's own words, if it refuses
     */
    Json get(String path) throws Failure {
        return call("GET", path, NOTHING);
    }

    Json delete(String path) throws Failure {
        return call("DELETE", path, NOTHING);
    }

    Json patch(String path, Json body) throws Failure {
        return call("PATCH", path, body);
    }

    /** The path of one session. */
    static String session(String selector) {
        return "/sessions/" + encoded(selector);
    }

    /**
     * All sessions, in as many answers as they take.
     *
     * @param silent ids of those that did not answer in time
     */
    record Listed(List<Json> sessions, Set<String> silent) {}

    Listed sessions() throws Failure {
        List<Json> sessions = new ArrayList<>();
        Set<String> silent = new LinkedHashSet<>();
        String after = "";
        while (true) {
            Json page = get(after.isEmpty() ? "/sessions" : "/sessions?after=" + encoded(after));
            sessions.addAll(page.objects("sessions"));
            silent.addAll(page.texts("silent"));
            String next = page.text("next", "");
            if (next.isEmpty()) {
                return new Listed(sessions, silent);
            }
            if (next.equals(after)) {
                throw connection.senseless("a list of sessions that does not go on behind " + after);
            }
            after = next;
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private Json call(String method, String path, Json sent) throws Failure {
        Map<String, @Nullable Object> request = new LinkedHashMap<>();
        request.put("method", method);
        request.put("path", path);
        if (!operatorToken.isEmpty()) {
            request.put("token", operatorToken);
        }
        if (!sent.members().isEmpty()) {
            request.put("body", sent);
        }
        if (!(connection.ask(new Frame.Call(new Json(request).compact())) instanceof Frame.Reply(String text))) {
            throw connection.senseless("not a REPLY");
        }
        try {
            Json reply = Json.parse(text);
            Json body = reply.object("body");
            if (reply.number("status", 0) / 100 != 2) {
                throw new Failure(
                        body.text(
                                        "detail",
                                        body.text(
                                                "title", "the daemon refused with status " + reply.number("status", 0)))
                                + (body.has("error_code") ? " (" + body.text("error_code", "") + ")" : ""),
                        "");
            }
            return body;
        } catch (IOException e) {
            throw connection.senseless(String.valueOf(e.getMessage()));
        }
    }
}

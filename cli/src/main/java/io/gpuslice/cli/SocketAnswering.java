// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A daemon of this machine, over its socket. */
final class SocketAnswering implements Answering {
    private final Connection connection;
    private final String operatorToken;

    SocketAnswering(Connection connection, String operatorToken) {
        this.connection = connection;
        this.operatorToken = operatorToken;
    }

    @Override
    public Reply ask(String method, String path, Json body) throws Failure {
        return reply(connection.ask(new Frame.Call(envelope(method, path, body))));
    }

    @Override
    public EventStream watch(String path) throws Failure {
        Calls.accepted(reply(connection.ask(new Frame.Watch(envelope("GET", path, Calls.NOTHING)))));
        return () -> {
            Optional<Frame> frame = connection.hear();
            return frame.isEmpty() ? Optional.empty() : Optional.of(event(frame.get()));
        };
    }

    @Override
    public Failure senseless(String why) {
        return connection.senseless(why);
    }

    @Override
    public void close() {
        connection.close();
    }

    private String envelope(String method, String path, Json body) {
        Map<String, @Nullable Object> request = new LinkedHashMap<>();
        request.put("method", method);
        request.put("path", path);
        if (!operatorToken.isEmpty()) {
            request.put("token", operatorToken);
        }
        if (!body.members().isEmpty()) {
            request.put("body", body);
        }
        return new Json(request).compact();
    }

    private Reply reply(Frame answer) throws Failure {
        if (!(answer instanceof Frame.Reply(String text))) {
            throw senseless("not a REPLY");
        }
        Json reply = parsed(text);
        return new Reply(reply.number("status", 0), reply.object("body"));
    }

    private Json event(Frame frame) throws Failure {
        if (!(frame instanceof Frame.Event(String text))) {
            throw senseless("not an EVENT");
        }
        return parsed(text);
    }

    private Json parsed(String text) throws Failure {
        try {
            return Json.parse(text);
        } catch (IOException e) {
            throw senseless(String.valueOf(e.getMessage()));
        }
    }
}

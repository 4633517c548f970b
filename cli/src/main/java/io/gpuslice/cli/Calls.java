// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The daemon's requests and answers in JSON: the same over its socket and over HTTP. */
public final class Calls implements AutoCloseable {
    static final Json NOTHING = new Json(Map.of());

    private static final int UNKNOWN = 404;
    private static final int CLOSED = 410;

    private final Answering daemon;

    Calls(Answering daemon) {
        this.daemon = daemon;
    }

    Calls(Connection connection, String operatorToken) {
        this(new SocketAnswering(connection, operatorToken));
    }

    /**
     * The body of the answer; empty where it has none.
     *
     * @throws Failure with the daemon's own words, if it refuses
     */
    public Json get(String path) throws Failure {
        return call("GET", path, NOTHING);
    }

    /** As {@link #get}. */
    public Json delete(String path) throws Failure {
        return call("DELETE", path, NOTHING);
    }

    /** As {@link #get}. */
    public Json patch(String path, Json body) throws Failure {
        return call("PATCH", path, body);
    }

    /** The session of that id; empty: it has ended. */
    public Optional<Json> find(String id) throws Failure {
        Answering.Reply reply = daemon.ask("GET", session(id), NOTHING);
        return reply.status() == UNKNOWN || reply.status() == CLOSED ? Optional.empty() : Optional.of(accepted(reply));
    }

    /**
     * The session that is meant; empty: it has ended, as the daemon remembers of a while for whoever names the whole id.
     *
     * @throws Failure if there is none such
     */
    public Optional<Json> findOrEnded(String selector) throws Failure {
        Answering.Reply reply = daemon.ask("GET", session(selector), NOTHING);
        return reply.status() == CLOSED ? Optional.empty() : Optional.of(accepted(reply));
    }

    /** The path of one session. */
    public static String session(String selector) {
        return "/sessions/" + encoded(selector);
    }

    /**
     * All sessions, in as many answers as they take.
     *
     * @param silent ids of those that did not answer in time
     */
    public record Listed(List<Json> sessions, Set<String> silent) {

        /** What to call one of them: its name, where that means it alone; else its id. */
        String selector(Json session) {
            String name = session.text("name", "");
            boolean plain = !name.isEmpty()
                    && sessions.stream()
                                    .filter(other ->
                                            name.equals(other.text("name", "")) || name.equals(other.text("id", "")))
                                    .count()
                            == 1;
            return plain ? name : session.text("id", "");
        }
    }

    /** Lists them. */
    public Listed sessions() throws Failure {
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
                throw daemon.senseless("a list of sessions that does not go on behind " + after);
            }
            after = next;
        }
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    /**
     * What happens from now on.
     *
     * @param path of the events of one session, or of all
     */
    public EventStream watch(String path) throws Failure {
        return daemon.watch(path);
    }

    /** Of its connection. */
    @Override
    public void close() {
        daemon.close();
    }

    private Json call(String method, String path, Json body) throws Failure {
        return accepted(daemon.ask(method, path, body));
    }

    /** Its body, where it is no refusal. */
    static Json accepted(Answering.Reply reply) throws Failure {
        Json body = reply.body();
        if (reply.status() / 100 != 2) {
            throw new Failure(
                    body.text("detail", body.text("title", "the daemon refused with status " + reply.status()))
                            + (body.has("error_code") ? " (" + body.text("error_code", "") + ")" : ""),
                    "");
        }
        return body;
    }
}

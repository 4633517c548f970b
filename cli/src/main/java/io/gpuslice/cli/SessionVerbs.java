// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.wire.Abi;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** The verbs about sessions: create, ps, inspect, update, rm. Inside a session they see that session alone. */
final class SessionVerbs {
    /** `rm --force` is answered when the last process is dead: 10 s after SIGTERM at the latest, and some. */
    private static final Duration END_PATIENCE = Duration.ofSeconds(40);

    private final Context context;
    private final Daemons daemons;

    SessionVerbs(Context context) {
        this.context = context;
        this.daemons = new Daemons(context);
    }

    int create(OpenOptions options, OutputOptions output) throws Failure {
        OpenRequest request = OpenRequest.of(context, options, Abi.FLAG_NO_LEADER | Abi.FLAG_KEEP);
        try (Connection connection = daemons.findOrStart()) {
            OpenRequest.Session session = request.send(connection);
            if (!options.quiet()) {
                session.warning().ifPresent(context::say);
            }
            if (output.json()) {
                context.out().println(Json.pretty(calls(connection).get(Calls.session(session.id()))));
                return 0;
            }
            context.out().println(session.id());
            if (!options.quiet()) {
                context.say("run a program in it: gpuslice exec " + session.id() + " -- CMD; end it: gpuslice rm "
                        + session.id());
            }
            return 0;
        }
    }

    int ps(OutputOptions output, boolean whole) throws Failure {
        List<Json> sessions = List.of();
        Daemons looking = Daemons.toLookAt(context);
        Optional<Connection> found = looking.find();
        if (found.isPresent()) {
            try (Connection connection = found.get()) {
                Calls.Listed listed = calls(connection).sessions();
                sessions = listed.sessions().stream()
                        .filter(session -> mayBeSeen(session.text("id", "")))
                        .toList();
                if (!listed.silent().isEmpty()) {
                    context.say("the daemon had no answer in time about " + String.join(", ", listed.silent()));
                }
            }
        } else {
            // Also to a script: an empty list does not mean here that there are none.
            context.say(looking.none().forPeople());
        }
        if (output.json()) {
            context.out().println(Json.pretty(sessions));
        } else if (output.quiet()) {
            sessions.forEach(session -> context.out().println(session.text("id", "?")));
        } else {
            print(SessionText.table(sessions), whole);
        }
        return 0;
    }

    int inspect(String selector, OutputOptions output) throws Failure {
        try (Connection connection = Daemons.toLookAt(context).require()) {
            Json session = find(connection, selector);
            if (output.json()) {
                context.out().println(Json.pretty(session));
            } else if (output.quiet()) {
                context.out().println(session.text("id", "?"));
            } else {
                context.out().print(SessionText.sections(session));
            }
            return 0;
        }
    }

    int update(String selector, Optional<String> limit, Optional<String> ttl, OutputOptions output) throws Failure {
        SessionChange change = SessionChange.of(limit, ttl);
        if (context.session().isPresent()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "this is inside session " + context.session().get() + ", and a program cannot change its own limit",
                    "do it from outside the session");
        }
        try (Connection connection = daemons.require()) {
            Json session = calls(connection).patch(Calls.session(selector), change.body());
            if (!output.quiet()) {
                change.warnings(session).forEach(context::say);
            }
            if (output.json()) {
                context.out().println(Json.pretty(session));
            } else if (output.quiet()) {
                context.out().println(session.text("id", "?"));
            } else {
                print(SessionText.table(List.of(session)), false);
            }
            return 0;
        }
    }

    int rm(List<String> selectors, boolean force, boolean quiet) throws Failure {
        try (Connection connection = (force ? daemons.patient(END_PATIENCE) : daemons).require()) {
            List<String> failed = new ArrayList<>();
            for (String selector : selectors) {
                try {
                    String id = find(connection, selector).text("id", selector);
                    calls(connection).delete(Calls.session(id) + (force ? "?force=true" : ""));
                    if (!quiet) {
                        context.out().println(id);
                    }
                } catch (Failure failure) {
                    // The others are still ended.
                    context.say(selector + ": " + failure.forPeople());
                    failed.add(selector);
                }
            }
            return failed.isEmpty() ? 0 : 1;
        }
    }

    /** @param whole also what is wider than the terminal */
    private void print(Table table, boolean whole) {
        OptionalInt columns = whole ? OptionalInt.empty() : context.columnsOnOut();
        context.out()
                .print((columns.isPresent() ? table.within(columns.getAsInt()) : table).styled(context.colourOnOut()));
    }

    private Json find(Connection connection, String selector) throws Failure {
        Json session = calls(connection).get(Calls.session(selector));
        if (!mayBeSeen(session.text("id", ""))) {
            throw new Failure(
                    "session " + selector + " is not the one that this shell runs in ("
                            + context.session().orElse("") + "), and from inside no other can be seen",
                    "do it from outside the session");
        }
        return session;
    }

    private boolean mayBeSeen(String id) {
        return context.session().isEmpty() || context.session().get().equals(id);
    }

    private Calls calls(Connection connection) {
        return new Calls(connection, context.operatorToken());
    }
}

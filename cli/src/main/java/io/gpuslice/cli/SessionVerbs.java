// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.cli.views.SessionFilter;
import io.gpuslice.wire.Abi;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Predicate;

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
        if (!options.quiet()) {
            context.warnOfUnread();
        }
        try (Connection connection = daemons.findOrStart()) {
            OpenRequest.Session session = request.send(connection);
            if (!options.quiet()) {
                daemons.aboutTheirOwn().ifPresent(context::say);
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

    /**
     * Lists them.
     *
     * @param filters {@code key=value}, as typed
     * @param whole also what is wider than the terminal
     */
    int ps(List<String> filters, OutputOptions output, boolean whole) throws Failure {
        Predicate<Json> wanted = filters.isEmpty() ? _ -> true : SessionFilter.of(filters);
        List<Json> sessions = sessions().stream()
                .filter(session -> mayBeSeen(session.text("id", "")))
                .filter(wanted)
                .toList();
        if (output.json()) {
            context.out().println(Json.pretty(sessions));
        } else if (output.quiet()) {
            sessions.forEach(session -> context.out().println(session.text("id", "?")));
        } else {
            print(SessionText.table(sessions), whole);
        }
        return 0;
    }

    private List<Json> sessions() throws Failure {
        Daemons looking = Daemons.toLookAt(context);
        Optional<Connection> found = context.host().isPresent() ? Optional.empty() : looking.find();
        if (found.isEmpty() && context.host().isEmpty()) {
            // Also to a script: an empty list does not mean here that there are none.
            context.say(looking.none().forPeople());
            return List.of();
        }
        try (Calls calls = found.isPresent() ? calls(found.get()) : looking.calls()) {
            Calls.Listed listed = calls.sessions();
            if (!listed.silent().isEmpty()) {
                context.say("the daemon had no answer in time about " + String.join(", ", listed.silent()));
            }
            return listed.sessions();
        }
    }

    int inspect(String selector, OutputOptions output) throws Failure {
        try (Calls calls = Daemons.toLookAt(context).calls()) {
            Json session = find(calls, selector);
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
        try (Calls calls = daemons.calls()) {
            Json session = calls.patch(Calls.session(selector), change.body());
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
        try (Calls calls = (force ? daemons.patient(END_PATIENCE) : daemons).calls()) {
            List<String> failed = new ArrayList<>();
            for (String selector : selectors) {
                try {
                    String id = find(calls, selector).text("id", selector);
                    calls.delete(Calls.session(id) + (force ? "?force=true" : ""));
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

    private Json find(Calls calls, String selector) throws Failure {
        Json session = calls.get(Calls.session(selector));
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

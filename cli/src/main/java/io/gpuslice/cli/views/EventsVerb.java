// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Calls;
import io.gpuslice.cli.Context;
import io.gpuslice.cli.Daemons;
import io.gpuslice.cli.EventStream;
import io.gpuslice.cli.ExitCode;
import io.gpuslice.cli.Failure;
import io.gpuslice.cli.Json;
import io.gpuslice.cli.OutputOptions;
import java.util.List;
import java.util.Optional;

/** {@code gpuslice events}: what happens, as it happens. */
public final class EventsVerb {
    /** Of which sessions there is more than one to watch: all are, and the others are not shown. */
    private static final String ALL = "/events";

    private final Context context;

    /** For that. */
    public EventsVerb(Context context) {
        this.context = context;
    }

    /**
     * Shows them, until it is interrupted.
     *
     * @param selectors none: all sessions, and what is about none
     * @param filters as typed
     * @param recent whether to begin with those that the daemon still remembers
     */
    public int perform(List<String> selectors, List<String> filters, boolean recent, OutputOptions output)
            throws Failure {
        EventFilter filter = EventFilter.of(filters);
        try (Calls calls = Daemons.toLookAt(context).calls()) {
            Selected selected = Selected.of(context, calls, selectors, _ -> true);
            EventStream stream = calls.watch(path(selected) + (recent ? "?after=0" : ""));
            if (!output.quiet()) {
                context.say("watching; Ctrl-C ends it");
            }
            while (!context.out().checkError()) {
                Optional<Json> event = stream.next();
                if (event.isPresent() && wanted(selected, event.get()) && filter.test(event.get())) {
                    show(event.get(), output);
                }
            }
            return ExitCode.DONE;
        }
    }

    static String path(Selected selected) {
        return selected.ids().size() == 1
                ? Calls.session(selected.ids().iterator().next()) + ALL
                : ALL;
    }

    private static boolean wanted(Selected selected, Json event) {
        return selected.ids().isEmpty() || selected.ids().contains(event.text("session_id", ""));
    }

    private void show(Json event, OutputOptions output) {
        context.out().println(output.json() ? event.compact() : EventText.line(event));
    }
}

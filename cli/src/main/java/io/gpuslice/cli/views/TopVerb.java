// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Calls;
import io.gpuslice.cli.Context;
import io.gpuslice.cli.Daemons;
import io.gpuslice.cli.ExitCode;
import io.gpuslice.cli.Failure;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** {@code gpuslice top}: GPUs and sessions on the whole screen. */
public final class TopVerb {
    private final Context context;

    /** For that. */
    public TopVerb(Context context) {
        this.context = context;
    }

    /**
     * Shows them until somebody quits.
     *
     * @param filters as typed
     * @param interval as typed; empty: a second
     */
    public int perform(List<String> filters, Optional<String> interval) throws Failure {
        SessionFilter filter = SessionFilter.of(filters);
        Duration between = StatsVerb.interval(interval);
        if (context.columnsOnOut().isEmpty()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "top needs a terminal, and its output is none",
                    "`gpuslice stats` shows the same to a pipe, `gpuslice ps` once");
        }
        // While the screen is still as it was: whoever has no daemon reads why.
        Calls calls = Daemons.toLookAt(context).calls();
        try {
            Selected sessions = Selected.of(context, calls, List.of(), filter);
            TopData data = new TopData(context, calls, sessions);
            new TopTerminal(context, data, between).run();
            return ExitCode.DONE;
        } finally {
            calls.close();
        }
    }
}

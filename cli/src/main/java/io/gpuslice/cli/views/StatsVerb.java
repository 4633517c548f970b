// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.views;

import io.gpuslice.cli.Calls;
import io.gpuslice.cli.Context;
import io.gpuslice.cli.Daemons;
import io.gpuslice.cli.ExitCode;
import io.gpuslice.cli.Failure;
import io.gpuslice.cli.OutputOptions;
import io.gpuslice.cli.Table;
import io.gpuslice.config.Durations;
import io.gpuslice.config.InvalidValueException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/** {@code gpuslice stats}: what sessions hold and do, over and over. */
public final class StatsVerb {
    private static final Duration USUAL = Duration.ofSeconds(1);
    private static final Duration SHORTEST = Duration.ofMillis(100);

    /** To the top left corner; and from there on, whatever was there before goes. */
    private static final String HOME = "\033[H";

    private static final String CLEAR = "\033[2J";
    private static final String REST_OF_LINE = "\033[K\n";
    private static final String REST_OF_SCREEN = "\033[J";

    private final Context context;

    /** For that. */
    public StatsVerb(Context context) {
        this.context = context;
    }

    /**
     * Shows them, until it is interrupted or all that were named have ended.
     *
     * @param selectors none: all sessions
     * @param filters as typed
     * @param once and no more
     * @param interval as typed; empty: a second
     */
    public int perform(
            List<String> selectors, List<String> filters, boolean once, Optional<String> interval, OutputOptions output)
            throws Failure {
        SessionFilter filter = SessionFilter.of(filters);
        Duration between = interval(interval);
        try (Calls calls = Daemons.toLookAt(context).calls()) {
            Selected selected = Selected.of(context, calls, selectors, filter);
            Sample.Series series = new Sample.Series();
            boolean first = true;
            while (true) {
                List<Sample> samples = series.of(selected.now(calls), System.nanoTime());
                show(samples, output, once, first);
                boolean allEnded = samples.isEmpty() && !selected.ids().isEmpty();
                if (once || allEnded || context.out().checkError()) {
                    return ExitCode.DONE;
                }
                first = false;
                rest(between);
            }
        }
    }

    private void show(List<Sample> samples, OutputOptions output, boolean once, boolean first) {
        if (output.json()) {
            Instant now = Instant.now();
            samples.forEach(sample -> context.out().println(StatsText.json(sample, now)));
            return;
        }
        OptionalInt columns = context.columnsOnOut();
        Table table = StatsText.table(samples, columns);
        if (once || columns.isEmpty()) {
            // Headings once, so that what is piped is a table, too.
            context.out().print(first ? table.styled(context.colourOnOut()) : table.body());
            return;
        }
        String screen = table.within(columns.getAsInt()).styled(context.colourOnOut());
        context.out().print((first ? CLEAR : "") + HOME + screen.replace("\n", REST_OF_LINE) + REST_OF_SCREEN);
        context.out().flush();
    }

    static Duration interval(Optional<String> typed) throws Failure {
        try {
            Duration interval = typed.map(Durations::parse).orElse(USUAL);
            if (interval.compareTo(SHORTEST) >= 0) {
                return interval;
            }
            throw new Failure(
                    Failure.Kind.USAGE,
                    "--interval " + typed.orElse("") + " is shorter than 100ms, the shortest there is",
                    "each look asks every session");
        } catch (InvalidValueException e) {
            throw new Failure(Failure.Kind.USAGE, "--interval: " + e.getMessage(), "");
        }
    }

    private static void rest(Duration between) throws Failure {
        try {
            Thread.sleep(between);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted", "");
        }
    }
}

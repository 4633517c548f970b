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
import io.gpuslice.config.Durations;
import io.gpuslice.config.InvalidValueException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * {@code gpuslice wait}: returns when sessions have ended. Sessions outlive their daemon, and so does the wait: it goes on
 * when a daemon is back.
 */
public final class WaitVerb {
    private static final Duration BETWEEN_ATTEMPTS = Duration.ofMillis(250);
    /** With a daemon that says nothing; and how often the sessions are looked at all the same. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private final Context context;

    /** For that. */
    public WaitVerb(Context context) {
        this.context = context;
    }

    /**
     * Waits for all of them, and says each when it has ended. One that ended before is no mistake, where it is named by
     * its whole id: whoever waits for what may end at any time cannot know.
     *
     * @param timeout as typed; empty: for ever
     * @throws Failure if one is not there to begin with, or still there at the end
     */
    public int perform(List<String> selectors, Optional<String> timeout, OutputOptions output) throws Failure {
        Wait wait = new Wait(longest(timeout), System.nanoTime(), new LinkedHashSet<>());
        try (Calls calls = Daemons.toLookAt(context).calls()) {
            for (String selector : selectors) {
                Optional<String> id = Selected.idOrEnded(context, calls, selector);
                id.ifPresentOrElse(wait.left()::add, () -> ended(selector, output));
            }
        }
        boolean said = output.quiet();
        while (true) {
            try (Calls calls = Daemons.toLookAt(context).patient(PATIENCE).calls()) {
                await(calls, wait, output);
            } catch (Failure away) {
                if (!said) {
                    context.say(away.getMessage() + "\n  the wait goes on when a daemon is back");
                    said = true;
                }
            }
            if (wait.left().isEmpty()) {
                return ExitCode.DONE;
            }
            if (wait.isOver()) {
                throw wait.overrun();
            }
            pause();
        }
    }

    /** Until all have ended, or the time is over. */
    private void await(Calls calls, Wait wait, OutputOptions output) throws Failure {
        EventStream stream = calls.watch("/events");
        while (!wait.left().isEmpty() && !wait.isOver()) {
            // Asked after the stream has begun, and again after each event: none can end unnoticed in between.
            for (String id : new ArrayList<>(wait.left())) {
                if (calls.find(id).isEmpty()) {
                    wait.left().remove(id);
                    ended(id, output);
                }
            }
            if (!wait.left().isEmpty()) {
                awaitEnd(stream, wait);
            }
        }
    }

    private void ended(String id, OutputOptions output) {
        if (!output.quiet()) {
            context.out().println(id);
        }
    }

    /** Something may have ended, or a while is over: an event may have been passed over while something was asked. */
    private static void awaitEnd(EventStream stream, Wait wait) throws Failure {
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (!wait.isOver() && System.nanoTime() - until < 0) {
            Optional<Json> event = stream.next();
            if (event.isEmpty()
                    || (event.get().text("operation", "").equals("close")
                            && wait.left().contains(event.get().text("session_id", "")))) {
                return;
            }
        }
    }

    /**
     * One wait.
     *
     * @param longest empty: for ever
     * @param since System.nanoTime
     * @param left ids of those that have not ended
     */
    private record Wait(Optional<Duration> longest, long since, Set<String> left) {
        boolean isOver() {
            return longest.isPresent()
                    && System.nanoTime() - since >= longest.get().toNanos();
        }

        Failure overrun() {
            return new Failure(
                    String.join(", ", left) + (left.size() == 1 ? " has" : " have") + " not ended within "
                            + Durations.format(longest.orElse(Duration.ZERO)),
                    "`gpuslice inspect` shows what lives there; `gpuslice rm --force` ends it");
        }
    }

    private static Optional<Duration> longest(Optional<String> typed) throws Failure {
        try {
            return typed.map(Durations::parse);
        } catch (InvalidValueException e) {
            throw new Failure(Failure.Kind.USAGE, "--timeout: " + e.getMessage(), "");
        }
    }

    private static void pause() throws Failure {
        try {
            Thread.sleep(BETWEEN_ATTEMPTS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted", "");
        }
    }
}

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
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** {@code gpuslice logs}: what the daemon has written down, or what became of one session of late. */
public final class LogsVerb {
    /** Lines from the end, where nothing is said. */
    public static final int USUAL = 100;

    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(250);

    private final Context context;

    /** For that. */
    public LogsVerb(Context context) {
        this.context = context;
    }

    /**
     * Shows it.
     *
     * @param selectors one session; none: the daemon's own log
     * @param lines as typed; empty: {@value #USUAL}
     * @param follow whether to go on with what is added
     */
    public int perform(List<String> selectors, Optional<String> lines, boolean follow, OutputOptions output)
            throws Failure {
        int count = count(lines);
        return selectors.isEmpty() ? daemon(count, follow) : session(selectors.getFirst(), count, follow, output);
    }

    private static int count(Optional<String> typed) throws Failure {
        try {
            int count = typed.map(Integer::parseInt).orElse(USUAL);
            if (count >= 0) {
                return count;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new Failure(
                Failure.Kind.USAGE,
                "--lines \"" + typed.orElse("") + "\" is not a number from 0",
                "gpuslice logs -n 20");
    }

    /**
     * Of a session, also of one that has ended, by its whole id: what the daemon remembers, which is since its start at
     * most.
     *
     * @param follow whether to go on with what happens
     */
    private int session(String selector, int lines, boolean follow, OutputOptions output) throws Failure {
        try (Calls calls = Daemons.toLookAt(context).calls()) {
            Optional<String> living = Selected.idOrEnded(context, calls, selector);
            String path = living.map(id -> Calls.session(id) + "/events").orElse("/events");
            Deque<Json> last = new ArrayDeque<>();
            long before;
            long number = 0;
            do {
                before = number;
                Json answer = calls.get(path + "?after=" + before);
                number = answer.number("last", before);
                answer.objects("events").stream()
                        .filter(event -> living.isPresent()
                                || event.text("session_id", "").equals(selector))
                        .forEach(last::addLast);
                while (last.size() > lines) {
                    last.removeFirst();
                }
            } while (number > before);
            last.forEach(event -> show(event, output));
            if (!follow || living.isEmpty()) {
                return ExitCode.DONE;
            }
            EventStream stream = calls.watch(path + "?after=" + number);
            while (!context.out().checkError()) {
                stream.next().ifPresent(event -> show(event, output));
            }
            return ExitCode.DONE;
        }
    }

    private void show(Json event, OutputOptions output) {
        context.out().println(output.json() ? event.compact() : EventText.line(event));
    }

    /** Of the daemon itself, where it writes a file that this user may read. */
    private int daemon(int lines, boolean follow) throws Failure {
        if (context.isElsewhere()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "the log of a daemon elsewhere cannot be read from here",
                    "what became of a session can: gpuslice --host URL logs SESSION");
        }
        Optional<Path> known = new Daemons(context).log();
        if (known.isEmpty()) {
            throw new Failure(
                    "no daemon of yours writes a log: one that `gpuslice run` started does, into its state directory",
                    "one of systemd's: journalctl -u gpusliced -f; one started by hand: where its stderr went; what"
                            + " became of a session: gpuslice logs SESSION");
        }
        Path file = known.get();
        try {
            FileTail tail = new FileTail(file, lines);
            tail.copyTo(context.out());
            while (follow && !context.out().checkError()) {
                Thread.sleep(BETWEEN_LOOKS);
                tail.copyTo(context.out());
            }
            return ExitCode.DONE;
        } catch (IOException e) {
            throw new Failure(
                    "the daemon's log cannot be read: " + e.getMessage(), "ask as the user whose daemon it is");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return ExitCode.FAILED;
        }
    }
}

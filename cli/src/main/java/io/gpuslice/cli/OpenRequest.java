// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.Durations;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LimitSpec;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.time.Duration;
import java.util.Optional;

/** A session to be opened, checked before anybody is asked: a misspelt limit must not start a daemon. */
record OpenRequest(Frame.Open frame) {
    /**
     * An open session.
     *
     * @param token its own, for the program
     * @param warning for people
     */
    record Session(String id, String token, Optional<String> warning) {
        static Session of(String id, String token, String warning) {
            return new Session(id, token, Optional.of(warning).filter(text -> !text.isEmpty()));
        }
    }

    /** @throws Failure if an option makes no sense, or inside a session */
    static OpenRequest of(Context context, OpenOptions options, int flags) throws Failure {
        if (context.session().isPresent() && !options.outside()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "this is already inside session " + context.session().get()
                            + ": a new one would step out of its limit",
                    "start the program without gpuslice, and it shares the session's limit; `--outside` opens another one all the same");
        }
        if (options.limit().isEmpty()) {
            throw new Failure(
                    Failure.Kind.USAGE, "no limit given, and a limit is what a session is for", LimitSpec.ACCEPTED);
        }
        try {
            LimitSpec.parse(options.limit().get());
            Duration ttl = options.ttl().map(OpenRequest::ttl).orElse(Duration.ZERO);
            return new OpenRequest(new Frame.Open(
                    context.operatorToken(),
                    options.limit().get(),
                    options.name(),
                    ttl.toSeconds(),
                    flags | (options.strict() ? Abi.FLAG_STRICT : 0)));
        } catch (IllegalArgumentException e) {
            // Ours, which name the option; or the frame's own, for what does not fit into its fields.
            throw new Failure(Failure.Kind.USAGE, String.valueOf(e.getMessage()), "");
        }
    }

    /**
     * A TTL as typed.
     *
     * @return zero for {@code none}, else at least a second
     * @throws InvalidValueException if it is neither that nor a duration
     */
    static Duration ttl(String text) {
        if (text.equals("none")) {
            return Duration.ZERO;
        }
        Duration ttl = Durations.parse(text);
        if (ttl.toSeconds() == 0) {
            throw new InvalidValueException("ttl \"" + text + "\" is below 1s: write 90s, 2h, 1h30m or none");
        }
        return ttl;
    }

    Session send(Connection connection) throws Failure {
        if (connection.ask(frame) instanceof Frame.Opened(String id, String token, String warning)) {
            return Session.of(id, token, warning);
        }
        throw connection.senseless("not the answer to OPEN");
    }

    /** Joins a session that is open already. */
    static Session join(Connection connection, String operatorToken, String selector) throws Failure {
        try {
            if (connection.ask(new Frame.Join(operatorToken, selector))
                    instanceof Frame.Joined(String id, String token, String warning)) {
                return Session.of(id, token, warning);
            }
        } catch (IllegalArgumentException e) {
            throw new Failure(Failure.Kind.USAGE, String.valueOf(e.getMessage()), "");
        }
        throw connection.senseless("not the answer to JOIN");
    }
}

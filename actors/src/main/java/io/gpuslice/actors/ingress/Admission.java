// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.Access;
import io.gpuslice.actors.Caller;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Who is let in, and how many are inside. */
final class Admission {

    private final IngressSettings settings;
    private final Map<Integer, Integer> insideByUid = new HashMap<>();
    private int inside;

    Admission(IngressSettings settings) {
        this.settings = settings;
    }

    /**
     * Lets a client in, or says why not.
     *
     * @param caller as the kernel says it
     * @return none: it is in, and {@link #left} is to be called when it goes
     */
    Optional<Frame.ErrorFrame> enter(Caller caller) {
        int uid = caller.uid();
        if (caller.pid() == 0) {
            return refused(
                    ErrorCode.FORBIDDEN,
                    "the kernel shows no pid for this process: it is in a pid namespace that the daemon cannot see."
                            + " Share the daemon's pid namespace, or run a daemon inside");
        }
        Optional<Access.Refusal> foreign = settings.access().toEnter(caller);
        if (foreign.isPresent()) {
            return refused(foreign.get().code(), foreign.get().text());
        }
        if (inside >= settings.maxConnections()) {
            return refused(
                    ErrorCode.OVERLOADED,
                    inside
                            + " connections are open, and no more are let in (ipc.max-connections, and how many files the"
                            + " daemon may have open). Try again later");
        }
        int own = insideByUid.getOrDefault(uid, 0);
        if (own >= settings.perUser().max()) {
            return refused(
                    ErrorCode.OVERLOADED,
                    own + " connections of uid " + uid + " are open, and "
                            + settings.perUser().because() + ". End programs in sessions, or try again later");
        }
        inside++;
        insideByUid.put(uid, own + 1);
        return Optional.empty();
    }

    void left(int uid) {
        inside--;
        insideByUid.computeIfPresent(uid, (_, own) -> own == 1 ? null : own - 1);
    }

    private static Optional<Frame.ErrorFrame> refused(ErrorCode code, String text) {
        return Optional.of(Frame.ErrorFrame.of(code, text));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

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
     * @param pid as the kernel gives it
     * @param uid as the kernel gives it
     * @return none: it is in, and {@link #left} is to be called when it goes
     */
    Optional<Frame.ErrorFrame> enter(int pid, int uid) {
        if (pid == 0) {
            return refused(
                    ErrorCode.FORBIDDEN,
                    "the kernel shows no pid for this process: it is in a pid namespace that the daemon cannot see."
                            + " Share the daemon's pid namespace, or run a daemon inside");
        }
        if (uid != settings.uid() && uid != 0) {
            return refused(
                    ErrorCode.FORBIDDEN,
                    "this daemon serves uid " + settings.uid() + ", not uid " + uid + ". Run your own gpusliced");
        }
        if (inside >= settings.maxConnections()) {
            return refused(
                    ErrorCode.OVERLOADED,
                    inside + " connections are open, and ipc.max-connections allows no more. Try again later");
        }
        int own = insideByUid.getOrDefault(uid, 0);
        if (own >= settings.maxConnectionsPerUid()) {
            return refused(
                    ErrorCode.OVERLOADED,
                    own + " connections of uid " + uid + " are open; the rest is kept for others. Try again later");
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

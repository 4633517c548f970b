// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.Access;
import io.gpuslice.config.Settings;
import java.nio.file.Path;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who may come in, and how patient the door is.
 *
 * @param socket absolute
 * @param access who is let in
 * @param handshakeTimeout how long a client may take to complete a frame
 * @param maxConnections of all clients together; each costs a descriptor and at most one frame of memory
 * @param perUser how many of them one user may have, and why
 */
public record IngressSettings(
        Path socket,
        OperatorToken token,
        Access access,
        Duration handshakeTimeout,
        int maxConnections,
        PerUser perUser) {

    /**
     * The part of one user.
     *
     * @param because as the user is told it
     */
    record PerUser(int max, String because) {}

    private static final Logger log = LoggerFactory.getLogger(IngressSettings.class);

    /** Connections kept free for other users; at most a quarter. */
    private static final int RESERVE = 16;

    /** Descriptors for everything but clients: without them it could not even answer that it is not ready. */
    private static final int OWN_DESCRIPTORS = 128;

    /** A member has a connection, a ledger page and a pidfd. */
    private static final int DESCRIPTORS_OF_ONE = 3;

    /**
     * Those that follow from the daemon's, with fewer connections where it may not have files enough open.
     *
     * @param descriptors that the daemon may have
     */
    public static IngressSettings of(Settings settings, Access access, long descriptors) {
        Settings.Ipc ipc = settings.ipc();
        int max = most(ipc.maxConnections(), descriptors);
        return new IngressSettings(
                ipc.socket(),
                OperatorToken.of(ipc.token()),
                access,
                ipc.handshakeTimeout(),
                max,
                settings.access()
                        .connectionsPerUser()
                        .map(own -> new PerUser(own, "access.connections-per-user allows " + own))
                        .orElseGet(() -> rest(max)));
    }

    private static int most(int wanted, long descriptors) {
        long room = Math.max(1, (descriptors - OWN_DESCRIPTORS) / DESCRIPTORS_OF_ONE);
        if (room >= wanted) {
            return wanted;
        }
        log.info(
                "at most {} connections, where ipc.max-connections allows {}: {} files may be open at once, and a member"
                        + " of a session needs {}. For more, raise that limit (ulimit -n, LimitNOFILE=).",
                room,
                wanted,
                descriptors,
                DESCRIPTORS_OF_ONE);
        return (int) room;
    }

    /** Nearly all, so that one user's runaway program leaves room for root. */
    static PerUser rest(int max) {
        int reserve = Math.min(RESERVE, max / 4);
        return new PerUser(max - reserve, "the last " + reserve + " of " + max + " are kept for others");
    }
}

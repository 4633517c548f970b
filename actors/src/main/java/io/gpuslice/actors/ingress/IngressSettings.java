// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.config.Settings;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Who may come in, and how patient the door is.
 *
 * @param socket absolute
 * @param uid the daemon's own; it and root are let in
 * @param handshakeTimeout how long a client may take to complete a frame
 * @param maxConnections of all clients together; each costs a descriptor and at most one frame of memory
 * @param maxConnectionsPerUid so that one user's runaway program leaves room for root
 */
public record IngressSettings(
        Path socket,
        OperatorToken token,
        int uid,
        Duration handshakeTimeout,
        int maxConnections,
        int maxConnectionsPerUid) {

    /** Connections kept free for other users; at most a quarter. */
    private static final int RESERVE = 16;

    /**
     * Those that follow from the daemon's.
     *
     * @param uid the daemon's own
     */
    public static IngressSettings of(Settings settings, int uid) {
        Settings.Ipc ipc = settings.ipc();
        int max = ipc.maxConnections();
        return new IngressSettings(
                ipc.socket(),
                OperatorToken.of(ipc.token()),
                uid,
                ipc.handshakeTimeout(),
                max,
                max - Math.min(RESERVE, max / 4));
    }
}

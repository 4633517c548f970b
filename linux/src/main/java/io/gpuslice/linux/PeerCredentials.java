// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.util.HashSet;
import java.util.Set;

/**
 * Who is at the other end of a Unix stream socket, by the kernel's word: the process that connected, or that listens.
 *
 * @param pid 0 when that process cannot be seen from here (another pid namespace)
 */
public record PeerCredentials(int pid, int uid, int gid) {
    private static final int SO_PEERCRED = 17;
    private static final int SO_PEERGROUPS = 59;

    /** Of more than nearly everybody is in. */
    private static final int USUAL_GROUPS = 64 * Integer.BYTES;

    public static PeerCredentials of(int socketFd) throws LinuxException {
        int[] ucred = SocketOptions.get(socketFd, SO_PEERCRED, 3 * Integer.BYTES);
        return new PeerCredentials(ucred[0], ucred[1], ucred[2]);
    }

    /** The gids of that process when it connected, its own and the supplementary ones. */
    public static Set<Integer> groups(int socketFd) throws LinuxException {
        Set<Integer> groups = new HashSet<>();
        groups.add(of(socketFd).gid());
        for (int gid : SocketOptions.getAll(socketFd, SO_PEERGROUPS, USUAL_GROUPS)) {
            groups.add(gid);
        }
        return Set.copyOf(groups);
    }
}

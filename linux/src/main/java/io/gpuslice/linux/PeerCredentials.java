// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

/**
 * Who is at the other end of a Unix stream socket, by the kernel's word: the process that connected, or that listens.
 *
 * @param pid 0 when that process cannot be seen from here (another pid namespace)
 */
public record PeerCredentials(int pid, int uid, int gid) {
    private static final int SO_PEERCRED = 17;

    public static PeerCredentials of(int socketFd) throws LinuxException {
        int[] ucred = SocketOptions.get(socketFd, SO_PEERCRED, 3 * Integer.BYTES);
        return new PeerCredentials(ucred[0], ucred[1], ucred[2]);
    }
}

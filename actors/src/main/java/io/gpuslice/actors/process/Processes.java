// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.process;

import io.gpuslice.domain.ProcessId;
import io.gpuslice.linux.Errno;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.Pidfd;
import io.gpuslice.linux.ProcessStat;
import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.util.Optional;

/** The processes of this machine, in this life of it. Nothing here waits: each call reads at most one small file. */
public final class Processes {

    private final String bootId;

    /**
     * The processes of one life of the machine.
     *
     * @param bootId the kernel's; processes of another are dead
     */
    public Processes(String bootId) {
        this.bootId = bootId;
    }

    /**
     * Those of this life.
     *
     * @throws IOException if {@code /proc} cannot be read
     */
    public static Processes ofThisMachine() throws IOException {
        return new Processes(Procfs.bootId());
    }

    /** Which life of the machine they are of. */
    public String bootId() {
        return bootId;
    }

    /**
     * Holds a process.
     *
     * @return none if it is dead, or its pid is another process's by now; else the caller closes it
     * @throws IOException if that cannot be told, or there is no descriptor left
     */
    public Optional<Pidfd> open(ProcessId process) throws IOException {
        if (!process.bootId().equals(bootId)) {
            return Optional.empty();
        }
        Pidfd pidfd;
        try {
            pidfd = Pidfd.open(process.pid());
        } catch (LinuxException e) {
            if (e.errno() == Errno.ESRCH) {
                return Optional.empty();
            }
            throw e;
        }
        boolean same = false;
        try {
            same = pidfd.stat()
                    .filter(stat -> stat.startTime() == process.startTime())
                    .isPresent();
            return same ? Optional.of(pidfd) : Optional.empty();
        } finally {
            if (!same) {
                pidfd.close();
            }
        }
    }

    /**
     * The process that connected a socket.
     *
     * @param socketFd our end, accepted
     * @param uid of that process, as the kernel says
     * @throws IOException if it is dead already, or cannot be seen from here
     */
    public Peer peer(int socketFd, int uid) throws IOException {
        try (Pidfd pidfd = Pidfd.ofPeer(socketFd)) {
            ProcessStat stat = pidfd.stat()
                    .orElseThrow(() -> new IOException("process " + pidfd.pid() + " connected this socket and is dead;"
                            + " a process connects for itself"));
            return new Peer(new ProcessId(bootId, pidfd.pid(), stat.startTime()), uid);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.util.Optional;

/** A hold on one process: whatever becomes of its pid, this means the same process, and tells when it is dead. */
public final class Pidfd implements AutoCloseable {
    // The same on all architectures.
    private static final long SYS_PIDFD_SEND_SIGNAL = 424;
    private static final long SYS_PIDFD_OPEN = 434;
    private static final long SYS_PIDFD_GETFD = 438;
    static final int SO_PEERPIDFD = 77;
    private static final short POLLIN = 1;
    private static final short POLLHUP = 0x10;

    private static final NativeFunction SYSCALL = NativeFunction.returningLong("syscall");
    private static final NativeFunction POLL = NativeFunction.returningInt("poll");

    private final int fd;
    private final int pid;

    private Pidfd(int fd, int pid) {
        this.fd = fd;
        this.pid = pid;
    }

    /**
     * Holds the process that has that pid now.
     *
     * @throws LinuxException ESRCH when there is none
     */
    public static Pidfd open(int pid) throws LinuxException {
        return new Pidfd((int) SYSCALL.call("pidfd_open " + pid, SYS_PIDFD_OPEN, pid, 0), pid);
    }

    /**
     * Holds the process that connected the other end of a Unix stream socket. Kernels before 6.5 cannot hand it out:
     * there the pid of the credentials is opened, and the connection must still stand afterwards, or the pid might be
     * somebody else's by now.
     *
     * @throws LinuxException ESRCH when that process is dead, or lives where this one cannot see it
     */
    public static Pidfd ofPeer(int socketFd) throws LinuxException {
        int pid = PeerCredentials.of(socketFd).pid();
        if (pid <= 0) {
            throw new LinuxException("pidfd of a peer that cannot be seen from here", Errno.ESRCH);
        }
        try {
            return new Pidfd(SocketOptions.getInt(socketFd, SO_PEERPIDFD), pid);
        } catch (LinuxException e) {
            if (e.errno() != Errno.ENOPROTOOPT) {
                throw e;
            }
        }
        Pidfd pidfd = open(pid);
        if ((poll(socketFd, (short) 0) & POLLHUP) != 0) {
            pidfd.close();
            throw new LinuxException("pidfd of a peer that has gone", Errno.ESRCH);
        }
        return pidfd;
    }

    /** The process's pid, as this process sees it. */
    public int pid() {
        return pid;
    }

    /** The descriptor's number, valid until {@link #close()}; it is readable from the process's death on. */
    public int fd() {
        return fd;
    }

    /** Whether all threads of the process have ended; its parent need not have noticed. */
    public boolean isDead() throws LinuxException {
        return (poll(fd, POLLIN) & POLLIN) != 0;
    }

    /** What /proc says of this very process; empty when it is dead. */
    public Optional<ProcessStat> stat() throws IOException {
        Optional<ProcessStat> stat = Procfs.stat(pid);
        // Still alive after the read, so its pid was its own during the read.
        return isDead() ? Optional.empty() : stat;
    }

    /**
     * Sends it a signal.
     *
     * @throws LinuxException ESRCH when the process is dead, EPERM when it is not ours
     */
    public void signal(int number) throws LinuxException {
        SYSCALL.call("pidfd_send_signal " + number + " to " + pid, SYS_PIDFD_SEND_SIGNAL, fd, number, 0, 0);
    }

    /** A descriptor of ours for what its descriptor {@code number} stands for, to be closed. */
    int borrow(int number) throws LinuxException {
        return (int) SYSCALL.call("descriptor " + number + " of " + pid, SYS_PIDFD_GETFD, fd, number, 0);
    }

    /** What poll(2) reports at once. */
    private static short poll(int fd, short events) throws LinuxException {
        try (Arena arena = Arena.ofConfined()) {
            ByteBuffer entry = NativeFunction.struct(arena, 8).putInt(0, fd).putShort(4, events);
            POLL.restart(fd, NativeFunction.address(entry), 1, 0);
            return entry.getShort(6);
        }
    }

    @Override
    public void close() throws LinuxException {
        Fd.close(fd);
    }

    @Override
    public String toString() {
        return "Pidfd[fd=" + fd + ", pid=" + pid + "]";
    }
}

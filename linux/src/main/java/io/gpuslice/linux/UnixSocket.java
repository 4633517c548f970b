// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The connecting end of a Unix stream socket. No wait is longer than the timeout; the descriptor does not survive exec;
 * a peer that has gone is an exception, never a SIGPIPE.
 */
public final class UnixSocket implements AutoCloseable {
    /** Bytes of the longest path, as the kernel's sockaddr_un has room for. */
    public static final int LONGEST_PATH = 107;

    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_CLOEXEC = 02000000;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SO_RCVTIMEO = 20;
    private static final int SO_SNDTIMEO = 21;

    private static final NativeFunction SOCKET = NativeFunction.returningInt("socket");
    private static final NativeFunction CONNECT = NativeFunction.returningInt("connect");
    private static final NativeFunction SEND = NativeFunction.returningLong("send");
    private static final NativeFunction RECV = NativeFunction.returningLong("recv");

    private final int fd;
    private final Path path;
    private final Duration timeout;

    private UnixSocket(int fd, Path path, Duration timeout) {
        this.fd = fd;
        this.path = path;
        this.timeout = timeout;
    }

    /**
     * Connects.
     *
     * @param timeout of the connecting, of each send and of each receive: above zero
     * @throws LinuxException ENOENT or ECONNREFUSED when nobody listens there, EACCES when it is not allowed
     * @throws SocketTimeoutException when the listener does not accept in time
     */
    public static UnixSocket connect(Path path, Duration timeout) throws IOException {
        byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length > LONGEST_PATH) {
            throw new IOException("the socket's path has " + bytes.length + " bytes, the kernel takes " + LONGEST_PATH
                    + ": " + path + "; choose a shorter directory");
        }
        int fd = (int) SOCKET.call(path, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        UnixSocket socket = new UnixSocket(fd, path, timeout);
        try (Arena arena = Arena.ofConfined()) {
            SocketOptions.set(fd, SO_RCVTIMEO, timeout);
            SocketOptions.set(fd, SO_SNDTIMEO, timeout);
            ByteBuffer address = NativeFunction.struct(arena, 2 + LONGEST_PATH + 1)
                    .putShort(0, (short) AF_UNIX)
                    .put(2, bytes);
            socket.waiting(CONNECT, fd, NativeFunction.address(address), address.capacity());
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    /** Who listens there. */
    public PeerCredentials peer() throws LinuxException {
        return PeerCredentials.of(fd);
    }

    public int fd() {
        return fd;
    }

    /** Sends all that remains in {@code bytes}. */
    public void write(ByteBuffer bytes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(bytes.remaining());
            copy.copyFrom(MemorySegment.ofBuffer(bytes));
            for (long sent = 0; sent < copy.byteSize(); ) {
                sent += waiting(SEND, fd, copy.address() + sent, copy.byteSize() - sent, MSG_NOSIGNAL);
            }
            bytes.position(bytes.limit());
        }
    }

    /**
     * Fills all that remains in {@code bytes}.
     *
     * @throws EOFException when the peer closed before
     * @throws SocketTimeoutException when it sent nothing for the timeout
     */
    public void read(ByteBuffer bytes) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy = arena.allocate(bytes.remaining());
            while (bytes.hasRemaining()) {
                long received = waiting(RECV, fd, copy.address(), bytes.remaining(), 0);
                if (received == 0) {
                    throw new EOFException(path + ": the peer closed the connection");
                }
                MemorySegment.ofBuffer(bytes).copyFrom(copy.asSlice(0, received));
                bytes.position(bytes.position() + (int) received);
            }
        }
    }

    private long waiting(NativeFunction function, long... arguments) throws IOException {
        try {
            return function.restart(path, arguments);
        } catch (LinuxException e) {
            if (e.errno() == Errno.EAGAIN) {
                throw new SocketTimeoutException(e.call() + ": nothing happened within " + timeout.toMillis() + " ms");
            }
            throw e;
        }
    }

    @Override
    public void close() throws LinuxException {
        Fd.close(fd);
    }
}

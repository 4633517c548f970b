// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * Whoever started this process as a service and wants to hear how it does, as sd_notify(3) has it: each word is one
 * datagram. Java's own datagram channels do not know Unix sockets.
 *
 * @param address of its socket: a path, or {@code @NAME} in the abstract name space
 * @param watchdog how often it wants to hear that the service lives, at least; empty: not at all
 */
public record ServiceManager(String address, Optional<Duration> watchdog) {
    /** Bytes of the longest address, as the kernel's sockaddr_un has room for. */
    private static final int LONGEST_ADDRESS = 107;

    private static final int CLOCK_MONOTONIC = 1;
    private static final int AF_UNIX = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_CLOEXEC = 02000000;
    private static final int SO_SNDTIMEO = 21;
    private static final int MSG_NOSIGNAL = 0x4000;

    /** Its queue may be full; the service has better to do than to wait long. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private static final NativeFunction SOCKET = NativeFunction.returningInt("socket");
    private static final NativeFunction SENDTO = NativeFunction.returningLong("sendto");

    /**
     * The one that the environment names; empty: none wants to hear.
     *
     * @param environment with {@code NOTIFY_SOCKET}, {@code WATCHDOG_USEC} and {@code WATCHDOG_PID}
     * @param pid this process's: the watchdog may be meant for another
     */
    public static Optional<ServiceManager> of(Map<String, String> environment, long pid) {
        String address = environment.getOrDefault("NOTIFY_SOCKET", "");
        if (!address.startsWith("/") && !address.startsWith("@")) {
            return Optional.empty();
        }
        String interval = environment.getOrDefault("WATCHDOG_USEC", "");
        boolean ours = environment.getOrDefault("WATCHDOG_PID", "" + pid).equals("" + pid);
        return Optional.of(new ServiceManager(
                address,
                ours && interval.matches("0*[1-9]\\d{0,14}")
                        ? Optional.of(Duration.ofNanos(Long.parseLong(interval) * 1000))
                        : Optional.empty()));
    }

    /** The service does what it is there for; {@code status} is for people, on one line. */
    public void ready(String status) throws IOException {
        send("READY=1\nSTATUS=" + status);
    }

    /** The service reads its settings anew: {@link #ready} says that it has. */
    public void reloading() throws IOException {
        send("RELOADING=1\nMONOTONIC_USEC=" + KernelClock.nanos(CLOCK_MONOTONIC) / 1000);
    }

    /** The service is about to end. */
    public void stopping() throws IOException {
        send("STOPPING=1\nSTATUS=stopping");
    }

    /** The service lives: to be said at least every {@link #watchdog}. */
    public void alive() throws IOException {
        send("WATCHDOG=1");
    }

    private void send(String message) throws IOException {
        byte[] name = address.getBytes(StandardCharsets.UTF_8);
        if (name.length > LONGEST_ADDRESS) {
            throw new IOException("NOTIFY_SOCKET has " + name.length + " bytes, the kernel takes " + LONGEST_ADDRESS
                    + ": " + address);
        }
        if (name[0] == '@') {
            name[0] = 0;
        }
        byte[] bytes = message.getBytes(StandardCharsets.UTF_8);
        int fd = (int) SOCKET.call(address, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        try (Arena arena = Arena.ofConfined()) {
            SocketOptions.set(fd, SO_SNDTIMEO, PATIENCE);
            MemorySegment datagram = arena.allocate(bytes.length).copyFrom(MemorySegment.ofArray(bytes));
            ByteBuffer to = NativeFunction.struct(arena, Short.BYTES + name.length)
                    .putShort(0, (short) AF_UNIX)
                    .put(Short.BYTES, name);
            SENDTO.restart(
                    address,
                    fd,
                    datagram.address(),
                    bytes.length,
                    MSG_NOSIGNAL,
                    NativeFunction.address(to),
                    to.capacity());
        } finally {
            Fd.close(fd);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;

/** Who is at the other end of a TCP connection within this machine, by the kernel's word. */
public final class LoopbackPeer {
    private LoopbackPeer() {}

    private static final Path IPV4 = Path.of("/proc/self/net/tcp");
    private static final Path IPV6 = Path.of("/proc/self/net/tcp6");

    /**
     * The only state that is believed. What is closing has lost its owner, and the kernel then prints 0, which is root.
     */
    private static final String ESTABLISHED = "01";

    private static final int LOCAL = 1;
    private static final int REMOTE = 2;
    private static final int STATE = 3;
    private static final int UID = 7;

    private static final byte[] MAPPED = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte) 0xff, (byte) 0xff};

    /**
     * The user that the peer's socket belongs to. Reads a list of all connections: not on a thread that others wait for.
     *
     * @param peer its end of the connection
     * @param local this process's end
     * @return empty where the peer is not on this machine (as seen from this network namespace), or closes already
     */
    public static OptionalInt uid(InetSocketAddress peer, InetSocketAddress local) throws IOException {
        byte[] from = peer.getAddress().getAddress();
        byte[] to = local.getAddress().getAddress();
        if (from.length != to.length) {
            return OptionalInt.empty();
        }
        if (from.length > 4) {
            return find(IPV6, end(from, peer), end(to, local));
        }
        // The peer may have an IPv4 socket, or an IPv6 one that speaks IPv4.
        OptionalInt uid = find(IPV4, end(from, peer), end(to, local));
        return uid.isPresent() ? uid : find(IPV6, end(mapped(from), peer), end(mapped(to), local));
    }

    private static OptionalInt find(Path table, String local, String remote) throws IOException {
        try (BufferedReader lines = Files.newBufferedReader(table, StandardCharsets.US_ASCII)) {
            return lines.lines()
                    .filter(line -> line.contains(local))
                    .map(line -> line.strip().split(" +"))
                    .filter(columns -> columns.length > UID
                            && columns[LOCAL].equals(local)
                            && columns[REMOTE].equals(remote)
                            && columns[STATE].equals(ESTABLISHED))
                    .mapToInt(columns -> Integer.parseUnsignedInt(columns[UID]))
                    .findFirst();
        } catch (NoSuchFileException e) {
            // A machine without IPv6.
            return OptionalInt.empty();
        }
    }

    /** As the kernel prints it: 32-bit words of the address as they lie in memory, and the port. */
    private static String end(byte[] address, InetSocketAddress socket) {
        StringBuilder text = new StringBuilder();
        ByteBuffer words = ByteBuffer.wrap(address).order(ByteOrder.nativeOrder());
        while (words.hasRemaining()) {
            text.append(String.format("%08X", words.getInt()));
        }
        return text.append(String.format(":%04X", socket.getPort())).toString();
    }

    private static byte[] mapped(byte[] ipv4) {
        byte[] ipv6 = Arrays.copyOf(MAPPED, MAPPED.length + ipv4.length);
        System.arraycopy(ipv4, 0, ipv6, MAPPED.length, ipv4.length);
        return ipv6;
    }
}

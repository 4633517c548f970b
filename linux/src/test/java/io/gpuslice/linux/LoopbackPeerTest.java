// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.StandardProtocolFamily;
import java.net.UnknownHostException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LoopbackPeerTest {
    private static final int NOBODY = 65534;

    /** The two ends of a connection, as its listener sees them. */
    private record Accepted(SocketChannel channel) implements AutoCloseable {
        InetSocketAddress peer() throws IOException {
            return (InetSocketAddress) channel.getRemoteAddress();
        }

        InetSocketAddress local() throws IOException {
            return (InetSocketAddress) channel.getLocalAddress();
        }

        OptionalInt uid() throws IOException {
            return LoopbackPeer.uid(peer(), local());
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, INET, INET",
        "127.0.0.1, INET6, INET",
        "127.0.0.1, INET6, INET6",
        "127.9.8.7, INET, INET6",
        "::1, INET6, INET6"
    })
    void thePeerIsThisUserWhateverKindOfSocketsTheyHave(
            String address, StandardProtocolFamily listening, StandardProtocolFamily connecting) throws Exception {
        InetAddress at = InetAddress.getByName(address);
        assumeThat(NetworkInterface.getByInetAddress(InetAddress.ofLiteral("::1")))
                .as("IPv6 on this machine")
                .isNotNull();
        try (ServerSocketChannel listener = ServerSocketChannel.open(listening)) {
            listener.bind(new InetSocketAddress(at, 0));
            try (SocketChannel client = SocketChannel.open(connecting)) {
                client.connect(listener.getLocalAddress());
                try (Accepted accepted = new Accepted(listener.accept())) {
                    assertThat(accepted.uid()).hasValue(PrivateDirectory.uid());
                    assertThat(LoopbackPeer.uid(accepted.peer(), another(accepted.local())))
                            .as("another connection from the same port")
                            .isEmpty();
                }
            }
        }
    }

    @Test
    void anotherUsersPeerIsThatUser() throws Exception {
        assumeThat(PrivateDirectory.uid()).as("only root can be another user").isZero();
        try (ServerSocketChannel listener = ipv4();
                Child child = Child.start(
                        "exec setpriv --reuid 65534 --regid 65534 --clear-groups"
                                + " bash -c 'exec 3<>/dev/tcp/127.0.0.1/'\"$1\"'; cat <&3'",
                        String.valueOf(port(listener)));
                Accepted accepted = new Accepted(listener.accept())) {
            assertThat(child.process().isAlive()).isTrue();
            assertThat(accepted.uid()).hasValue(NOBODY);
        }
    }

    @Test
    void aPeerThatIsClosingIsNobodyAndNotRoot() throws Exception {
        try (ServerSocketChannel listener = ipv4()) {
            SocketChannel client = SocketChannel.open(StandardProtocolFamily.INET);
            client.connect(listener.getLocalAddress());
            try (Accepted accepted = new Accepted(listener.accept())) {
                assertThat(accepted.uid()).isPresent();

                client.close();

                await().untilAsserted(() -> assertThat(accepted.uid()).isEmpty());
            }
        }
    }

    @Test
    void whereNobodyIsConnectedThereIsNobody() throws Exception {
        InetSocketAddress nobody = new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 1);
        assertThat(LoopbackPeer.uid(nobody, nobody)).isEmpty();
        assertThat(LoopbackPeer.uid(nobody, new InetSocketAddress(InetAddress.ofLiteral("::1"), 1)))
                .isEmpty();
    }

    private static ServerSocketChannel ipv4() throws IOException {
        return ServerSocketChannel.open(StandardProtocolFamily.INET)
                .bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0));
    }

    private static int port(ServerSocketChannel listener) throws IOException {
        return ((InetSocketAddress) listener.getLocalAddress()).getPort();
    }

    private static InetSocketAddress another(InetSocketAddress end) throws UnknownHostException {
        byte[] bytes = end.getAddress().getAddress();
        bytes[bytes.length - 1]++;
        return new InetSocketAddress(InetAddress.getByAddress(bytes), end.getPort());
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Path;

/** The listening end of a Unix socket. */
record Listener(Path path, ServerSocketChannel channel) implements AutoCloseable {
    static Listener at(Path path) throws IOException {
        ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        channel.bind(UnixDomainSocketAddress.of(path));
        return new Listener(path, channel);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}

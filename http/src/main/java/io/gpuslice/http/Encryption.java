// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http;

import java.time.Duration;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.apache.pekko.NotUsed;
import org.apache.pekko.stream.TLSClosing;
import org.apache.pekko.stream.TLSProtocol.SendBytes;
import org.apache.pekko.stream.TLSProtocol.SessionBytes;
import org.apache.pekko.stream.TLSProtocol.SslTlsInbound;
import org.apache.pekko.stream.TLSProtocol.SslTlsOutbound;
import org.apache.pekko.stream.javadsl.BidiFlow;
import org.apache.pekko.stream.javadsl.Flow;
import org.apache.pekko.stream.javadsl.Sink;
import org.apache.pekko.stream.javadsl.Source;
import org.apache.pekko.stream.javadsl.TLS;
import org.apache.pekko.util.ByteString;

/** TLS between the socket and what is spoken over it. Who speaks HTTP without it is told so. */
final class Encryption {

    private static final String[] PROTOCOLS = {"TLSv1.3", "TLSv1.2"};

    /** The first byte of every TLS connection, and of no HTTP request: the type of a record with a handshake. */
    private static final byte HANDSHAKE = 22;

    private final SSLContext context;

    Encryption(SSLContext context) {
        this.context = context;
    }

    /**
     * The same flow for encrypted bytes.
     *
     * @param patience until the first byte
     */
    Flow<ByteString, ByteString, NotUsed> around(Flow<ByteString, ByteString, NotUsed> plain, Duration patience) {
        return Flow.of(ByteString.class).initialTimeout(patience).flatMapPrefix(1, read -> {
            ByteString first = read.isEmpty() ? ByteString.emptyByteString() : read.getFirst();
            return !first.isEmpty() && first.apply(0) == HANDSHAKE
                    ? Flow.of(ByteString.class).prepend(Source.single(first)).via(encrypted(plain))
                    : refusal(patience);
        });
    }

    private Flow<ByteString, ByteString, NotUsed> encrypted(Flow<ByteString, ByteString, NotUsed> plain) {
        BidiFlow<ByteString, SslTlsOutbound, SslTlsInbound, ByteString, NotUsed> text = BidiFlow.fromFlows(
                Flow.of(ByteString.class).map(Encryption::outbound),
                Flow.of(SslTlsInbound.class).collectType(SessionBytes.class).map(SessionBytes::bytes));
        return text.atop(TLS.create(this::engine, TLSClosing.eagerClose()))
                .reversed()
                .join(plain);
    }

    private static SslTlsOutbound outbound(ByteString bytes) {
        return new SendBytes(bytes);
    }

    private static Flow<ByteString, ByteString, NotUsed> refusal(Duration patience) {
        // What the client still says is read, so that the end of the connection does not overtake the answer.
        return Flow.fromSinkAndSource(
                Flow.of(ByteString.class).takeWithin(patience).to(Sink.ignore()), Source.single(Responses.wantsTls()));
    }

    private SSLEngine engine() {
        SSLEngine engine = context.createSSLEngine();
        engine.setUseClientMode(false);
        engine.setEnabledProtocols(PROTOCOLS);
        return engine;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says why clients cannot be let in, at most once a minute. Netty has paused accepting for a second by then, so it does
 * not spin.
 */
final class AcceptFailures extends ChannelInboundHandlerAdapter {

    private static final Logger log = LoggerFactory.getLogger(AcceptFailures.class);
    private static final Duration SAID_EVERY = Duration.ofMinutes(1);

    private long said = System.nanoTime() - SAID_EVERY.toNanos();

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        long now = System.nanoTime();
        if (now - said < SAID_EVERY.toNanos()) {
            return;
        }
        said = now;
        log.warn(
                "A client cannot be let in ({}); trying again every second. If descriptors are short, raise the daemon's"
                        + " limit (ulimit -n, LimitNOFILE=).",
                cause.getMessage());
    }
}

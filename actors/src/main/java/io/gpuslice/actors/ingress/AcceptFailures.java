// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says why clients cannot be let in. Netty has paused accepting for a second by then, so it does not spin, and says so
 * once a second at most.
 */
final class AcceptFailures extends ChannelInboundHandlerAdapter {

    private static final Logger log = LoggerFactory.getLogger(AcceptFailures.class);

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        log.warn(
                "A client cannot be let in ({}); trying again in a second. If descriptors are short, raise the daemon's"
                        + " limit (ulimit -n, LimitNOFILE=).",
                cause.getMessage());
    }
}

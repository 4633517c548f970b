// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import io.gpuslice.wire.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.pekko.actor.typed.ActorRef;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cuts one connection's bytes into frames for its actor. A header that cannot be believed ends the connection, since
 * nobody knows where the next frame begins; a payload that makes no sense is answered, and the connection goes on.
 *
 * <p>Whoever starts a frame must end it in time, and the first must be started at once. A client that does not read its
 * replies is dropped when they fill the outbound buffer.
 */
final class FrameReader extends ChannelInboundHandlerAdapter {

    private static final Logger log = LoggerFactory.getLogger(FrameReader.class);
    private static final Object READS_ON = new Object();

    private final ActorRef<Connection.Command> connection;
    private final String client;
    private final Duration patience;
    private final Unfinished unfinished;
    private final Consumer<String> foreigner;

    /** The beginning of a frame whose end has not come yet. */
    private @Nullable ByteBuf begun;

    /** What it counts for. */
    private int held;

    private @Nullable Future<?> deadline;
    private boolean refused;

    /**
     * @param client for the log
     * @param patience from the start of a frame to its end
     * @param unfinished of all clients
     * @param foreigner hears why a client is of another release: whoever updates one half of an installation looks in
     *     the log for what is wrong
     */
    FrameReader(
            ActorRef<Connection.Command> connection,
            String client,
            Duration patience,
            Unfinished unfinished,
            Consumer<String> foreigner) {
        this.connection = connection;
        this.client = client;
        this.patience = patience;
        this.unfinished = unfinished;
        this.foreigner = foreigner;
    }

    /** Reads on where nobody did for a while. To be called on the channel's event loop. */
    static void readOn(Channel channel) {
        if (!channel.config().isAutoRead()) {
            channel.pipeline().fireUserEventTriggered(READS_ON);
            channel.config().setAutoRead(true);
        }
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        startClock(context);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext context, Object event) {
        if (event == READS_ON && deadline != null) {
            // The end of what has begun may have come while nobody read: its sender has all the time again.
            stopClock();
            startClock(context);
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        ByteBuf in = (ByteBuf) message;
        if (refused) {
            in.release();
            return;
        }
        ByteBuf bytes = in;
        boolean goesOn = begun != null;
        if (begun != null) {
            bytes = begun.writeBytes(in);
            in.release();
            begun = null;
        }
        try {
            cut(context, bytes);
            hold(bytes.readableBytes());
            if (bytes.isReadable()) {
                // Not the buffer of a read, which is as long as a read may be.
                begun = goesOn
                        ? bytes.discardReadBytes().retain()
                        : context.alloc().buffer(bytes.readableBytes()).writeBytes(bytes);
                startClock(context);
            }
        } catch (ProtocolException e) {
            refuse(context, e);
        } finally {
            bytes.release();
        }
    }

    private void hold(int size) throws ProtocolException {
        if (!unfinished.resize(held, size)) {
            throw new ProtocolException(
                    ErrorCode.OVERLOADED,
                    0,
                    "the unfinished frames of all clients have " + unfinished.most()
                            + " bytes together, and no more are kept. Try again later");
        }
        held = size;
    }

    private void letGo() {
        unfinished.resize(held, 0);
        held = 0;
        if (begun != null) {
            begun.release();
            begun = null;
        }
    }

    private void cut(ChannelHandlerContext context, ByteBuf bytes) throws ProtocolException {
        while (bytes.readableBytes() >= Abi.Frame.SIZEOF) {
            int length = FrameCodec.header(view(bytes, Abi.Frame.SIZEOF)).length();
            if (bytes.readableBytes() < length) {
                return;
            }
            stopClock();
            ByteBuffer frame = view(bytes, length);
            bytes.skipBytes(length);
            try {
                Decoded decoded = FrameCodec.decode(frame);
                connection.tell(new Connection.Received(decoded.frame(), decoded.seq()));
            } catch (ProtocolException e) {
                Frames.send(context.channel(), Frame.ErrorFrame.of(e.code(), text(e)), e.seq());
            }
        }
    }

    private static ByteBuffer view(ByteBuf bytes, int length) {
        return bytes.nioBuffer(bytes.readerIndex(), length);
    }

    private void startClock(ChannelHandlerContext context) {
        if (deadline == null) {
            deadline = context.executor().schedule(() -> expire(context), patience.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void stopClock() {
        if (deadline != null) {
            deadline.cancel(false);
            deadline = null;
        }
    }

    private void expire(ChannelHandlerContext context) {
        deadline = null;
        if (!context.channel().config().isAutoRead()) {
            // Its end may have come long ago: it is we who do not read on.
            startClock(context);
            return;
        }
        int came = begun == null ? 0 : begun.readableBytes();
        refuse(
                context,
                new ProtocolException(
                        ErrorCode.BAD_REQUEST,
                        0,
                        "no complete frame within " + patience.toMillis() + " ms (" + came
                                + " bytes came): connect when there is something to ask"));
    }

    private void refuse(ChannelHandlerContext context, ProtocolException why) {
        refused = true;
        stopClock();
        letGo();
        log.debug("{} was refused: {}", client, why.getMessage());
        if (why.code() == ErrorCode.UNSUPPORTED_VERSION) {
            foreigner.accept(text(why));
        }
        Frames.sendLast(context.channel(), Frame.ErrorFrame.of(why.code(), text(why)), why.seq());
    }

    private static String text(ProtocolException why) {
        return String.valueOf(why.getMessage());
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        if (!context.channel().isWritable()) {
            log.warn("{} does not read its replies; its connection was closed.", client);
            Frames.close(context.channel());
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        stopClock();
        letGo();
        connection.tell(new Connection.Closed());
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        log.debug("The connection of {} failed: {}", client, cause.toString());
        Frames.close(context.channel());
    }
}

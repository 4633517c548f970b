// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.unix.FileDescriptor;
import java.util.List;

/** What goes out to a client. If it cannot, the channel says so to its handler, which closes it. */
@SuppressWarnings("FutureReturnValueIgnored")
final class Frames {
    private Frames() {}

    static void refuse(Channel channel, int seq, ErrorCode code, String text) {
        send(channel, Frame.ErrorFrame.of(code, text), seq);
    }

    static void send(Channel channel, Frame frame, int seq) {
        channel.writeAndFlush(bytes(frame, seq), channel.voidPromise());
    }

    /**
     * Sends events.
     *
     * @param events at least one
     * @param sent called when they are out; never, if they cannot be sent
     */
    static void sendAll(Channel channel, List<String> events, int seq, Runnable sent) {
        for (String event : events.subList(0, events.size() - 1)) {
            channel.write(bytes(new Frame.Event(event), seq), channel.voidPromise());
        }
        channel.writeAndFlush(bytes(new Frame.Event(events.getLast()), seq)).addListener(out -> {
            if (out.isSuccess()) {
                sent.run();
            }
        });
    }

    /** Sends a frame and, when it is out, closes the channel. */
    static void sendLast(Channel channel, Frame frame, int seq) {
        channel.writeAndFlush(bytes(frame, seq)).addListener(ChannelFutureListener.CLOSE);
    }

    /** Sends one byte that carries a descriptor, and closes ours, sent or not. */
    static void send(Channel channel, FileDescriptor descriptor) {
        channel.writeAndFlush(descriptor).addListener(_ -> descriptor.close());
    }

    /** Closes the channel when all that was sent before is out. */
    static void closeWhenSent(Channel channel) {
        channel.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    }

    static void close(Channel channel) {
        channel.close();
    }

    private static ByteBuf bytes(Frame frame, int seq) {
        return Unpooled.wrappedBuffer(FrameCodec.encode(frame, seq));
    }
}

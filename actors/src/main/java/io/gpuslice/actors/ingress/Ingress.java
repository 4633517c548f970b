// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import io.gpuslice.actors.Caller;
import io.gpuslice.actors.Clock;
import io.gpuslice.actors.Sessions;
import io.gpuslice.actors.eventloop.EventLoop;
import io.gpuslice.actors.process.Peer;
import io.gpuslice.actors.process.Processes;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.linux.PeerCredentials;
import io.gpuslice.wire.Frame;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.unix.DomainSocketAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.PostStop;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/**
 * The door: listens on the Unix socket, lets in whom it may, and gives each client a {@link Connection}. Stopping this
 * actor closes the socket, every connection, and removes the socket file if it is still ours.
 */
public final class Ingress {

    /** More than the longest reply, so that only a client that does not read comes over it. */
    private static final WriteBufferWaterMark OUTBOUND = new WriteBufferWaterMark(1 << 20, 4 << 20);

    /** How much of one client's bytes is read before others have their turn: some 120 requests. */
    static final int READ_AT_ONCE = 4096;

    /** Of the memory that the daemon may have, this part is for frames that are not complete. */
    private static final int UNFINISHED_PART = 4;

    private static final int BACKLOG = 1024;

    public sealed interface Command {}

    /** What became of the wish to listen. */
    public sealed interface Listening {
        /** Clients can connect from now on. */
        record Bound(Path socket) implements Listening {}

        /**
         * They cannot, and the actor has stopped.
         *
         * @param reason for people, with what to do
         */
        record BindFailed(String reason) implements Listening {}
    }

    private record Listens(Channel server) implements Command {}

    private record Fails(String reason) implements Command {}

    private record Accepted(EpollDomainSocketChannel channel) implements Command {}

    private record Gone(int uid) implements Command {}

    /** What every connection needs. */
    record Collaborators(
            IngressSettings settings,
            Processes processes,
            ActorRef<Sessions.Command> sessions,
            CallHandler calls,
            DoorChronicle chronicle,
            Unfinished unfinished) {

        /** Who is at the other end, as the kernel says. */
        Peer peer(EpollDomainSocketChannel channel, Caller caller) throws IOException {
            return processes.peer(channel.fd().intValue(), caller.uid());
        }
    }

    private final ActorContext<Command> context;
    private final Collaborators with;
    private final SocketFile file;
    private final ChannelGroup channels;
    private final ActorRef<Listening> replyTo;
    private final Admission admission;

    private Ingress(
            ActorContext<Command> context,
            Collaborators with,
            SocketFile file,
            ChannelGroup channels,
            ActorRef<Listening> replyTo) {
        this.context = context;
        this.with = with;
        this.file = file;
        this.channels = channels;
        this.replyTo = replyTo;
        this.admission = new Admission(with.settings());
    }

    /**
     * Listens.
     *
     * @param telemetry hears who is not let in, and of what guests report
     * @param replyTo hears once whether that was possible
     */
    public static Behavior<Command> create(
            IngressSettings settings,
            EventLoop loop,
            Processes processes,
            ActorRef<Sessions.Command> sessions,
            CallHandler calls,
            Telemetry telemetry,
            ActorRef<Listening> replyTo) {
        return Behaviors.setup(context -> {
            try {
                SocketFile file = SocketFile.claim(
                        settings.socket(),
                        settings.access().daemonUid(),
                        settings.access().served().isSomebody());
                ChannelGroup channels = new DefaultChannelGroup(loop.io());
                bind(context, settings.socket(), loop, channels);
                Collaborators with = new Collaborators(
                        settings,
                        processes,
                        sessions,
                        calls,
                        new DoorChronicle(telemetry, Clock.system(processes.bootId())),
                        new Unfinished(Runtime.getRuntime().maxMemory() / UNFINISHED_PART));
                return new Ingress(context, with, file, channels, replyTo).listening();
            } catch (IOException e) {
                replyTo.tell(new Listening.BindFailed(String.valueOf(e.getMessage())));
                return Behaviors.stopped();
            }
        });
    }

    @SuppressWarnings("FutureReturnValueIgnored") // heard by the listener
    private static void bind(ActorContext<Command> context, Path socket, EventLoop loop, ChannelGroup channels) {
        ActorRef<Command> self = context.getSelf();
        new ServerBootstrap()
                .group(loop.io())
                .channel(EpollServerDomainSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                // Read from when its connection's actor is there.
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, OUTBOUND)
                .childOption(
                        ChannelOption.RECVBUF_ALLOCATOR,
                        new FixedRecvByteBufAllocator(READ_AT_ONCE).maxMessagesPerRead(1))
                .childHandler(new ChannelInitializer<EpollDomainSocketChannel>() {
                    @Override
                    protected void initChannel(EpollDomainSocketChannel channel) {
                        channels.add(channel);
                        self.tell(new Accepted(channel));
                    }
                })
                .bind(new DomainSocketAddress(socket.toFile()))
                .addListener((ChannelFuture bound) -> self.tell(
                        bound.isSuccess()
                                ? new Listens(bound.channel())
                                : new Fails("cannot listen at " + socket + ": "
                                        + bound.cause().getMessage())));
    }

    private Behavior<Command> listening() {
        return Behaviors.receive(Command.class)
                .onAnyMessage(this::on)
                .onSignal(PostStop.class, _ -> stop())
                .build();
    }

    private Behavior<Command> on(Command command) {
        switch (command) {
            case Listens(var server) -> {
                channels.add(server);
                server.pipeline().addLast(new AcceptFailures());
                return bound();
            }
            case Fails(var reason) -> {
                return bindFailed(reason);
            }
            case Accepted(var channel) -> accept(channel);
            case Gone(var uid) -> admission.left(uid);
        }
        return Behaviors.same();
    }

    private Behavior<Command> bound() {
        try {
            file.bound();
            replyTo.tell(new Listening.Bound(with.settings().socket()));
            return Behaviors.same();
        } catch (IOException e) {
            // Not sure to be theirs alone who are to have it, hence not to be listened at.
            return bindFailed("cannot listen at " + with.settings().socket()
                    + ": its permissions cannot be set ("
                    + e.getMessage() + "). Look who else uses the folder, or choose another with GPUSLICE_IPC_SOCK.");
        }
    }

    private Behavior<Command> bindFailed(String reason) {
        replyTo.tell(new Listening.BindFailed(reason));
        return Behaviors.stopped();
    }

    private void accept(EpollDomainSocketChannel channel) {
        try {
            var peer = channel.peerCredentials();
            Caller caller = new Caller(peer.pid(), peer.uid(), groups(channel), false);
            Optional<Frame.ErrorFrame> refusal = admission.enter(caller);
            if (refusal.isPresent()) {
                with.chronicle()
                        .notLetIn(
                                peer.pid(),
                                peer.uid(),
                                refusal.get().code(),
                                refusal.get().text());
                Frames.sendLast(channel, refusal.get(), 0);
                return;
            }
            context.watchWith(context.spawnAnonymous(Connection.create(channel, caller, with)), new Gone(peer.uid()));
        } catch (IOException e) {
            // It went away before it was looked at.
            Frames.close(channel);
        }
    }

    /** Netty tells the first alone. */
    private static Set<Integer> groups(EpollDomainSocketChannel channel) throws IOException {
        return PeerCredentials.groups(channel.fd().intValue());
    }

    @SuppressWarnings("FutureReturnValueIgnored") // nothing follows, whatever comes of it
    private Behavior<Command> stop() throws IOException {
        channels.close();
        file.close();
        return Behaviors.same();
    }
}

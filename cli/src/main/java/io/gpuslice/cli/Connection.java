// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.Locations;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.MachineDaemon;
import io.gpuslice.linux.PeerCredentials;
import io.gpuslice.linux.UnixSocket;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Decoded;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import io.gpuslice.wire.FrameCodec;
import io.gpuslice.wire.ProtocolException;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * A conversation with the daemon, one question at a time. No wait is unbounded: a stopped daemon must not hang a
 * terminal.
 */
final class Connection implements AutoCloseable {
    private final Path path;
    private final UnixSocket socket;
    private final Duration patience;
    /** The listener's; 0 where it cannot be seen from here. */
    private final int pid;

    private final Optional<Path> log;
    private int seq;

    private Connection(Path path, UnixSocket socket, Duration patience, int pid, Optional<Path> log) {
        this.path = path;
        this.socket = socket;
        this.patience = patience;
        this.pid = pid;
        this.log = log;
    }

    /**
     * Connects, and makes sure that whoever listens is the caller's own user, root, or the user to whom root gave the
     * machine's socket: a token is sent to nobody else.
     *
     * @param uid the caller's own
     * @param patience with a daemon that says nothing
     * @param log the daemon's, for messages
     * @throws IOException if nobody listens there, or nobody may connect
     * @throws Failure if somebody else does
     */
    static Connection open(Path path, int uid, Duration patience, Optional<Path> log) throws IOException, Failure {
        UnixSocket socket = UnixSocket.connect(path, patience);
        // Who listens is the kernel's word, taken when listen() was called; the file's owner could be anyone.
        PeerCredentials peer = socket.peer();
        if (peer.uid() != uid && peer.uid() != 0 && !isMachines(peer.uid(), path)) {
            socket.close();
            throw new Failure(
                    "whoever listens at " + path + " is uid " + peer.uid() + ", neither you (uid " + uid + ") nor root",
                    "nothing was sent; set GPUSLICE_IPC_SOCK to the socket of a daemon that you trust");
        }
        return new Connection(path, socket, patience, peer.pid(), log);
    }

    private static boolean isMachines(int uid, Path path) {
        return path.equals(Locations.SYSTEM_SOCKET) && MachineDaemon.isOf(uid, Locations.SYSTEM_DIRECTORY);
    }

    /** Where the daemon listens; absolute. */
    Path path() {
        return path;
    }

    /** Whether the daemon serves this user at all. It says so only to whoever has asked it something. */
    boolean isServed() throws Failure {
        Decoded answer = exchange(new Frame.Call("{\"method\":\"GET\",\"path\":\"/info\"}"));
        return !(refusesConnection(answer)
                && answer.frame() instanceof Frame.ErrorFrame error
                && error.code() == ErrorCode.FORBIDDEN);
    }

    /**
     * Sends a frame and awaits its answer.
     *
     * @throws Failure if the daemon refuses, leaves, is silent or makes no sense
     */
    Frame ask(Frame request) throws Failure {
        Decoded answer = exchange(request);
        if (answer.frame() instanceof Frame.ErrorFrame error) {
            throw refused(error);
        }
        return answer.frame();
    }

    private Decoded exchange(Frame request) throws Failure {
        try {
            send(request);
            Decoded answer = receive();
            // The answer to an earlier question, given up meanwhile, answers nothing now.
            while (answer.seq() != seq && !refusesConnection(answer)) {
                answer = receive();
            }
            return answer;
        } catch (ProtocolException e) {
            throw senseless(String.valueOf(e.getMessage()));
        } catch (SocketTimeoutException e) {
            throw new Failure(
                    daemon() + " did not answer " + request.type() + " within " + patience.toMillis() / 1000.0 + " s",
                    "it may be stopped or overloaded: look at its process" + andItsLog() + thenTryAgain(request));
        } catch (EOFException e) {
            throw new Failure(
                    daemon() + " closed the connection without an answer",
                    "it may just be ending: look at its process" + andItsLog() + thenTryAgain(request));
        } catch (IOException e) {
            throw new Failure(
                    "the connection to " + daemon() + " broke: " + e.getMessage(),
                    "look at its process" + andItsLog() + thenTryAgain(request));
        }
    }

    /**
     * What comes next, asked for or not.
     *
     * @return empty: nothing within this connection's patience
     * @throws Failure if the daemon says that nothing more comes, leaves or makes no sense
     */
    Optional<Frame> hear() throws Failure {
        ByteBuffer header = ByteBuffer.allocate(Abi.Frame.SIZEOF);
        try {
            Frame frame = receive(header).frame();
            if (frame instanceof Frame.ErrorFrame error) {
                throw refused(error);
            }
            return Optional.of(frame);
        } catch (ProtocolException e) {
            throw senseless(String.valueOf(e.getMessage()));
        } catch (SocketTimeoutException e) {
            if (header.position() == 0) {
                return Optional.empty();
            }
            throw new Failure(daemon() + " stopped in the middle of an event", "look at its process" + andItsLog());
        } catch (EOFException e) {
            throw new Failure(
                    daemon() + " has closed the connection",
                    "it has ended, or is being restarted: programs go on; try again when it is back");
        } catch (IOException e) {
            throw new Failure(
                    "the connection to " + daemon() + " broke: " + e.getMessage(), "look at its process" + andItsLog());
        }
    }

    private Failure refused(Frame.ErrorFrame error) {
        return error.code() == ErrorCode.UNSUPPORTED_VERSION
                ? new Failure(
                        daemon() + " is of another release, and does not understand this one: " + error.text() + " ("
                                + error.code() + ")",
                        "use the `gpuslice` that came with it, or update it and start it anew; programs in its sessions"
                                + " go on meanwhile")
                : new Failure("the daemon refused: " + error.text() + " (" + error.code() + ")", "");
    }

    /** All else may be asked twice; and a session with a leader ends with it, which is us. */
    private static String thenTryAgain(Frame request) {
        return request instanceof Frame.Open open && (open.flags() & Abi.FLAG_NO_LEADER) != 0
                ? "; the session may have been opened all the same, and then stays: look with `gpuslice ps` before you"
                        + " try again"
                : ", then try again";
    }

    /** For an answer that is none to what was asked. */
    Failure senseless(String why) {
        return new Failure(
                daemon() + " answered something that makes no sense: " + why,
                "`gpuslice version` shows whether client and daemon are of the same release");
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (LinuxException e) {
            // Nothing was lost: every answer that matters has been read.
        }
    }

    private void send(Frame request) throws IOException {
        try {
            socket.write(ByteBuffer.wrap(FrameCodec.encode(request, ++seq)));
        } catch (LinuxException e) {
            // A daemon that turns a caller away says why and closes at once: what it said can still be read, and where
            // it said nothing, the end can.
        }
    }

    private static boolean refusesConnection(Decoded answer) {
        return answer.seq() == 0 && answer.frame() instanceof Frame.ErrorFrame;
    }

    private String daemon() {
        return "the daemon at " + path + (pid == 0 ? "" : " (pid " + pid + ")");
    }

    private String andItsLog() {
        return log.map(file -> " and its log, " + file).orElse("");
    }

    private Decoded receive() throws IOException {
        return receive(ByteBuffer.allocate(Abi.Frame.SIZEOF));
    }

    private Decoded receive(ByteBuffer header) throws IOException {
        socket.read(header);
        ByteBuffer whole = ByteBuffer.allocate(FrameCodec.length(header.flip())).put(header);
        socket.read(whole);
        return FrameCodec.decode(whole.flip());
    }
}

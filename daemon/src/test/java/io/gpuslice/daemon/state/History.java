// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.state;

import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.daemon.DaemonProcess;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.domain.ImageId;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** What a daemon writes in a life with some of everything. */
final class History {

    private static final String IMAGE = "00112233445566778899aabbccddeeff";
    private static final List<UUID> DEVICES = List.of(
            UUID.fromString("01234567-89ab-cdef-0123-456789abcdef"),
            UUID.fromString("11234567-89ab-cdef-0123-456789abcdef"));

    private History() {}

    /**
     * Has a daemon live it.
     *
     * @return its state as it was when it was killed, and when a second daemon was stopped that had gone on with it
     */
    static List<Path> make(Path directory) throws Exception {
        Path killed = directory.resolve("killed");
        Path stopped = directory.resolve("stopped");
        List<Frame.Opened> sessions = new ArrayList<>();
        try (Memfd page = Memfd.create(MemfdPages.name(new ImageId(IMAGE)), 4096)) {
            // As if the pages of WELCOME were mapped, which these clients do not take.
            page.map();
            try (DaemonProcess daemon = DaemonProcess.start(directory, "--journal-snapshot-every", "20");
                    Client client = daemon.connect()) {
                for (int i = 0; i < 12; i++) {
                    sessions.add(open(client, i));
                }
                end(client, sessions);
                live(daemon, client, sessions);
                daemon.kill();
            }
            Trees.copy(directory.resolve("state"), killed);
            try (DaemonProcess daemon = DaemonProcess.start(directory, "--journal-snapshot-every", "20");
                    Client client = daemon.connect()) {
                for (int i = 0; i < 5; i++) {
                    sessions.add(open(client, i));
                }
                end(client, sessions);
                live(daemon, client, sessions);
                daemon.stop();
            }
            Trees.copy(directory.resolve("state"), stopped);
        }
        return List.of(killed, stopped);
    }

    private static Frame.Opened open(Client client, int i) throws Exception {
        return client.ask(
                new Frame.Open(
                        "",
                        (64 + i) + "MB",
                        "train-" + i,
                        i % 3 == 0 ? 3600 : 0,
                        // Strict, so nothing is granted ahead and each charge is journaled.
                        Abi.FLAG_KEEP | Abi.FLAG_NO_LEADER | Abi.FLAG_STRICT),
                Frame.Opened.class);
    }

    /** Ends the youngest three, in whose slots others come after them. */
    private static void end(Client client, List<Frame.Opened> sessions) throws Exception {
        for (int i = 0; i < 3; i++) {
            call(client, "DELETE", "/sessions/" + sessions.removeLast().sessionId(), "{}");
        }
    }

    /** Charges on two devices and other limits. */
    private static void live(DaemonProcess daemon, Client client, List<Frame.Opened> sessions) throws Exception {
        int i = -1;
        for (Frame.Opened session : List.copyOf(sessions)) {
            i++;
            try (Client member = daemon.connect()) {
                member.ask(new Frame.Hello(session.sessionId(), session.token(), IMAGE, DEVICES), Frame.Welcome.class);
                for (int n = 1; n <= 5 + 12 * (i % 4); n++) {
                    member.ask(new Frame.Charge(n * 64L * 1024, n % 2), Frame.Granted.class);
                }
            }
            if (i % 2 == 0) {
                call(client, "PATCH", "/sessions/" + session.sessionId(), "{\"limit\":\"" + (80 + i) + "MB\"}");
            }
        }
    }

    private static void call(Client client, String method, String path, String body) throws Exception {
        Frame.Reply reply = client.ask(
                new Frame.Call("{\"method\":\"" + method + "\",\"path\":\"" + path + "\",\"body\":" + body + "}"),
                Frame.Reply.class);
        if (!reply.toString().contains("\"status\":20")) {
            throw new AssertionError(method + " " + path + ": " + reply);
        }
    }
}

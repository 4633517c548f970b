// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.state;

import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.daemon.DaemonProcess;
import io.gpuslice.daemon.DaemonProcess.Client;
import io.gpuslice.domain.ImageId;
import io.gpuslice.linux.Memfd;
import io.gpuslice.wire.Abi;
import io.gpuslice.wire.Frame;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * A state directory as a daemon left it when it was killed, in {@code frozen/}. Those are never written again; whenever what
 * is stored has changed, another one is added to them.
 */
final class FrozenState {

    private static final String IMAGE = "00112233445566778899aabbccddeeff";
    private static final List<UUID> DEVICES = List.of(
            UUID.fromString("01234567-89ab-cdef-0123-456789abcdef"),
            UUID.fromString("11234567-89ab-cdef-0123-456789abcdef"));

    private FrozenState() {}

    /** Puts it into a directory that does not exist yet. */
    static void thaw(String name, Path directory) throws IOException {
        Files.createDirectory(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        try (InputStream file = FrozenState.class.getResourceAsStream("/frozen/" + name + ".zip");
                ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(file, name))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path path = directory.resolve(entry.getName());
                if (entry.isDirectory()) {
                    Files.createDirectories(path);
                } else {
                    Files.copy(zip, path);
                }
            }
        }
    }

    /** What was written down of it when it was frozen. */
    static String known(String name) throws IOException {
        try (InputStream file = FrozenState.class.getResourceAsStream("/frozen/" + name + ".txt")) {
            return new String(Objects.requireNonNull(file, name).readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /**
     * Has a daemon of this code leave one. The command line of this program gets into it: have the class path in the
     * environment.
     *
     * @param arguments the file to be written, {@code state-N.zip}
     */
    public static void main(String[] arguments) throws Exception {
        Path directory = Files.createTempDirectory(Path.of("/tmp"), "frozen");
        try (Memfd page = Memfd.create(MemfdPages.name(new ImageId(IMAGE)), 4096)) {
            // As if the pages of WELCOME were mapped, which these clients do not take.
            page.map();
            try (DaemonProcess daemon = DaemonProcess.start(directory, "--journal-snapshot-every", "20");
                    Client client = daemon.connect()) {
                live(daemon, client);
                daemon.kill();
            }
            freeze(directory.resolve("state"), Path.of(arguments[0]));
        } finally {
            Trees.delete(directory);
        }
    }

    private static void live(DaemonProcess daemon, Client client) throws Exception {
        Frame.Opened plain = open(client, "plain", 0, 0);
        System.out.println("the token of plain is " + plain.token());
        Frame.Opened strict = open(client, "strict", Abi.FLAG_STRICT, 0);
        Frame.Opened gone = open(client, "gone", 0, 60);
        open(client, "long", 0, 3650L * 24 * 3600);
        Frame.Opened brief = open(client, "brief", 0, 1);
        Frame.Opened changed = open(client, "changed", 0, 3600);
        client.ask(new Frame.Join("", "plain"), Frame.Joined.class);
        call(client, "DELETE", "/sessions/" + gone.sessionId(), "{}");
        open(client, "in the place of gone", 0, 0);
        call(client, "PATCH", "/sessions/" + changed.sessionId(), "{\"limit\":\"80MB\",\"ttl\":\"3000d\"}");
        charge(daemon, plain, 3);
        charge(daemon, strict, 40);
        charge(daemon, changed, 5);
        String state = "";
        while (!state.contains("EXPIRED")) {
            state = call(client, "GET", "/sessions/" + brief.sessionId(), "{}");
        }
    }

    private static Frame.Opened open(Client client, String name, int flags, long ttlSeconds) throws Exception {
        return client.ask(
                new Frame.Open("", "64MB", name, ttlSeconds, Abi.FLAG_KEEP | Abi.FLAG_NO_LEADER | flags),
                Frame.Opened.class);
    }

    private static void charge(DaemonProcess daemon, Frame.Opened session, int times) throws Exception {
        try (Client member = daemon.connect()) {
            member.ask(new Frame.Hello(session.sessionId(), session.token(), IMAGE, DEVICES), Frame.Welcome.class);
            for (int n = 1; n <= times; n++) {
                member.ask(new Frame.Charge(n * 64L * 1024, n % 2), Frame.Granted.class);
            }
        }
    }

    private static String call(Client client, String method, String path, String body) throws Exception {
        String reply = client.ask(
                        new Frame.Call(
                                "{\"method\":\"" + method + "\",\"path\":\"" + path + "\",\"body\":" + body + "}"),
                        Frame.Reply.class)
                .json();
        if (!reply.contains("\"status\":20")) {
            throw new AssertionError(method + " " + path + ": " + reply);
        }
        return reply;
    }

    private static void freeze(Path state, Path file) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file));
                Stream<Path> walk = Files.walk(state)) {
            for (Path path : walk.sorted().toList()) {
                String name = state.relativize(path).toString();
                if (!name.equals("VERSION") && !name.startsWith("durable") && !name.startsWith("fast")) {
                    continue;
                }
                boolean isDirectory = Files.isDirectory(path);
                zip.putNextEntry(new ZipEntry(name + (isDirectory ? "/" : "")));
                if (!isDirectory) {
                    Files.copy(path, zip);
                }
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A service manager's ear: a datagram socket, which Java cannot have among the Unix ones. */
record NotifySocket(String address, Process process, BufferedReader heard) implements AutoCloseable {
    private static final String PROGRAM = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            s.bind(sys.argv[1])
            print("listening", flush=True)
            while True:
                print(s.recv(4096).decode().replace("\\n", "|"), flush=True)
            """;

    static NotifySocket in(Path directory) throws IOException {
        String address = directory.resolve("notify").toString();
        Process process = new ProcessBuilder("python3", "-c", PROGRAM, address)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        NotifySocket socket = new NotifySocket(address, process, process.inputReader(StandardCharsets.UTF_8));
        if (!"listening".equals(socket.next())) {
            throw new IOException("no socket at " + address);
        }
        return socket;
    }

    /** The next datagram, its lines with bars between them; waits for it. */
    String next() throws IOException {
        return String.valueOf(heard.readLine());
    }

    /** The next that is no sign of life. */
    String nextNews() throws IOException {
        String word = next();
        while (word.equals("WATCHDOG=1")) {
            word = next();
        }
        return word;
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}

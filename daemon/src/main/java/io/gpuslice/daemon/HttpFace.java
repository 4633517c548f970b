// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.config.Problems;
import io.gpuslice.config.Settings;
import io.gpuslice.config.Settings.HttpAddress;
import io.gpuslice.http.Api;
import io.gpuslice.http.Certificates;
import io.gpuslice.http.HttpServer;
import io.gpuslice.http.Readiness;
import io.gpuslice.http.metrics.Metrics;
import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * HTTP, where the settings want it. {@code SOCKET.http.json} tells the daemon's user where that is and which token is in
 * force, as long as it is so.
 */
final class HttpFace implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HttpFace.class);

    private final HttpServer server;
    private final Path file;

    private HttpFace(HttpServer server, Path file) {
        this.server = server;
        this.file = file;
    }

    /** Whether HTTP may be answered as the settings say: not if others could connect, and had nothing to show. */
    static void check(Settings settings, Problems problems) {
        if (settings.http().address() instanceof HttpAddress.Fixed(var address)) {
            problems.collect(
                    () -> HttpServer.check(address, settings.http().token().isPresent()));
        }
        settings.http().tls().ifPresent(tls -> problems.collect(() -> Certificates.read(tls)));
    }

    /**
     * Starts answering.
     *
     * @param socket where the daemon listens already
     * @return empty if the settings want none
     * @throws IOException why it cannot; the message says what to do
     */
    static Optional<HttpFace> start(
            Settings settings, Path socket, Api api, Metrics metrics, Readiness readiness, Telemetry telemetry)
            throws IOException, InterruptedException {
        Path file = socket.resolveSibling(socket.getFileName() + ".http.json");
        removeStale(file);
        if (settings.http().address() instanceof HttpAddress.Off) {
            return Optional.empty();
        }
        Optional<InetSocketAddress> address = settings.http().address() instanceof HttpAddress.Fixed(var fixed)
                ? Optional.of(fixed)
                : Optional.empty();
        if (address.filter(fixed -> !fixed.getAddress().isLoopbackAddress()).isPresent()
                && settings.http().tls().isEmpty()) {
            LOG.warn(
                    "HTTP at {} is not encrypted, and others can read the token on its way: set http.tls-certificate and"
                            + " http.tls-key, unless a proxy or a tunnel does it",
                    address.get());
        }
        String token = HttpToken.of(settings);
        HttpServer server = HttpServer.start(
                new HttpServer.Settings(
                        address,
                        token,
                        settings.http().token().isPresent(),
                        settings.http().tls().map(Certificates::read),
                        settings.http().requestsPerSecond()),
                api,
                metrics,
                readiness,
                telemetry,
                PrivateDirectory.uid());
        try {
            PrivateFile.write(
                    file,
                    JsonNodeFactory.instance
                                    .objectNode()
                                    .put("url", server.url().toString())
                                    .put("token", token)
                            + "\n");
            return Optional.of(new HttpFace(server, file));
        } catch (IOException e) {
            server.close();
            throw new IOException("where HTTP is answered cannot be written to " + file + ": " + e.getMessage(), e);
        }
    }

    /** A daemon that was killed may have left it. */
    private static void removeStale(Path file) throws IOException {
        try {
            Files.deleteIfExists(file);
        } catch (FileSystemException e) {
            throw new IOException("there is something at " + file
                    + ", where the token is to be written, and it cannot be"
                    + " removed (" + e.getReason() + "): it may be another user's. Remove it, or choose another socket"
                    + " with GPUSLICE_IPC_SOCK.");
        }
    }

    URI url() {
        return server.url();
    }

    /** Puts into force what of these settings may change meanwhile. */
    void adjust(Settings settings) {
        server.requestsPerSecond(settings.http().requestsPerSecond());
    }

    @Override
    public void close() throws IOException {
        try (server) {
            Files.deleteIfExists(file);
        }
    }
}

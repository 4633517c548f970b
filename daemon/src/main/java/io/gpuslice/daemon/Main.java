// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import ch.qos.logback.classic.LoggerContext;
import io.gpuslice.config.DaemonArguments;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.Locations;
import io.gpuslice.config.Settings;
import io.gpuslice.config.Settings.LogFormat;
import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code gpusliced}. Exit codes: 0 after SIGTERM or SIGINT, 1 if it cannot start or its actors fail, 2 for settings that
 * make no sense. SIGHUP opens the audit log anew.
 */
public final class Main {

    private static final int FAILED = 1;
    private static final int USAGE = 2;

    private Main() {}

    /** Runs the daemon in the foreground until it is told to stop. */
    @SuppressWarnings("SystemOut")
    public static void main(String[] arguments) {
        int code;
        try {
            DaemonArguments given = DaemonArguments.parse(arguments);
            if (given.help()) {
                System.out.print(DaemonArguments.usage());
                return;
            }
            if (given.version()) {
                System.out.println("gpusliced " + version());
                return;
            }
            Locations locations = new Locations(System.getenv(), PrivateDirectory.uid());
            code = run(Settings.load(locations, given.settings(), given.file()));
        } catch (InvalidValueException e) {
            code = complain(e, USAGE);
        } catch (IOException e) {
            code = complain(e, FAILED);
        } catch (InterruptedException e) {
            code = FAILED;
        }
        System.exit(code);
    }

    private static int run(Settings settings) throws IOException, InterruptedException {
        // Read by logback.xml when the first logger is made.
        System.setProperty("gpuslice.log.level", settings.log().level().toString());
        System.setProperty(
                "gpuslice.log.format", format(settings.log().format()).toString());
        Logger log = LoggerFactory.getLogger(Main.class);
        log.info("gpusliced {} starts; state in {}", version(), settings.stateDirectory());
        AtomicReference<Daemon> started = new AtomicReference<>();
        // Before anything else: until then SIGHUP would end the process.
        Hangup.handle(() -> reopen(started.get()));
        Daemon daemon = Daemon.start(settings, version());
        started.set(daemon);
        AtomicBoolean failed = new AtomicBoolean();
        Runtime.getRuntime()
                .addShutdownHook(new Thread(() -> stop(daemon, log, failed.get() ? FAILED : 0), "gpusliced-stop"));
        log.info(
                "listening at {}; HTTP at {}",
                daemon.socket(),
                daemon.http().map(Object::toString).orElse("no address"));
        tellParent(log);
        daemon.awaitEnd();
        failed.set(true);
        return FAILED;
    }

    private static LogFormat format(LogFormat wanted) {
        if (wanted != LogFormat.AUTO) {
            return wanted;
        }
        return StandardError.isTerminal() ? LogFormat.TEXT : LogFormat.JSON;
    }

    private static void reopen(@Nullable Daemon daemon) {
        // One that is still starting has just opened everything.
        if (daemon != null) {
            daemon.reopen();
        }
    }

    /** SIGTERM and SIGINT come here; so does an end by itself, which has nothing left to stop. */
    private static void stop(Daemon daemon, Logger log, int code) {
        log.info("stopping; programs that run go on with what they have, and ask again when a daemon is back");
        daemon.close();
        ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
        // Told to stop and stopped is a success; the JVM would say 143.
        Runtime.getRuntime().halt(code);
    }

    private static String version() {
        String version = Main.class.getPackage().getImplementationVersion();
        return version == null ? "of unknown version" : version;
    }

    /** Whoever started the daemon in the background waits for this line; the descriptor ends with its process. */
    private static void tellParent(Logger log) {
        String descriptor = System.getenv("GPUSLICE_READY_FD");
        if (descriptor == null || !descriptor.matches("\\d{1,9}")) {
            return;
        }
        try (OutputStream out = Files.newOutputStream(Path.of("/proc/self/fd/" + descriptor))) {
            out.write("READY\n".getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            log.warn("nobody could be told that the daemon is ready: {}", e.getMessage());
        }
    }

    @SuppressWarnings("SystemOut")
    private static int complain(Exception e, int code) {
        System.err.println("gpusliced: " + e.getMessage());
        return code;
    }
}

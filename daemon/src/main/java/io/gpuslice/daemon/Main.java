// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import io.gpuslice.config.DaemonArguments;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LoadedSettings;
import io.gpuslice.config.Settings;
import io.gpuslice.config.Settings.LogFormat;
import io.gpuslice.config.Variables;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * {@code gpusliced}. Exit codes: 0 after SIGTERM or SIGINT, 1 if it cannot start or ends otherwise, 2 for settings that
 * make no sense. SIGHUP opens the audit log anew and reads the settings again. {@code gpusliced journal …} is a {@link JournalCommand}.
 */
public final class Main {

    private static final int FAILED = 1;
    private static final int USAGE = 2;
    /** In the state directory: where whoever starts a daemon by need has it write. */
    private static final String OWN_LOG = "gpusliced.log";

    private Main() {}

    /** Runs the daemon in the foreground until it is told to stop. */
    @SuppressWarnings("SystemOut")
    public static void main(String[] arguments) {
        int code;
        try {
            if (arguments.length > 0 && arguments[0].equals(JournalCommand.NAME)) {
                System.exit(JournalCommand.run(Arrays.copyOfRange(arguments, 1, arguments.length), System.out));
            }
            DaemonArguments given = DaemonArguments.parse(arguments);
            if (given.help()) {
                System.out.print(DaemonArguments.usage());
                return;
            }
            if (given.version()) {
                System.out.println("gpusliced " + version());
                return;
            }
            Configuration configuration = Configuration.of(given);
            LoadedSettings settings = configuration.read();
            configureLog(settings.settings());
            configuration.check(settings.settings());
            if (given.check()) {
                Variables.unread(System.getenv()).forEach(unread -> System.err.println("gpusliced: " + unread));
                System.out.println("gpusliced: the settings make sense");
                return;
            }
            code = run(configuration, settings);
        } catch (InvalidValueException e) {
            code = complain(e, USAGE);
        } catch (IOException e) {
            code = complain(e, FAILED);
        } catch (InterruptedException e) {
            code = FAILED;
        }
        System.exit(code);
    }

    private static int run(Configuration configuration, LoadedSettings loaded)
            throws IOException, InterruptedException {
        Settings settings = loaded.settings();
        Logger log = LoggerFactory.getLogger(Main.class);
        log.info("gpusliced {} starts; state in {}", version(), settings.stateDirectory());
        Variables.unread(System.getenv()).forEach(unread -> log.warn("in the environment {}", unread));
        AtomicReference<@Nullable Runnable> hangUp = new AtomicReference<>();
        // Before anything else: until then SIGHUP would end the process. A daemon that still starts has just read all.
        Signals.handle("HUP", () -> Optional.ofNullable(hangUp.get()).ifPresent(Runnable::run));
        Daemon daemon = Daemon.start(settings, version());
        Service service = Service.ofThisProcess();
        daemon.watchedBy(service);
        AtomicBoolean told = new AtomicBoolean();
        Runtime.getRuntime()
                .addShutdownHook(new Thread(() -> stop(daemon, service, log, told.get()), "gpusliced-stop"));
        for (String signal : List.of("TERM", "INT")) {
            Signals.handle(signal, () -> {
                told.set(true);
                System.exit(0);
            });
        }
        String status = "listening at " + daemon.socket() + "; HTTP at "
                + daemon.http().map(Object::toString).orElse("no address");
        log.info(status);
        Reload reload = new Reload(configuration, loaded, later -> adjust(daemon, later));
        hangUp.set(() -> {
            service.reloading();
            try {
                daemon.reopen();
                reload.now();
            } finally {
                service.ready(status);
            }
        });
        service.ready(status);
        tellParent(log);
        daemon.awaitEnd();
        return FAILED;
    }

    private static void configureLog(Settings settings) {
        // Read by logback.xml when the first logger is made.
        System.setProperty("gpuslice.log.level", settings.log().level().toString());
        System.setProperty(
                "gpuslice.log.format", format(settings.log().format()).toString());
        if (StandardError.isTheFile(settings.stateDirectory().resolve(OWN_LOG))) {
            System.setProperty(
                    "gpuslice.log.file",
                    settings.stateDirectory().resolve(OWN_LOG).toString());
        }
    }

    private static LogFormat format(LogFormat wanted) {
        if (wanted != LogFormat.AUTO) {
            return wanted;
        }
        return StandardError.isTerminal() ? LogFormat.TEXT : LogFormat.JSON;
    }

    private static void adjust(Daemon daemon, Settings settings) {
        ((LoggerContext) LoggerFactory.getILoggerFactory())
                .getLogger(Logger.ROOT_LOGGER_NAME)
                .setLevel(Level.toLevel(settings.log().level().toString()));
        daemon.adjust(settings);
    }

    /** Whatever ends the JVM comes here; only who told it to, by SIGTERM or SIGINT, is told of a success. */
    private static void stop(Daemon daemon, Service service, Logger log, boolean told) {
        service.stopping();
        if (told) {
            log.info("stopping; programs that run go on with what they have, and ask again when a daemon is back");
        } else {
            log.error(
                    "ending, though nobody asked for it: what is above says why; programs that run go on with what they"
                            + " have, and ask again when a daemon is back");
        }
        boolean whole = ended(daemon, log, told);
        ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
        // The JVM would say 143.
        Runtime.getRuntime().halt(told && whole ? 0 : FAILED);
    }

    private static boolean ended(Daemon daemon, Logger log, boolean told) {
        try {
            if (daemon.stop(told)) {
                return true;
            }
            log.error("not everything has ended in time, and no more is waited: a disk may not answer. What was granted"
                    + " is in the journal");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return false;
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
        String.valueOf(e.getMessage()).lines().forEach(line -> System.err.println("gpusliced: " + line));
        return code;
    }
}

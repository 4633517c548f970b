// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.Locations;
import io.gpuslice.config.Variables;
import io.gpuslice.linux.Exec;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;

/**
 * What the verbs know of the world around them.
 *
 * @param environ as whoever started us made it, byte for byte: the program's starting point
 * @param home the installed tree, with {@code bin/} and {@code lib/}
 * @param host whose daemon is meant; none: this machine's, over its socket
 * @param out data goes here and nothing else
 * @param err talk goes here
 */
public record Context(
        Environ environ,
        Map<String, String> environment,
        Path home,
        Optional<Host> host,
        PrintStream out,
        PrintStream err) {

    /** The way on where a part of it is missing, whatever way it came here. */
    public static final String INSTALL_ANEW =
            "install gpuslice anew: its package, its tarball, or `make build` in a checkout";

    /** What was typed is shown as far as anybody reads it: an argument may have 128 KiB. */
    private static final Pattern ENDLESS = Pattern.compile("(\\S{256})\\S{64,}");

    /**
     * @throws Failure if this is no installed tree
     */
    static Context ofThisProcess(PrintStream out, PrintStream err) throws Failure {
        String home = System.getProperty("gpuslice.home");
        if (home == null) {
            throw new Failure("nobody said where gpuslice is installed", "start it by its bin/gpuslice");
        }
        try {
            Environ environ = Environ.ofThisProcess(Boolean.getBoolean("gpuslice.shielded"));
            return new Context(
                    environ, Map.copyOf(environ.asText()), Path.of(home).toAbsolutePath(), Optional.empty(), out, err);
        } catch (IOException e) {
            throw new Failure("cannot read this process's environment: " + e.getMessage(), "is /proc mounted?");
        }
    }

    /** The same, with another machine's daemon in mind. */
    Context at(Host other) {
        return new Context(environ, environment, home, Optional.of(other), out, err);
    }

    /** Whether another machine's daemon is meant, or this one's over HTTP. */
    public boolean isElsewhere() {
        return host.isPresent();
    }

    /** Where this user's files are. */
    public Locations locations() throws Failure {
        try {
            return new Locations(environment, (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } catch (IOException e) {
            throw new Failure("cannot tell which user this is: " + e.getMessage(), "is /proc mounted?");
        }
    }

    /** Id of the session that this process runs in. */
    public Optional<String> session() {
        return variable("GPUSLICE_SESSION");
    }

    /** The operator's token. Inside a session that variable holds the session's own, which opens nothing else. */
    public String operatorToken() {
        return session().isPresent() ? "" : variable("GPUSLICE_IPC_TOKEN").orElse("");
    }

    /** Where programs are looked for. */
    String path() {
        return ProgramPath.orDefault(environment.getOrDefault("PATH", ""));
    }

    /** What the JVM forgot of the process it was started in; the launcher has told it. */
    Exec.Origin origin() {
        return new Exec.Origin(
                Long.parseUnsignedLong(System.getProperty("gpuslice.ignored-signals", "0"), 16),
                -1,
                Integer.getInteger("gpuslice.closed-streams", 0));
    }

    /** The library that keeps the limit inside a program. */
    public Path library() {
        return home.resolve("lib/libgpuslice.so");
    }

    /** Says which variables of ours nobody reads: they are misspelt, and what they were to do is not done. */
    void warnOfUnread() {
        Variables.unread(environment).forEach(this::say);
    }

    /** For people, on stderr. */
    public void say(String message) {
        say(err, message);
    }

    /** The same, where there is no context yet. */
    static void say(PrintStream err, String message) {
        err.println("gpuslice: " + ENDLESS.matcher(message).replaceAll("$1…"));
    }

    /** Whether stdout may be coloured. */
    public boolean colourOnOut() {
        return isTerminal(1) && variable("NO_COLOR").isEmpty() && !"dumb".equals(environment.get("TERM"));
    }

    /** Characters in a line of the terminal that stdout is; empty where it is none. */
    public OptionalInt columnsOnOut() {
        int columns = Integer.getInteger("gpuslice.columns", 0);
        return columns > 0 ? OptionalInt.of(columns) : OptionalInt.empty();
    }

    /** Of the environment; an empty one counts as unset. */
    public Optional<String> variable(String name) {
        return Optional.ofNullable(environment.get(name)).filter(value -> !value.isEmpty());
    }

    // System.console() would load a line editor; the name of the open file says the same.
    private static boolean isTerminal(int descriptor) {
        try {
            String file = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor))
                    .toString();
            return file.startsWith("/dev/pts/") || file.startsWith("/dev/tty") || file.equals("/dev/console");
        } catch (IOException e) {
            return false;
        }
    }
}

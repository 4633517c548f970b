// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.cli.cdi.CdiSpec;
import io.gpuslice.cli.cdi.SpecFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedSet;
import org.jspecify.annotations.Nullable;

/** {@code gpuslice cdi generate}: sessions as devices that podman and docker give to containers. */
final class CdiVerb {
    private static final String GENERATE = "generate";
    /** Of a directory's mode: its group or others may make files in it. */
    private static final int WRITABLE_BY_OTHERS = 022;

    private final Context context;

    CdiVerb(Context context) {
        this.context = context;
    }

    /**
     * Writes the spec, and says what the devices are called.
     *
     * @param selectors of sessions; none: all that are to be seen and still take memory
     * @param directory as typed; empty: the one that the runtimes of this user look into
     */
    int perform(String what, List<String> selectors, Optional<String> directory, OutputOptions output) throws Failure {
        if (!what.equals(GENERATE)) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "there is nothing called \"" + what + "\" to do about CDI",
                    "gpuslice cdi " + GENERATE + " [SESSION…] [--output DIR]");
        }
        if (context.session().isPresent()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "this is inside session " + context.session().get() + ", which gives nobody a way into others",
                    "do it from outside the session");
        }
        CdiSpec spec;
        try (Connection connection = new Daemons(context).require()) {
            spec = new CdiSpec(library(), reachable(connection.path()), slices(connection, selectors));
        }
        Path file = write(directory.map(Path::of).map(Path::toAbsolutePath).orElse(usualDirectory()), spec);
        List<String> names =
                spec.slices().stream().map(CdiSpec.Slice::qualified).toList();
        if (output.json()) {
            Map<String, @Nullable Object> json = new LinkedHashMap<>();
            json.put("file", file.toString());
            json.put("devices", names);
            context.out().println(Json.pretty(new Json(json)));
        } else {
            names.forEach(context.out()::println);
        }
        if (!output.quiet()) {
            context.say("written to " + file + ", which has the sessions' tokens in it and is readable by you alone"
                    + "\n  podman run --device " + names.getFirst() + " …; a session that is opened later has no"
                    + " device there until you generate again");
        }
        return ExitCode.DONE;
    }

    private Path library() throws Failure {
        try {
            return context.library().toRealPath();
        } catch (IOException e) {
            throw new Failure(
                    "the library that keeps the limit, " + context.library() + ", is missing or may not be read",
                    Context.INSTALL_ANEW);
        }
    }

    /** The socket by a path without links, where its directory is one that a container may be shown. */
    private static Path reachable(Path socket) throws Failure {
        try {
            Path directory = Objects.requireNonNull(socket.toRealPath().getParent());
            if (((Integer) Files.getAttribute(directory, "unix:mode") & WRITABLE_BY_OTHERS) != 0) {
                throw new Failure(
                        "the daemon's socket is in " + directory + ", which others may write to: a container that is"
                                + " shown the socket is shown all of it, and what others put there",
                        "start the daemon with its socket in a directory of its own: GPUSLICE_IPC_SOCK="
                                + directory.resolve("gpuslice/gpuslice.sock"));
            }
            return directory.resolve(socket.getFileName());
        } catch (IOException e) {
            throw new Failure("the daemon's socket is not to be seen any more: " + e.getMessage(), "try again");
        }
    }

    private List<CdiSpec.Slice> slices(Connection connection, List<String> selectors) throws Failure {
        Calls calls = new Calls(connection, context.operatorToken());
        Calls.Listed all = calls.sessions();
        SequencedSet<String> wanted = new LinkedHashSet<>();
        for (String selector : selectors) {
            wanted.add(calls.get(Calls.session(selector)).text("id", selector));
        }
        if (selectors.isEmpty()) {
            all.sessions().stream()
                    .filter(session -> session.text("state", "").equals("ACTIVE"))
                    .forEach(session -> wanted.add(session.text("id", "")));
        }
        if (wanted.isEmpty()) {
            throw new Failure(
                    "there is no session to make a device of", "open one: gpuslice create --limit 8GB --name team-a");
        }
        List<CdiSpec.Slice> slices = new ArrayList<>();
        for (String id : wanted) {
            String token =
                    OpenRequest.join(connection, context.operatorToken(), id).token();
            slices.add(new CdiSpec.Slice(device(id, all), id, token));
        }
        return slices;
    }

    /** What the session is called, where a device may be called so; else its id. */
    private static String device(String id, Calls.Listed all) {
        return all.sessions().stream()
                .filter(session -> session.text("id", "").equals(id))
                .map(all::selector)
                .filter(CdiSpec::isName)
                .findFirst()
                .orElse(id);
    }

    /** {@code /etc/cdi} for root, {@code ~/.config/cdi} for others: beside our own configuration. */
    private Path usualDirectory() throws Failure {
        return context.locations().configurationDirectories().getLast().resolveSibling("cdi");
    }

    private static Path write(Path directory, CdiSpec spec) throws Failure {
        try {
            return SpecFile.write(directory, spec);
        } catch (IOException e) {
            throw new Failure(
                    "cannot write the spec into " + directory + ": "
                            + e.getClass().getSimpleName() + ": " + e.getMessage(),
                    "name a directory of yours by --output, and tell the container runtime of it");
        }
    }
}

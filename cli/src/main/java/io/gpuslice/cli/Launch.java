// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.LimitSpec;
import io.gpuslice.linux.Errno;
import io.gpuslice.linux.Exec;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;

/**
 * The verbs that become a program: run and exec. All that can be refused is refused before the session is opened;
 * then only the exec itself is left to fail.
 */
final class Launch {
    private final Context context;
    private final Daemons daemons;
    private final List<String> gpus;
    private final Environ environ;
    private final boolean force;
    private final boolean quiet;

    /**
     * The same for both.
     *
     * @param gpus that the program may see, as typed; empty: all
     * @param countContext as typed; empty: not at all
     * @param force run it even if it cannot be limited
     * @param quiet no warnings
     */
    Launch(Context context, List<String> gpus, Optional<String> countContext, boolean force, boolean quiet)
            throws Failure {
        this.context = context;
        this.daemons = new Daemons(context);
        this.gpus = gpus;
        this.environ = ContextCount.in(context.environ(), countContext);
        this.force = force;
        this.quiet = quiet;
    }

    /** Does not return but by a failure. */
    int run(OpenOptions options, boolean keep, List<String> command) throws Failure {
        OpenRequest request = OpenRequest.of(context, options, keep ? Abi.FLAG_KEEP : 0);
        Program program = Program.find(context, command);
        boolean preload = admit(program);
        warnOfUnread();
        try (Connection connection = daemons.findOrStart()) {
            List<LimitSpec.Device> devices = devices(connection);
            warnOfNothingOn(devices, request.frame().limit());
            return become(program, preload, connection, request.send(connection), devices);
        }
    }

    /** Does not return but by a failure. */
    int exec(List<String> words) throws Failure {
        String selector = words.getFirst();
        // After the first positional nothing is an option any more, hence `--` has come through as a word.
        int first = words.size() > 1 && words.get(1).equals("--") ? 2 : 1;
        List<String> command = words.subList(first, words.size());
        if (command.isEmpty()) {
            throw new Failure(Failure.Kind.USAGE, "no program given", "gpuslice exec SESSION -- CMD");
        }
        Program program = Program.find(context, command);
        boolean preload = admit(program);
        warnOfUnread();
        try (Connection connection = daemons.findOrRevive()) {
            List<LimitSpec.Device> devices = devices(connection);
            OpenRequest.Session session = OpenRequest.join(connection, context.operatorToken(), selector);
            if (context.session().isPresent() && !context.session().get().equals(session.id())) {
                throw new Failure(
                        "session " + session.id() + " is not the one that this is inside of ("
                                + context.session().get() + ")",
                        "a program cannot leave its session; do it from outside");
            }
            if (!devices.isEmpty()) {
                warnOfNothingOn(
                        devices,
                        new Calls(connection, context.operatorToken())
                                .get(Calls.session(session.id()))
                                .text("limit", ""));
            }
            return become(program, preload, connection, session, devices);
        }
    }

    /** Whether to preload the library; says or throws why not. */
    private boolean admit(Program program) throws Failure {
        Program.Verdict verdict = program.inspect(context.library());
        if (verdict.refusal().isEmpty()) {
            return true;
        }
        Failure refusal = verdict.refusal().get();
        if (!force) {
            throw refusal;
        }
        context.say("UNENFORCED: " + refusal.getMessage() + "; running it all the same, as --force says");
        return verdict.preloadHarmless();
    }

    private void warnOfUnread() {
        if (!quiet) {
            context.warnOfUnread();
        }
    }

    private int become(
            Program program,
            boolean preload,
            Connection connection,
            OpenRequest.Session session,
            List<LimitSpec.Device> devices)
            throws Failure {
        if (!quiet) {
            daemons.aboutTheirOwn().ifPresent(context::say);
            session.warning().ifPresent(context::say);
        }
        Environ environ = this.environ
                .with("GPUSLICE_SESSION", session.id())
                .with("GPUSLICE_IPC_SOCK", connection.path().toString())
                .with("GPUSLICE_IPC_TOKEN", session.token());
        if (!devices.isEmpty()) {
            environ = environ.with(
                    "CUDA_VISIBLE_DEVICES",
                    devices.stream().map(LimitSpec.Device::uuid).collect(Collectors.joining(",")));
        }
        if (preload) {
            environ = Preload.in(
                    environ,
                    context.library(),
                    context.locations().runtimeDirectory().resolve("lib"));
        }
        connection.close();
        context.out().flush();
        try {
            Exec.replace(program.path(), program.arguments(), environ.entries(), context.origin());
            throw new AssertionError("exec returned");
        } catch (LinuxException e) {
            boolean absent = e.errno() == Errno.ENOENT;
            throw new Failure(
                    absent ? Failure.Kind.NOT_FOUND : Failure.Kind.NOT_EXECUTABLE,
                    "cannot execute " + program + ": " + e.getMessage(),
                    absent ? "its interpreter (after #!, or its dynamic loader) may be missing" : "");
        } catch (IOException e) {
            throw new Failure("cannot become " + program + ": " + e.getMessage(), "is /proc mounted?");
        }
    }

    /** Those of --gpus. The program gets their UUIDs, which mean the same device whatever else renumbers them. */
    private List<LimitSpec.Device> devices(Connection connection) throws Failure {
        if (gpus.isEmpty()) {
            return List.of();
        }
        List<LimitSpec.Device> here = new Calls(connection, context.operatorToken())
                .get("/devices").objects("devices").stream()
                        .map(device -> new LimitSpec.Device(
                                (int) device.number("index", -1), device.text("uuid", ""), OptionalLong.empty()))
                        .toList();
        List<LimitSpec.Device> chosen = new ArrayList<>();
        for (String gpu : gpus) {
            try {
                chosen.add(LimitSpec.Selector.parse(gpu).in(here));
            } catch (InvalidValueException e) {
                throw new Failure(Failure.Kind.USAGE, "--gpus: " + e.getMessage(), "`gpuslice devices` lists them");
            }
        }
        return chosen;
    }

    /** A device that a limit does not name has none of it: seen by the program, and refused at the first allocation. */
    private void warnOfNothingOn(List<LimitSpec.Device> devices, String limit) {
        if (quiet || devices.isEmpty()) {
            return;
        }
        try {
            LimitSpec spec = LimitSpec.parse(limit);
            for (LimitSpec.Device device : devices) {
                if (spec.everywhere().isEmpty()
                        && spec.perDevice().keySet().stream().noneMatch(selector -> selector.matches(device))) {
                    context.say("--gpus shows device " + device + ", and the limit of " + limit
                            + " leaves nothing there: every allocation on it will be refused");
                }
            }
        } catch (InvalidValueException e) {
            // A newer daemon's way to write a limit: no reason not to start.
        }
    }
}

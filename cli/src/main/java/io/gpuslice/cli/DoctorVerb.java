// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.cli.doctor.Doctor;
import io.gpuslice.cli.doctor.Doctor.Diagnosis;
import io.gpuslice.cli.doctor.Finding;
import io.gpuslice.cli.doctor.Finding.Verdict;
import io.gpuslice.cli.doctor.Machine;
import io.gpuslice.config.InvalidValueException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** {@code gpuslice doctor}: whether limits hold on this machine, and if not, what to do. */
final class DoctorVerb {
    /** With the probe: a driver that hangs must not hang whoever asks what is wrong. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Context context;

    DoctorVerb(Context context) {
        this.context = context;
    }

    /**
     * Prints what it finds.
     *
     * @return 1 if anything fails, else 0
     */
    int perform(OutputOptions output) throws Failure {
        List<Diagnosis> all = Doctor.examine(machine());
        List<Diagnosis> shown = all.stream()
                .filter(diagnosis -> !output.quiet() || wrong(diagnosis.finding()))
                .toList();
        if (output.json()) {
            context.out()
                    .println(Json.pretty(shown.stream().map(DoctorVerb::json).toList()));
        } else {
            shown.forEach(diagnosis -> context.out().print(text(diagnosis)));
        }
        return all.stream().anyMatch(diagnosis -> diagnosis.finding().verdict() == Verdict.FAIL)
                ? ExitCode.FAILED
                : ExitCode.DONE;
    }

    private static boolean wrong(Finding finding) {
        return finding.verdict() == Verdict.WARN || finding.verdict() == Verdict.FAIL;
    }

    // ---- as it is shown

    private static Json json(Diagnosis diagnosis) {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        members.put("check", diagnosis.name());
        members.put("verdict", word(diagnosis.finding().verdict()));
        members.put("text", diagnosis.finding().text());
        if (!diagnosis.finding().fix().isEmpty()) {
            members.put("fix", diagnosis.finding().fix());
        }
        return new Json(members);
    }

    private String text(Diagnosis diagnosis) {
        Finding finding = diagnosis.finding();
        String line = "%s  %-13s  %s%n"
                .formatted(coloured(finding.verdict()), diagnosis.name(), Table.harmless(finding.text()));
        return finding.fix().isEmpty() ? line : line + " ".repeat(21) + "→ " + Table.harmless(finding.fix()) + "\n";
    }

    private String coloured(Verdict verdict) {
        String word = "%-4s".formatted(word(verdict));
        int colour = switch (verdict) {
            case OK -> 32;
            case WARN -> 33;
            case FAIL -> 31;
            case SKIP -> 2;
        };
        return context.colourOnOut() ? "\033[" + colour + "m" + word + "\033[0m" : word;
    }

    private static String word(Verdict verdict) {
        return verdict.name().toLowerCase(Locale.ROOT);
    }

    // ---- the machine as it is

    private Machine machine() throws Failure {
        try {
            Machine.Places places = new Machine.Places(
                    context.locations().socketsToTry(), context.locations().runtimeDirectory(), stateDirectory());
            return new Machine(
                    Path.of("/"),
                    AboutVerbs.VERSION,
                    context.home(),
                    context.environment(),
                    context.locations().uid(),
                    places,
                    file -> Files.isReadable(file) && Files.isWritable(file),
                    feature -> feature.failure().map(failure -> String.valueOf(failure.getMessage())),
                    this::daemon,
                    new RealProbe());
        } catch (InvalidValueException e) {
            throw new Failure(String.valueOf(e.getMessage()), "");
        }
    }

    private Optional<Path> stateDirectory() throws Failure {
        try {
            return Optional.of(context.locations().stateDirectory());
        } catch (InvalidValueException e) {
            return Optional.empty();
        }
    }

    private Machine.Daemon daemon() {
        try {
            Daemons daemons = Daemons.toLookAt(context);
            Optional<Connection> found = daemons.find();
            if (found.isEmpty()) {
                return new Machine.Daemon.None(daemons.notServed());
            }
            try (Connection connection = found.get()) {
                Json info = new Calls(connection, context.operatorToken()).get("/info");
                return new Machine.Daemon.Answers(
                        info.text("version", "?"),
                        info.text("protocol", "?"),
                        (int) info.number("pid", 0),
                        connection.path(),
                        DashboardVerb.url(info));
            }
        } catch (Failure failure) {
            return new Machine.Daemon.Unusable(String.valueOf(failure.getMessage()), failure.next());
        }
    }

    /** The program itself, in processes of its own. */
    private final class RealProbe implements Machine.Probe {
        private final String program =
                context.home().resolve("lib/gpuslice-probe").toString();

        @Override
        public Machine.Said preloaded() {
            try {
                Environ environ = Preload.in(
                        context.environ().without("GPUSLICE_SESSION"),
                        context.library(),
                        context.locations().runtimeDirectory().resolve("lib"));
                return run(environ, program);
            } catch (Failure failure) {
                return new Machine.Said(ExitCode.NO_PROGRAM, Map.of(), failure.forPeople());
            }
        }

        @Override
        public Machine.Said limited(long limit, long bytes) {
            return run(
                    context.environ(),
                    context.home().resolve("bin/gpuslice").toString(),
                    "run",
                    "--quiet",
                    "--limit",
                    limit + "",
                    "--name",
                    "doctor-" + ProcessHandle.current().pid(),
                    "--",
                    program,
                    bytes + "");
        }

        private static Machine.Said run(Environ environ, String... command) {
            try {
                Path out = Files.createTempFile("gpuslice-doctor", ".out");
                Path errors = Files.createTempFile("gpuslice-doctor", ".err");
                try {
                    ProcessBuilder builder = new ProcessBuilder(command)
                            .redirectInput(Path.of("/dev/null").toFile())
                            .redirectOutput(out.toFile())
                            .redirectError(errors.toFile());
                    builder.environment().clear();
                    builder.environment().putAll(environ.asText());
                    Process process = builder.start();
                    if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                        process.destroyForcibly();
                        return new Machine.Said(
                                ExitCode.FAILED, Map.of(), "not at an end after " + PATIENCE.toSeconds() + " s");
                    }
                    return new Machine.Said(
                            process.exitValue(),
                            facts(Files.readString(out, StandardCharsets.ISO_8859_1)),
                            Files.readString(errors, StandardCharsets.UTF_8));
                } finally {
                    Files.delete(out);
                    Files.delete(errors);
                }
            } catch (IOException e) {
                return new Machine.Said(ExitCode.NOT_EXECUTABLE, Map.of(), String.valueOf(e.getMessage()));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return new Machine.Said(ExitCode.FAILED, Map.of(), "interrupted");
            }
        }

        private static Map<String, String> facts(String said) {
            return said.lines()
                    .filter(line -> line.contains("="))
                    .map(line -> line.split("=", 2))
                    .collect(Collectors.toMap(fact -> fact[0], fact -> fact[1], (_, last) -> last));
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParseResult;

/**
 * The verbs: what may be typed, and what then happens. Built by calls rather than by annotations, which picocli would
 * have to read by reflection at each start: that alone took longer than all else that `run` does in Java.
 */
enum Verb {
    RUN(
            "Runs a program under a limit.",
            "Opens a session and becomes the program: pid, signals, terminal and exit code are the program's own."),
    EXEC(
            "Runs another program in an existing session.",
            "It shares the session's limit with the programs that are there."),
    CREATE("Opens a session without a program.", "It lasts until `gpuslice rm`; `gpuslice exec` runs programs in it."),
    PS("Lists the sessions.", ""),
    INSPECT("Shows all about one session.", ""),
    UPDATE(
            "Changes the limit or the TTL of a session.",
            "Programs in it go on. Below what they hold, new memory is refused until it fits; nothing is taken away."),
    RM("Ends sessions.", "One with living processes is left alone, unless forced."),
    DEVICES("Lists the GPUs.", ""),
    VERSION("Shows the versions of this program and of the daemon.", ""),
    INFO("Shows where the daemon is and how it is set up.", ""),
    DEBUG(
            "Shows the ledger page of a process, for support.",
            "Read from the process itself, also where no daemon answers: gpuslice debug page 4242 --top 20");

    private static final String LIMIT_FORMS =
            "what the session may hold on each GPU (8GB), of each GPU (50%%), or GPU by GPU (0=8GB,1=4GB).";

    private static final Map<String, Verb> BY_NAME =
            Arrays.stream(values()).collect(Collectors.toMap(Verb::typedName, Function.identity()));

    private final String header;
    private final String description;

    Verb(String header, String description) {
        this.header = header;
        this.description = description;
    }

    static Optional<Verb> named(String name) {
        return Optional.ofNullable(BY_NAME.get(name));
    }

    /** As people write it. */
    String typedName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether exit codes below 125 are the program's. */
    boolean becomesProgram() {
        return this == RUN || this == EXEC;
    }

    /** Where picocli's own would hide what is required, or leave out the `--`; else empty. */
    private String synopsis() {
        return switch (this) {
            case RUN -> "--limit SIZE [OPTION…] [--] CMD [ARG…]";
            case EXEC -> "[OPTION…] SESSION [--] CMD [ARG…]";
            case CREATE -> "--limit SIZE [OPTION…]";
            case UPDATE -> "SESSION [--limit SIZE] [--ttl DURATION|none] [OPTION…]";
            case DEBUG -> "page PID [OPTION…]";
            case PS, INSPECT, RM, DEVICES, VERSION, INFO -> "";
        };
    }

    /** What may be typed after it. */
    CommandSpec spec() {
        CommandSpec spec = CommandSpec.create().name(typedName()).addOption(help());
        spec.usageMessage().header(header).description(description);
        if (!synopsis().isEmpty()) {
            spec.usageMessage().customSynopsis("gpuslice " + typedName() + " " + synopsis());
        }
        return switch (this) {
            case RUN ->
                program(opening(spec))
                        .addOption(quiet("No warnings."))
                        .addOption(flag("Keep the session when its last process has ended.", "--keep"))
                        .addPositional(positional("CMD", "0..*", "The program and its arguments."));
            case EXEC ->
                program(spec)
                        .addOption(quiet("No warnings."))
                        .addPositional(positional("SESSION", "0", "Its id, the start of it, or its name."))
                        .addPositional(positional("CMD", "1..*", "The program and its arguments."));
            case CREATE ->
                opening(spec)
                        .addOption(format("table (the id) or json."))
                        .addOption(quiet("No warnings and no hints, the id alone."));
            case INSPECT ->
                showing(spec)
                        .addOption(quiet("The id alone."))
                        .addPositional(positional("SESSION", "0", "Its id, the start of it, or its name."));
            case RM ->
                spec.addOption(flag("End its processes first: SIGTERM, and after 10 s SIGKILL.", "-f", "--force"))
                        .addOption(flag("Do not print the ids of what was ended.", "-q", "--quiet"))
                        .addPositional(positional("SESSION", "0..*", "Ids, starts of them, or names."));
            case PS ->
                showing(spec)
                        .addOption(quiet("Ids alone."))
                        .addOption(flag("Whole commands, also where the terminal is narrower.", "--no-trunc"));
            case UPDATE ->
                showing(spec)
                        .addOption(value("SIZE", "The new limit: " + LIMIT_FORMS, "--limit"))
                        .addOption(value(
                                "DURATION",
                                "From now on: 90s, 2h, 1h30m; or none, for a session without an end.",
                                "--ttl"))
                        .addOption(quiet("The id alone, and no warnings."))
                        .addPositional(positional("SESSION", "0", "Its id, the start of it, or its name."));
            case DEVICES -> showing(spec).addOption(quiet("UUIDs alone."));
            case VERSION -> showing(spec).addOption(quiet("This program's alone; the daemon is not asked."));
            case INFO -> showing(spec).addOption(quiet("No hint where no daemon runs."));
            case DEBUG ->
                showing(spec)
                        .addOption(value(
                                "N",
                                "How many allocations to show, the largest first; " + DebugVerb.USUAL
                                        + " unless told otherwise.",
                                "--top"))
                        .addOption(flag("All of them, up to " + DebugVerb.MOST + ".", "--all"))
                        .addOption(quiet("No notes."))
                        .addPositional(positional("page", "0", "What to look at."))
                        .addPositional(positional("PID", "1", "The process."));
        };
    }

    /**
     * Does it.
     *
     * @return the exit code; RUN and EXEC do not return
     */
    int perform(Context context, ParseResult parsed) throws Failure {
        Typed typed = new Typed(parsed);
        return switch (this) {
            case RUN -> launch(context, typed).run(typed.opening(), typed.is("--keep"), typed.positionals());
            case EXEC -> launch(context, typed).exec(named(typed.positionals(), 1));
            case CREATE -> new SessionVerbs(context).create(typed.opening(), typed.output());
            case PS -> new SessionVerbs(context).ps(typed.output(), typed.is("--no-trunc"));
            case INSPECT ->
                new SessionVerbs(context).inspect(named(typed.positionals(), 1).getFirst(), typed.output());
            case RM ->
                new SessionVerbs(context)
                        .rm(named(typed.positionals(), Integer.MAX_VALUE), typed.is("--force"), typed.is("--quiet"));
            case UPDATE ->
                new SessionVerbs(context)
                        .update(
                                named(typed.positionals(), 1).getFirst(),
                                typed.value("--limit"),
                                typed.value("--ttl"),
                                typed.output());
            case DEVICES -> new AboutVerbs(context).devices(typed.output());
            case VERSION -> new AboutVerbs(context).version(typed.output());
            case INFO -> new AboutVerbs(context).info(typed.output());
            case DEBUG -> {
                List<String> words = typed.positionals();
                yield new DebugVerb(context)
                        .page(
                                words.getFirst(),
                                words.get(1),
                                DebugVerb.top(typed.value("--top"), typed.is("--all")),
                                typed.output());
            }
        };
    }

    /** The words, the first {@code many} of which name sessions: an empty one comes of a variable that is not set. */
    private static List<String> named(List<String> words, int many) throws Failure {
        if (words.stream().limit(many).anyMatch(String::isEmpty)) {
            throw new Failure(Failure.Kind.USAGE, "the name of a session is empty", "`gpuslice ps` lists them");
        }
        return words;
    }

    private static Launch launch(Context context, Typed typed) throws Failure {
        return new Launch(
                context,
                typed.all("--gpus"),
                typed.value(ContextCount.OPTION),
                typed.is("--force"),
                typed.is("--quiet"));
    }

    /** What was typed. */
    private record Typed(ParseResult parsed) {
        boolean is(String flag) {
            return parsed.matchedOptionValue(flag, false);
        }

        Optional<String> value(String option) {
            return Optional.ofNullable(parsed.matchedOptionValue(option, null));
        }

        List<String> all(String option) {
            return parsed.matchedOptionValue(option, List.of());
        }

        /** Of all positional parameters, in order. */
        List<String> positionals() {
            return parsed.matchedPositionals().stream()
                    .flatMap(positional -> positional.stringValues().stream())
                    .toList();
        }

        OpenOptions opening() {
            return new OpenOptions(
                    value("--limit"),
                    value("--name").orElse(""),
                    value("--ttl"),
                    is("--strict"),
                    is("--outside"),
                    is("--quiet"));
        }

        OutputOptions output() {
            return new OutputOptions(parsed.matchedOptionValue("--format", Format.table) == Format.json, is("--quiet"));
        }
    }

    /** Constants as typed. */
    enum Format {
        table,
        json
    }

    static OptionSpec help() {
        return OptionSpec.builder("-h", "--help")
                .usageHelp(true)
                .description("Print this help and exit.")
                .build();
    }

    private static CommandSpec opening(CommandSpec spec) {
        return spec.addOption(value("SIZE", "Required: " + LIMIT_FORMS, "--limit"))
                .addOption(value("NAME", "A name for the session, beside its id.", "--name"))
                .addOption(value("DURATION", "After this long (90s, 2h, 1h30m) new memory is refused.", "--ttl"))
                .addOption(flag("Decide every single allocation in the daemon, and audit every free.", "--strict"))
                .addOption(flag("Inside a session: open another one beside it, instead of refusing.", "--outside"));
    }

    private static CommandSpec program(CommandSpec spec) {
        return spec.addOption(OptionSpec.builder("--gpus")
                        .type(List.class)
                        .auxiliaryTypes(String.class)
                        .splitRegex(",")
                        .paramLabel("GPU")
                        .description("The GPUs the program sees: indexes as nvidia-smi counts, or UUIDs.")
                        .build())
                .addOption(ContextCount.option())
                .addOption(flag("Run it even if it cannot be limited (UNENFORCED), instead of refusing.", "--force"));
    }

    private static CommandSpec showing(CommandSpec spec) {
        return spec.addOption(format("table (for people) or json (sizes in bytes)."));
    }

    private static OptionSpec quiet(String description) {
        return flag(description, "-q", "--quiet");
    }

    private static OptionSpec format(String description) {
        return OptionSpec.builder("--format")
                .type(Format.class)
                .paramLabel("FORMAT")
                .description(description)
                .build();
    }

    private static OptionSpec flag(String description, String... names) {
        return OptionSpec.builder(names[0], Arrays.copyOfRange(names, 1, names.length))
                .type(boolean.class)
                .description(description)
                .build();
    }

    private static OptionSpec value(String label, String description, String name) {
        return OptionSpec.builder(name)
                .type(String.class)
                .paramLabel(label)
                .description(description)
                .build();
    }

    private static PositionalParamSpec positional(String label, String index, String description) {
        boolean many = index.endsWith("*");
        return PositionalParamSpec.builder()
                .index(index)
                .arity(many ? "1..*" : "1")
                .required(true)
                .type(many ? List.class : String.class)
                .auxiliaryTypes(String.class)
                .paramLabel(label)
                .description(description)
                .build();
    }
}

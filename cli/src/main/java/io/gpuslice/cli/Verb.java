// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.cli.views.EventsVerb;
import io.gpuslice.cli.views.LogsVerb;
import io.gpuslice.cli.views.StatsVerb;
import io.gpuslice.cli.views.TopVerb;
import io.gpuslice.cli.views.WaitVerb;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
            "Opens a session and becomes the program: pid, signals, terminal and exit code are the program's own.",
            "gpuslice run --limit 8GB -- python train.py",
            "gpuslice run --limit 0=8GB,1=4GB --name train --ttl 2h -- torchrun --nproc-per-node 2 train.py"),
    EXEC(
            "Runs another program in an existing session.",
            "It shares the session's limit with the programs that are there.",
            "gpuslice exec train -- python evaluate.py"),
    CREATE(
            "Opens a session without a program.",
            "It lasts until `gpuslice rm`; `gpuslice exec` runs programs in it.",
            "gpuslice create --limit 12GB --name team-a"),
    PS(
            "Lists the sessions.",
            "",
            "gpuslice ps --filter state=active --filter name=train*",
            "gpuslice rm $(gpuslice ps -q --filter state=expired)"),
    INSPECT("Shows all about one session.", "", "gpuslice inspect train"),
    UPDATE(
            "Changes the limit or the TTL of a session.",
            "Programs in it go on. Below what they hold, new memory is refused until it fits; nothing is taken away.",
            "gpuslice update train --limit 6GB --ttl 1h"),
    RM("Ends sessions.", "One with living processes is left alone, unless forced.", "gpuslice rm --force train"),
    WAIT(
            "Waits until sessions have ended.",
            "Prints the id of each when it has. Goes on when the daemon is started anew meanwhile. One that has ended"
                    + " already is found by its whole id, as long as the daemon remembers it.",
            "gpuslice wait train && echo done",
            "gpuslice wait --timeout 2h $(gpuslice ps -q)"),
    STATS(
            "Shows what sessions hold and do, over and over.",
            "USED %% is of the device that has least left.",
            "gpuslice stats",
            "gpuslice stats --no-stream --format json | jq .used_percent"),
    TOP(
            "Shows GPUs and sessions on the whole screen.",
            "`?` shows the keys: sort, filter, resize and end sessions, quit.",
            "gpuslice top --interval 2s"),
    EVENTS(
            "Shows what happens, as it happens.",
            "What an event is made of is in docs/audit.md.",
            "gpuslice events --filter operation=deny",
            "gpuslice events train --recent --format json"),
    LOGS(
            "Shows the daemon's log, or what became of a session of late.",
            "Of a session the daemon remembers what happened since its own start, as far as it keeps it; of one that"
                    + " has ended, too, by its whole id.",
            "gpuslice logs -f",
            "gpuslice logs train -n 20"),
    DEVICES("Lists the GPUs.", "", "gpuslice devices"),
    VERSION("Shows the versions of this program and of the daemon.", "", "gpuslice version"),
    INFO("Shows where the daemon is and how it is set up.", "", "gpuslice info --format json"),
    DASHBOARD(
            "Shows the URL of the daemon's dashboard, and opens it.",
            "A browser is opened where there is a display.",
            "gpuslice dashboard",
            "curl $(gpuslice dashboard --print)metrics"),
    DOCTOR(
            "Looks at this machine and says what keeps limits from working, and what to do about it.",
            "Exit code 0 if nothing fails, else 1. It runs a small program under a limit, which starts a daemon where"
                    + " none runs.",
            "gpuslice doctor"),
    COMPLETION(
            "Prints a script that completes what is typed in a shell, names of sessions included.",
            "Into the shell that runs: source <(gpuslice completion bash). For every shell: into the directory where"
                    + " it looks for such scripts; a package puts it there.",
            "gpuslice completion bash > ~/.local/share/bash-completion/completions/gpuslice",
            "gpuslice completion fish > ~/.config/fish/completions/gpuslice.fish"),
    CONFIG(
            "Shows the daemon's settings, and where each of them comes from.",
            "What each means is in docs/configuration.md; `gpusliced --check-config` says all that is wrong with them.",
            "gpuslice config show"),
    CDI(
            "Makes sessions into devices for containers (podman, docker).",
            "Writes a spec of the Container Device Interface, with a device for each session that is open.",
            "gpuslice cdi generate && podman run --device gpuslice.io/slice=SESSION …"),
    DEBUG(
            "Shows the ledger page of a process, for support.",
            "Read from the process itself, also where no daemon answers.",
            "gpuslice debug page 4242 --top 20");

    private static final String LIMIT_FORMS =
            "what the session may hold on each GPU (8GB), of each GPU (50%%), or GPU by GPU (0=8GB,1=4GB).";

    private static final Set<Verb> FOR_HOSTS =
            EnumSet.of(PS, INSPECT, UPDATE, RM, WAIT, STATS, TOP, EVENTS, LOGS, DEVICES);

    private static final Map<String, Verb> BY_NAME =
            Arrays.stream(values()).collect(Collectors.toMap(Verb::typedName, Function.identity()));

    private final String header;
    private final String description;
    /** A line each. */
    private final String examples;

    Verb(String header, String description, String... examples) {
        this.header = header;
        this.description = description;
        this.examples = String.join("\n", examples);
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

    /** Whether it works with a daemon of another machine, too. */
    boolean isForHosts() {
        return FOR_HOSTS.contains(this);
    }

    private String[] footer() {
        List<String> lines = new ArrayList<>(List.of("", examples.contains("\n") ? "Examples:" : "Example:"));
        for (String example : examples.split("\n")) {
            // Where picocli looks for placeholders.
            lines.add("  " + example.replace("%", "%%"));
        }
        return lines.toArray(String[]::new);
    }

    /** Where picocli's own would hide what is required, or leave out the `--`; else empty. */
    private String synopsis() {
        return switch (this) {
            case RUN -> "--limit SIZE [OPTION…] [--] CMD [ARG…]";
            case EXEC -> "[OPTION…] SESSION [--] CMD [ARG…]";
            case CREATE -> "--limit SIZE [OPTION…]";
            case UPDATE -> "SESSION [--limit SIZE] [--ttl DURATION|none] [OPTION…]";
            case CONFIG -> "show [OPTION…]";
            case CDI -> "generate [SESSION…] [--output DIR] [OPTION…]";
            case DEBUG -> "page PID [OPTION…]";
            case WAIT -> "SESSION… [OPTION…]";
            case STATS, EVENTS -> "[SESSION…] [OPTION…]";
            case LOGS -> "[SESSION] [OPTION…]";
            case PS, INSPECT, RM, TOP, DEVICES, VERSION, INFO, DASHBOARD, DOCTOR, COMPLETION -> "";
        };
    }

    /** What may be typed after it. */
    CommandSpec spec() {
        CommandSpec spec = CommandSpec.create().name(typedName()).addOption(help());
        spec.usageMessage().header(header).description(description).footer(footer());
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
                        .addOption(sessionFilter())
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
            case WAIT ->
                spec.addOption(value("DURATION", "Give up after this long (90s, 2h), with exit code 1.", "--timeout"))
                        .addOption(quiet("Neither the ids, nor a note where the daemon goes away meanwhile."))
                        .addPositional(positional("SESSION", "0..*", "Ids, starts of them, or names."));
            case STATS ->
                showing(spec)
                        .addOption(flag("Once, and no more.", "--no-stream"))
                        .addOption(interval())
                        .addOption(sessionFilter())
                        .addPositional(optional("SESSION", "0..*", "Ids, starts of them, or names; else all."));
            case TOP -> spec.addOption(interval()).addOption(sessionFilter());
            case EVENTS ->
                showing(spec)
                        .addOption(flag("Begin with what the daemon still remembers.", "--recent"))
                        .addOption(all(
                                "FIELD=VALUE",
                                "Only where it is so: operation=deny, result=denied, … Several of one field: any.",
                                "--filter"))
                        .addOption(quiet("No note that it begins."))
                        .addPositional(optional("SESSION", "0..*", "Ids, starts of them, or names; else all."));
            case LOGS ->
                showing(spec)
                        .addOption(flag("Go on with what is added.", "-f", "--follow"))
                        .addOption(value(
                                "N",
                                "How much from the end; " + LogsVerb.USUAL + " unless told otherwise.",
                                "-n",
                                "--lines"))
                        .addPositional(optional("SESSION", "0..1", "Its id, the start of it, or its name."));
            case DEVICES -> showing(spec).addOption(quiet("UUIDs alone."));
            case VERSION -> showing(spec).addOption(quiet("This program's alone; the daemon is not asked."));
            case INFO -> showing(spec).addOption(quiet("No hint where no daemon runs."));
            case DASHBOARD -> spec.addOption(flag("Print the URL and do no more.", "--print"));
            case DOCTOR -> showing(spec).addOption(quiet("Only what warns or fails."));
            case COMPLETION -> spec.addPositional(positional("bash|zsh|fish", "0", "The shell."));
            case CONFIG ->
                showing(spec)
                        .addOption(value("FILE", "Read this file instead of the usual ones.", "--config"))
                        .addOption(quiet("No note."))
                        .addPositional(positional("show", "0", "What to do."));
            case CDI ->
                showing(spec)
                        .addOption(value(
                                "DIR", "Where to; else /etc/cdi for root, and ~/.config/cdi for others.", "--output"))
                        .addOption(quiet("The devices' names alone."))
                        .addPositional(positional("generate", "0", "What to do."))
                        .addPositional(optional(
                                "SESSION", "1..*", "Ids, starts of them, or names; else all that are ACTIVE."));
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
            case PS -> new SessionVerbs(context).ps(typed.all("--filter"), typed.output(), typed.is("--no-trunc"));
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
            case WAIT ->
                new WaitVerb(context)
                        .perform(
                                named(typed.positionals(), Integer.MAX_VALUE),
                                typed.value("--timeout"),
                                typed.output());
            case STATS ->
                new StatsVerb(context)
                        .perform(
                                named(typed.positionals(), Integer.MAX_VALUE),
                                typed.all("--filter"),
                                typed.is("--no-stream"),
                                typed.value("--interval"),
                                typed.output());
            case TOP -> new TopVerb(context).perform(typed.all("--filter"), typed.value("--interval"));
            case EVENTS ->
                new EventsVerb(context)
                        .perform(
                                named(typed.positionals(), Integer.MAX_VALUE),
                                typed.all("--filter"),
                                typed.is("--recent"),
                                typed.output());
            case LOGS ->
                new LogsVerb(context)
                        .perform(
                                named(typed.positionals(), 1),
                                typed.value("--lines"),
                                typed.is("--follow"),
                                typed.output());
            case DEVICES -> new AboutVerbs(context).devices(typed.output());
            case VERSION -> new AboutVerbs(context).version(typed.output());
            case INFO -> new AboutVerbs(context).info(typed.output());
            case DASHBOARD -> new DashboardVerb(context).perform(typed.is("--print"));
            case DOCTOR -> new DoctorVerb(context).perform(typed.output());
            case COMPLETION ->
                new CompletionVerb(context).perform(typed.positionals().getFirst(), Main.commandLine());
            case CONFIG ->
                new ConfigVerb(context).show(typed.positionals().getFirst(), typed.value("--config"), typed.output());
            case CDI -> {
                List<String> words = named(typed.positionals(), Integer.MAX_VALUE);
                yield new CdiVerb(context)
                        .perform(
                                words.getFirst(),
                                words.subList(1, words.size()),
                                typed.value("--output"),
                                typed.output());
            }
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

    static OptionSpec value(String label, String description, String... names) {
        return OptionSpec.builder(names[0], Arrays.copyOfRange(names, 1, names.length))
                .type(String.class)
                .paramLabel(label)
                .description(description)
                .build();
    }

    /** One that may be given more than once. */
    private static OptionSpec all(String label, String description, String name) {
        return OptionSpec.builder(name)
                .type(List.class)
                .auxiliaryTypes(String.class)
                .arity("1")
                .paramLabel(label)
                .description(description)
                .build();
    }

    private static OptionSpec sessionFilter() {
        return all(
                "KEY=VALUE",
                "Only sessions of which it is so: id, name (train*), state, uid, device, pid. Several of one key: any.",
                "--filter");
    }

    private static OptionSpec interval() {
        return value("DURATION", "How often to look: 500ms, 2s; each second unless told otherwise.", "--interval");
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

    private static PositionalParamSpec optional(String label, String index, String description) {
        return PositionalParamSpec.builder()
                .index(index)
                .arity("0..*")
                .type(List.class)
                .auxiliaryTypes(String.class)
                .paramLabel(label)
                .description(description)
                .build();
    }
}

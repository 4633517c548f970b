// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.Nearest;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** {@code gpuslice}: reads the command line, and turns what went wrong into a message and an exit code. */
public final class Main {
    private final PrintStream out;
    private final StandardOutput behindOut;
    private final PrintStream err;

    private Main(PrintStream out, StandardOutput behindOut, PrintStream err) {
        this.out = out;
        this.behindOut = behindOut;
        this.err = err;
    }

    /** Does not return: it exits, or has become the program. */
    public static void main(String... arguments) {
        StandardOutput stdout = new StandardOutput();
        PrintStream err = stream(new FileOutputStream(FileDescriptor.err));
        int status = new Main(stream(stdout), stdout, err).execute(arguments);
        // Not System.exit: nothing of ours waits for a shutdown hook, and starting that machinery costs milliseconds.
        Runtime.getRuntime().halt(status);
    }

    private int execute(String... typed) {
        String[] arguments = helpFirst(typed);
        int at = verbAt(arguments);
        Optional<Verb> verb = at == arguments.length ? Optional.empty() : Verb.named(arguments[at]);
        try {
            Context context = Context.ofThisProcess(out, err);
            try {
                // Before all else: `nonsense --help` is no question that has an answer.
                if (verb.isEmpty() && at < arguments.length && !arguments[at].startsWith("-")) {
                    throw noSuchVerb(arguments[at]);
                }
                int status = perform(context, line(verb.map(List::of).orElse(List.of(Verb.values()))), arguments);
                out.flush();
                if (behindOut.failure().isPresent()) {
                    throw behindOut.failure().get();
                }
                return behindOut.readerHasGone() ? ExitCode.READER_GONE : status;
            } catch (ParameterException e) {
                throw usage(e);
            } catch (RuntimeException e) {
                throw new Failure("this should not have happened: " + e, "please report it, with what you typed");
            }
        } catch (Failure failure) {
            Context.say(err, failure.forPeople());
            return failure.exitCode(verb.isPresent() && verb.get().becomesProgram());
        }
    }

    /** `help` and `help VERB` mean `--help` and `VERB --help`. */
    private static String[] helpFirst(String... typed) {
        if (typed.length == 0 || !typed[0].equals("help")) {
            return typed;
        }
        return typed.length == 1 ? new String[] {"--help"} : new String[] {typed[1], "--help"};
    }

    /** Behind the options that say whose daemon is meant. */
    private static int verbAt(String... arguments) {
        int at = 0;
        while (at < arguments.length && arguments[at].startsWith("--")) {
            String option = arguments[at].replaceFirst("=.*", "");
            if (!option.equals(Host.OPTION) && !option.equals(Host.TOKEN_FILE_OPTION)) {
                break;
            }
            at += option.length() == arguments[at].length() ? 2 : 1;
        }
        return Math.min(at, arguments.length);
    }

    private static Failure noSuchVerb(String word) {
        return new Failure(
                Failure.Kind.USAGE,
                "there is no verb \"" + word + "\"",
                didYouMean(
                                word,
                                Arrays.stream(Verb.values())
                                        .map(Verb::typedName)
                                        .toList()) + "see `gpuslice --help`");
    }

    private static String didYouMean(String word, Collection<String> known) {
        return Nearest.to(word, known)
                .map(near -> "did you mean " + near + "? ")
                .orElse("");
    }

    /** All that may be typed. */
    static CommandSpec commandLine() {
        return line(List.of(Verb.values())).getCommandSpec();
    }

    /** The grammar; of the verbs only those that may be meant. */
    private static CommandLine line(List<Verb> verbs) {
        CommandSpec spec = CommandSpec.create().name("gpuslice").addOption(Verb.help());
        spec.addOption(OptionSpec.builder("--version")
                .versionHelp(true)
                .description("Print the version and exit.")
                .build());
        spec.addOption(Verb.value(
                "URL",
                "Ask the daemon that answers HTTP there, not this machine's: http://machine:8747. For verbs about what"
                        + " exists already: ps, inspect, update, rm, wait, stats, top, events, logs, devices.",
                Host.OPTION));
        spec.addOption(
                Verb.value("FILE", "Has that daemon's token; else GPUSLICE_TOKEN is it.", Host.TOKEN_FILE_OPTION));
        spec.version("gpuslice " + AboutVerbs.VERSION);
        spec.usageMessage()
                .synopsisSubcommandLabel("VERB")
                .header("Limits what CUDA programs take of a GPU's memory.", "")
                .description(
                        "",
                        "gpuslice run --limit 8GB -- python train.py",
                        "",
                        "runs a program that cannot take more than 8 GiB of each GPU. No root, no MIG, no change to"
                                + " the program.",
                        "")
                .commandListHeading("Verbs:%n")
                .footer("", "`gpuslice help VERB` explains a verb.");
        for (Verb verb : verbs) {
            spec.addSubcommand(verb.typedName(), verb.spec());
        }
        CommandLine line = new CommandLine(spec);
        line.setExpandAtFiles(false);
        // What follows the program is the program's; what follows a session's name may still be ours.
        line.getSubcommands()
                .forEach((name, of) ->
                        of.setStopAtPositional(Verb.named(name).orElseThrow().becomesProgram()));
        return line;
    }

    private int perform(Context context, CommandLine line, String... arguments) throws Failure {
        line.setColorScheme(CommandLine.Help.defaultColorScheme(context.colourOnOut() ? Ansi.ON : Ansi.OFF));
        line.setOut(new PrintWriter(out, true, StandardCharsets.UTF_8));
        ParseResult parsed = line.parseArgs(arguments);
        Integer helped = CommandLine.executeHelpRequest(parsed);
        if (helped != null) {
            return helped;
        }
        if (!parsed.hasSubcommand()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    "no verb given; there are "
                            + String.join(
                                    ", ",
                                    Arrays.stream(Verb.values())
                                            .map(Verb::typedName)
                                            .toList()),
                    "see `gpuslice --help`");
        }
        ParseResult ofVerb = parsed.subcommand();
        Verb verb = Verb.named(ofVerb.commandSpec().name()).orElseThrow();
        return verb.perform(meant(context, verb, parsed), ofVerb);
    }

    private static Context meant(Context context, Verb verb, ParseResult parsed) throws Failure {
        String host = parsed.matchedOptionValue(Host.OPTION, null);
        if (host == null) {
            return context;
        }
        if (!verb.isForHosts()) {
            throw new Failure(
                    Failure.Kind.USAGE,
                    verb.typedName() + " works on this machine alone, not with " + Host.OPTION,
                    "log in there and run it: ssh MACHINE gpuslice " + verb.typedName() + " …");
        }
        return context.at(
                Host.of(context, host, Optional.ofNullable(parsed.matchedOptionValue(Host.TOKEN_FILE_OPTION, null))));
    }

    private static Failure usage(ParameterException exception) {
        CommandLine command = exception.getCommandLine();
        String next = "see `" + command.getCommandSpec().qualifiedName() + " --help`";
        if (exception instanceof MissingParameterException missing
                && !missing.getMissing().isEmpty()) {
            return new Failure(
                    Failure.Kind.USAGE,
                    "missing: " + missing.getMissing().getFirst().paramLabel(),
                    next);
        }
        if (!(exception instanceof UnmatchedArgumentException unmatched)) {
            return new Failure(Failure.Kind.USAGE, String.valueOf(exception.getMessage()), next);
        }
        String word = unmatched.getUnmatched().getFirst();
        if (word.startsWith(Host.OPTION) || word.startsWith(Host.TOKEN_FILE_OPTION)) {
            return new Failure(
                    Failure.Kind.USAGE,
                    word + " stands before the verb",
                    "gpuslice " + Host.OPTION + " URL "
                            + command.getCommandSpec().name() + " …");
        }
        return word.startsWith("-")
                ? new Failure(
                        Failure.Kind.USAGE,
                        "there is no option \"" + word + "\"",
                        didYouMean(word, command.getCommandSpec().optionsMap().keySet()) + next)
                : new Failure(Failure.Kind.USAGE, "\"" + word + "\" is one argument too many", next);
    }

    private static PrintStream stream(OutputStream to) {
        return new PrintStream(to, true, StandardCharsets.UTF_8);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.config.Nearest;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
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
    private final PrintStream err;

    private Main(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    /** Does not return: it exits, or has become the program. */
    public static void main(String... arguments) {
        PrintStream out = stream(FileDescriptor.out);
        PrintStream err = stream(FileDescriptor.err);
        int status = new Main(out, err).execute(arguments);
        out.flush();
        // Not System.exit: nothing of ours waits for a shutdown hook, and starting that machinery costs milliseconds.
        Runtime.getRuntime().halt(status);
    }

    private int execute(String... arguments) {
        Optional<Verb> verb = arguments.length == 0 ? Optional.empty() : Verb.named(arguments[0]);
        try {
            Context context = Context.ofThisProcess(out, err);
            try {
                return perform(context, line(verb.map(List::of).orElse(List.of(Verb.values()))), arguments);
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

    /** The grammar; of the verbs only those that may be meant. */
    private static CommandLine line(List<Verb> verbs) {
        CommandSpec spec = CommandSpec.create().name("gpuslice").addOption(Verb.help());
        spec.addOption(OptionSpec.builder("--version")
                .versionHelp(true)
                .description("Print the version and exit.")
                .build());
        spec.version("gpuslice " + AboutVerbs.VERSION);
        spec.usageMessage()
                .synopsisSubcommandLabel("VERB")
                .header("Limits what CUDA programs take of a GPU's memory.", "")
                .description(
                        "",
                        "gpuslice run --limit 8GB -- python train.py",
                        "",
                        "runs a program that cannot take more than 8 GiB of each GPU. No root, no MIG, no change to the program.",
                        "")
                .commandListHeading("Verbs:%n")
                .footer("", "`gpuslice VERB --help` explains a verb.");
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
        return Verb.named(ofVerb.commandSpec().name()).orElseThrow().perform(context, ofVerb);
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
        boolean option = word.startsWith("-");
        Collection<String> known = option
                ? command.getCommandSpec().optionsMap().keySet()
                : command.getSubcommands().keySet();
        String what = (option ? "there is no option " : "there is no verb ") + "\"" + word + "\"";
        return new Failure(
                Failure.Kind.USAGE,
                !option && known.isEmpty() ? "\"" + word + "\" is one argument too many" : what,
                Nearest.to(word, known)
                                .map(near -> "did you mean " + near + "? ")
                                .orElse("")
                        + next);
    }

    private static PrintStream stream(FileDescriptor descriptor) {
        return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
    }
}

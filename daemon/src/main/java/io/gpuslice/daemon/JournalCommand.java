// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import io.gpuslice.config.DaemonArguments;
import io.gpuslice.config.InvalidValueException;
import io.gpuslice.config.Locations;
import io.gpuslice.config.Settings;
import io.gpuslice.linux.PrivateDirectory;
import io.gpuslice.linux.Procfs;
import io.gpuslice.persistence.OfflineState;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;

/** {@code gpusliced journal …}: looks at the state that no daemon is using, copies it out, or mends it. */
final class JournalCommand {

    static final String NAME = "journal";

    private static final int OK = 0;
    private static final int DAMAGED = 1;

    private static final String USAGE = """
            Usage: gpusliced journal verify|export|repair [--state-dir DIRECTORY]
            What a daemon that is stopped has written down.

              verify
                  Say what can be read and what cannot. Changes nothing. Exit code 1: not all of it can.
              export
                  Print every event that can be read as a line of JSON. Changes nothing. Exit code 1: that is not all.
              repair
                  Keep what can be read, so that the daemon can start, and say what is dropped. Sessions whose books are
                  not whole are closed: their programs keep what they have. What was there is kept in the directory
                  damaged-TIME beside it.

            All flags, variables and files of gpusliced count here, too.
            """;

    private JournalCommand() {}

    /**
     * Does what the arguments behind {@code journal} say.
     *
     * @return the exit code
     * @throws InvalidValueException if they make no sense
     */
    static int run(String[] arguments, PrintStream out) throws IOException {
        String verb = arguments.length == 0 ? "" : arguments[0];
        if (verb.equals("--help") || verb.equals("-h")) {
            out.print(USAGE);
            return OK;
        }
        if (!verb.matches("verify|export|repair")) {
            throw new InvalidValueException("journal "
                    + (verb.isEmpty() ? "needs one of" : "cannot " + verb + ", but")
                    + " verify, export and repair; `gpusliced journal --help` says what they do");
        }
        DaemonArguments given = DaemonArguments.parse(Arrays.copyOfRange(arguments, 1, arguments.length));
        if (given.help()) {
            out.print(USAGE);
            return OK;
        }
        Locations locations = new Locations(System.getenv(), PrivateDirectory.uid());
        Settings settings = Settings.load(locations, given.settings(), given.file());
        try (OfflineState state = OfflineState.open(settings.stateDirectory(), Procfs.bootId())) {
            return switch (verb) {
                case "verify" -> state.verify(out::println) ? OK : DAMAGED;
                case "export" -> {
                    state.export(out::println);
                    yield state.verify(_ -> {}) ? OK : DAMAGED;
                }
                default -> {
                    state.repair(out::println);
                    yield OK;
                }
            };
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import io.gpuslice.linux.ElfInspector;
import io.gpuslice.linux.Exec;
import io.gpuslice.linux.Inspection;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A program that is to be run.
 *
 * @param file to execute
 * @param arguments byte for byte as typed, the program's name first
 */
record Program(Path file, List<byte[]> arguments) {
    private static final byte[] SHELL = "/bin/sh".getBytes(StandardCharsets.US_ASCII);

    private static final String SHEBANG = "#!";
    /** As far as a shell looks to tell a script from a binary. */
    private static final int LOOKED_AT = 128;

    /**
     * Whether a limit can be put on it.
     *
     * @param refusal empty: it can
     * @param preloadHarmless whether the library may be preloaded all the same, for the programs that this one starts
     */
    record Verdict(Optional<Failure> refusal, boolean preloadHarmless) {}

    /**
     * Looks for the program as execvp(3) does, a script without {@code #!} included.
     *
     * @param command as typed last on the command line
     * @throws Failure NOT_FOUND or NOT_EXECUTABLE
     */
    static Program find(Context context, List<String> command) throws Failure {
        Path file = ProgramPath.find(command.getFirst(), context.path());
        try {
            List<byte[]> arguments = Exec.arguments(command.size());
            if (!isPlainScript(file)) {
                return new Program(file, arguments);
            }
            List<byte[]> forShell = new ArrayList<>(arguments);
            forShell.set(0, bytes(file));
            forShell.addFirst(SHELL);
            return new Program(Path.of("/bin/sh"), forShell);
        } catch (IOException e) {
            throw new Failure("cannot read this process's arguments: " + e.getMessage(), "is /proc mounted?");
        }
    }

    byte[] path() {
        return bytes(file);
    }

    Verdict inspect(Path library) {
        if (!Files.isReadable(library)) {
            return new Verdict(
                    Optional.of(new Failure(
                            "the library that keeps the limit, " + library + ", is missing or may not be read",
                            Context.INSTALL_ANEW + "; or --force to run the program without a limit")),
                    false);
        }
        return switch (ElfInspector.inspect(path())) {
            case Inspection.Enforceable _ -> new Verdict(Optional.empty(), true);
            case Inspection.Unenforceable(Inspection.Reason reason, String text) -> verdict(reason, ofThis(text));
        };
    }

    /** What is wrong with a script is wrong with its interpreter, which says little without the line that names it. */
    private String ofThis(String text) {
        return head(file)
                .filter(head -> head.startsWith(SHEBANG))
                .flatMap(head -> head.lines().findFirst())
                .map(line -> file + " begins with " + line + ", and " + text)
                .orElse(text);
    }

    @Override
    public String toString() {
        return file.toString();
    }

    private static Verdict verdict(Inspection.Reason reason, String text) {
        return switch (reason) {
            case NOT_A_PROGRAM, MALFORMED ->
                new Verdict(Optional.of(new Failure(Failure.Kind.NOT_EXECUTABLE, text, "name a program")), false);
            // What such a program starts may well be limited, and to itself the variable means nothing.
            case STATIC, PRIVILEGED -> new Verdict(Optional.of(unlimitable(text)), true);
            // Their loaders would try to load the library, and fail or complain.
            case FOREIGN, FOREIGN_LOADER -> new Verdict(Optional.of(unlimitable(text)), false);
        };
    }

    private static Failure unlimitable(String text) {
        return new Failure(
                "this program cannot be limited: " + text,
                "run a dynamically linked build of it for this machine, or --force to run it without a limit");
    }

    // Text, but neither ELF nor #!: the kernel refuses it, and execvp(3) and every shell hand it to /bin/sh.
    private static boolean isPlainScript(Path file) {
        return head(file)
                .filter(head -> !head.startsWith(SHEBANG) && head.indexOf('\0') < 0)
                .isPresent();
    }

    /** Each byte as one character; empty where it is executable but not readable: the inspection says so. */
    private static Optional<String> head(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return Optional.of(new String(in.readNBytes(LOOKED_AT), StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static byte[] bytes(Path path) {
        return path.toString().getBytes(StandardCharsets.UTF_8);
    }
}

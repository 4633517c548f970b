// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Finds a program as execvp(3) does, but before there is a session, so that a typing error opens none. */
final class ProgramPath {
    /** What glibc takes where PATH is unset. */
    private static final String DEFAULT_PATH = "/bin:/usr/bin";

    /** Stands where bytes were no UTF-8. */
    private static final char NO_UTF8 = '\uFFFD';

    private ProgramPath() {}

    /**
     * The file to execute; not made absolute, as a program may look at how it was called.
     *
     * @param name as typed: with a slash it is a path, else it is looked for
     * @param path value of PATH; an empty entry means the current directory
     * @throws Failure NOT_FOUND, or NOT_EXECUTABLE if all that was found may not be executed
     */
    static Path find(String name, String path) throws Failure {
        if (name.indexOf(NO_UTF8) >= 0) {
            // It could be executed, but the class library has no name for it to look at it before.
            throw new Failure(
                    Failure.Kind.NOT_EXECUTABLE,
                    "the name of program " + name + " is not UTF-8, and it cannot be inspected",
                    "rename it, or start it by a script of another name");
        }
        return name.indexOf('/') >= 0 ? direct(name) : search(name, path);
    }

    /** PATH, or what stands for it. */
    static String orDefault(String path) {
        return path.isEmpty() ? DEFAULT_PATH : path;
    }

    private static Path direct(String name) throws Failure {
        Path file = Path.of(name);
        if (!Files.exists(file)) {
            throw absent(file);
        }
        requireExecutable(file);
        return file;
    }

    /** Why a path leads to nothing. */
    private static Failure absent(Path file) {
        try {
            return new Failure(
                    Failure.Kind.NOT_FOUND, "program " + file.toRealPath() + " cannot be found", "try again");
        } catch (NoSuchFileException e) {
            return new Failure(
                    Failure.Kind.NOT_FOUND,
                    "program " + file
                            + (Files.isSymbolicLink(file) ? " is a symbolic link to nothing" : " does not exist"),
                    "check the path after `--`");
        } catch (IOException e) {
            // A loop of symbolic links, a file in the place of a directory, a directory that may not be entered.
            return new Failure(
                    Failure.Kind.NOT_EXECUTABLE,
                    "the program cannot be reached: " + e.getMessage(),
                    "check the path after `--`");
        }
    }

    private static Path search(String name, String path) throws Failure {
        Path refused = null;
        for (String directory : path.split(":", -1)) {
            Path file = directory.isEmpty() ? Path.of("./" + name) : Path.of(directory, name);
            if (!name.isEmpty() && Files.isRegularFile(file)) {
                if (Files.isExecutable(file)) {
                    return file;
                }
                refused = refused == null ? file : refused;
            }
        }
        if (refused != null) {
            requireExecutable(refused);
        }
        throw new Failure(
                Failure.Kind.NOT_FOUND,
                "program \"" + name + "\" is not in any directory of PATH (" + path + ")",
                "write its path, or check the spelling; options of gpuslice stand before the program");
    }

    private static void requireExecutable(Path file) throws Failure {
        if (Files.isDirectory(file)) {
            throw new Failure(Failure.Kind.NOT_EXECUTABLE, file + " is a directory", "name a program in it");
        }
        if (!Files.isExecutable(file)) {
            throw new Failure(
                    Failure.Kind.NOT_EXECUTABLE,
                    file + " may not be executed by you",
                    "chmod +x it, or start it by its interpreter");
        }
    }
}

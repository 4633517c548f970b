// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** How programs are started where the kernel shows them another machine. What is started ends with its starter. */
final class Namespaces {
    private Namespaces() {}

    /** Ends the test where the kernel does not let us: that takes root, and a kernel with namespaces. */
    static void need() {
        Needs.that(
                succeeds("unshare", "--mount", "--pid", "--fork", "true"),
                "namespaces are forbidden here; run as root, in a container with --privileged");
    }

    /** In a life of the machine that the file names. */
    static List<String> inBoot(Path bootId) {
        return List.of(
                "unshare",
                "--mount",
                "sh",
                "-c",
                "mount --bind '" + bootId + "' /proc/sys/kernel/random/boot_id && exec \"$@\"",
                "sh");
    }

    /** As the first process of a pid namespace. */
    static List<String> inPidNamespace() {
        return List.of("unshare", "--pid", "--fork", "--mount-proc", "--kill-child");
    }

    /** The pid, as it is seen here, of the first process of a namespace begun by {@link #inPidNamespace}. */
    static long firstOf(Guest starter) {
        return ProcessHandle.of(starter.pid())
                .flatMap(unshare -> unshare.children().findFirst())
                .orElseThrow()
                .pid();
    }

    /** In the pid namespace begun by {@link #inPidNamespace}. */
    static List<String> beside(Guest starter) {
        return List.of("nsenter", "--target", Long.toString(firstOf(starter)), "--pid", "--mount");
    }

    private static boolean succeeds(String... command) {
        try {
            return new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}

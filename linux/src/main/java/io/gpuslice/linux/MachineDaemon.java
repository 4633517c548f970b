// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Whose daemon serves the machine, besides one of root's: the user to whom root gave the directory of the machine's
 * socket. Nobody else can have made it, so that its owner is root's word. {@code transport.c} of the interposer knows the
 * same rule.
 */
public final class MachineDaemon {
    private MachineDaemon() {}

    /**
     * Whether it is that user's.
     *
     * @param directory of the machine's socket, in one that is root's alone
     */
    public static boolean isOf(int uid, Path directory) {
        try {
            return Files.isDirectory(directory, NOFOLLOW_LINKS)
                    && Files.getAttribute(directory, "unix:uid", NOFOLLOW_LINKS).equals(uid);
        } catch (IOException e) {
            return false;
        }
    }
}

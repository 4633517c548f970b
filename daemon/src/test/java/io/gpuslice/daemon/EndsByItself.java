// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon;

import java.io.IOException;
import java.io.UncheckedIOException;

/** The daemon, with something in it that ends the process when nothing more comes on standard input. */
final class EndsByItself {
    private EndsByItself() {}

    public static void main(String[] arguments) {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                System.in.readAllBytes();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            System.exit(0);
        });
        Main.main(arguments);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where {@code make build} left things. The root is the system property {@code gpuslice.root}, else found upwards. */
record Tree(Path root) {
    static Tree find() {
        String given = System.getProperty("gpuslice.root");
        Path start = Path.of(given != null ? given : "").toAbsolutePath().normalize();
        for (Path dir = start; dir != null; dir = dir.getParent()) {
            if (Files.isRegularFile(dir.resolve("interposer/include/gpuslice_abi.h"))) {
                return new Tree(dir).checked();
            }
        }
        throw new IllegalStateException("no gpuslice checkout at or above " + start + ": set -Dgpuslice.root");
    }

    private Tree checked() {
        for (Path needed : new Path[] {bin("gpuslice"), bin("gpusliced"), library(), program("fill")}) {
            if (!Files.exists(needed)) {
                throw new IllegalStateException(needed + " is missing: run `make build` first");
            }
        }
        return this;
    }

    Path bin(String name) {
        return product().resolve("bin").resolve(name);
    }

    Path product() {
        return root.resolve("build/gpuslice");
    }

    Path library() {
        return product().resolve("lib/libgpuslice.so");
    }

    Path fakecuda() {
        return root.resolve("build/fakecuda");
    }

    /** A guest of {@code it/programs}. */
    Path program(String name) {
        return root.resolve("build/programs").resolve(name);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A library of the driver's as programs find it.
 *
 * @param file links not followed
 */
record CudaLibrary(Path file) {
    /** The simulated driver reads its settings from variables that begin so. */
    private static final String SIMULATED = "FAKECUDA_";

    /** The simulated ones are far below it, NVIDIA's libcuda far above: not all of that is read. */
    private static final long LARGEST_SIMULATED = 4 << 20;

    private static final Pattern VERSION = Pattern.compile("\\.so\\.(\\d+\\.[\\d.]+)$");

    static Optional<CudaLibrary> find(Machine machine, String name) throws IOException {
        return new LoaderSearch(machine).find(name).map(CudaLibrary::new);
    }

    boolean isSimulated() throws IOException {
        return Files.size(file) < LARGEST_SIMULATED
                && Files.readString(file, StandardCharsets.ISO_8859_1).contains(SIMULATED);
    }

    /** The toolkit's stand-in for linking: it has every function, and none of them does anything. */
    boolean isStub() throws IOException {
        return file.toRealPath().toString().contains("/stubs/");
    }

    /** The driver's, which its file is named by: {@code libcuda.so.550.54.14}. */
    Optional<String> version() throws IOException {
        Matcher name = VERSION.matcher(file.toRealPath().toString());
        return name.find() ? Optional.of(name.group(1)) : Optional.empty();
    }

    @Override
    public String toString() {
        return file.toString();
    }
}

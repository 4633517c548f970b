// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** stdout, which remembers that it could not be written to: the PrintStream in front of it keeps that to itself. */
final class StandardOutput extends OutputStream {
    /** The text of EPIPE. */
    private static final String BROKEN_PIPE = "Broken pipe";

    private final OutputStream descriptor = new FileOutputStream(FileDescriptor.out);
    private @Nullable IOException failure;

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        try {
            descriptor.write(bytes, offset, length);
        } catch (IOException e) {
            failure = failure == null ? e : failure;
            throw e;
        }
    }

    /** Whether whoever read it has read enough, as {@code head} does: that is no failure. */
    boolean readerHasGone() {
        return failure != null && BROKEN_PIPE.equals(failure.getMessage());
    }

    /** That something is missing in what was written. */
    Optional<Failure> failure() {
        return failure == null || readerHasGone()
                ? Optional.empty()
                : Optional.of(new Failure("cannot write to standard output: " + failure.getMessage(), ""));
    }
}

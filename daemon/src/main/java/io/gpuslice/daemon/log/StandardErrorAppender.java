// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.log;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;

/**
 * Writes to standard error. Where that is a file which nobody else looks after, the file is bounded: from
 * {@value #MOST_BYTES} bytes on it is copied to {@code FILE.1}, in place of an earlier one, and emptied. It is not renamed,
 * because the JVM and the shell that started it have it open as well.
 */
public final class StandardErrorAppender extends ConsoleAppender<ILoggingEvent> {

    static final long MOST_BYTES = 16 << 20;

    private static final Duration BETWEEN_ATTEMPTS = Duration.ofMinutes(1);

    private Optional<Path> file = Optional.empty();
    private long failedAt = System.nanoTime() - BETWEEN_ATTEMPTS.toNanos();

    /** Made by logback, from logback.xml. */
    public StandardErrorAppender() {
        setTarget("System.err");
    }

    /** Called by logback; empty: what standard error is is not to be bounded. */
    public void setFile(String path) {
        file = path.isEmpty() ? Optional.empty() : Optional.of(Path.of(path));
    }

    @Override
    protected void append(ILoggingEvent event) {
        super.append(event);
        file.ifPresent(this::bound);
    }

    private void bound(Path path) {
        if (System.nanoTime() - failedAt < BETWEEN_ATTEMPTS.toNanos()) {
            return;
        }
        try {
            if (Files.size(path) >= MOST_BYTES) {
                Files.copy(path, path.resolveSibling(path.getFileName() + ".1"), StandardCopyOption.REPLACE_EXISTING);
                FileChannel.open(path, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)
                        .close();
            }
        } catch (IOException e) {
            failedAt = System.nanoTime();
            addError("the log " + path + " cannot be begun anew, and grows", e);
        }
    }
}

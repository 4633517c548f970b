// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.daemon.audit;

import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.actors.telemetry.Timing;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes every occurrence to a file, on a thread of its own: whoever says it waits for no lock and no disk. While the
 * disk is full, lines wait; when no more of them can be kept, they are counted, and the count is a line as soon as there
 * is room.
 */
public final class AuditLog implements Telemetry, AutoCloseable {
    /** Lines that may wait: about 20 MB of memory, and the time for a burst to pass. */
    static final int MOST_WAITING = 1 << 16;

    private static final Logger LOG = LoggerFactory.getLogger(AuditLog.class);

    /** Lines in one write: a write is what a rotation or a reopening waits for. */
    private static final int BATCH = 512;

    /** So long an idle writer looks by itself, so that under load nobody who says something has to wake it. */
    private static final Duration NAP = Duration.ofMillis(10);

    private static final Duration BETWEEN_ATTEMPTS = Duration.ofMillis(250);
    private static final Duration BETWEEN_ROTATIONS_THAT_FAIL = Duration.ofMinutes(1);
    private static final Duration BETWEEN_LOSSES_SAID = Duration.ofSeconds(1);
    private static final Duration BETWEEN_WARNINGS = Duration.ofMinutes(1);
    private static final Duration LONGEST_STOP = Duration.ofSeconds(2);

    private final Path path;
    private volatile long maxSize;
    private final Thread writer;

    private final Queue<Occurrence> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicLong lost = new AtomicLong();
    private volatile boolean asleep;
    private volatile boolean reopen;
    private volatile boolean stopping;
    private volatile boolean closing;
    private volatile long closeBy = Long.MAX_VALUE;

    // The writer's own.
    private final AuditLines lines = new AuditLines();
    private AuditFile file;
    private long lossesSaid;
    private long lossesSaidAt = System.nanoTime() - BETWEEN_LOSSES_SAID.toNanos();
    private long lossesWarnedAt = System.nanoTime() - BETWEEN_WARNINGS.toNanos();
    private long rotationFailedAt = System.nanoTime() - BETWEEN_ROTATIONS_THAT_FAIL.toNanos();
    private long unwritten;
    private boolean failing;

    private AuditLog(Path path, long maxSize, AuditFile file) {
        this.path = path;
        this.maxSize = maxSize;
        this.file = file;
        writer = Thread.ofPlatform().daemon().name("gpuslice-audit").unstarted(this::run);
    }

    /**
     * Opens the file and says that the daemon has started.
     *
     * @param maxSize bytes from which on the file is renamed and begun anew; 0: never
     * @param version the daemon's
     * @throws IOException if it cannot be written; the message says what to do
     */
    public static AuditLog open(Path path, long maxSize, String version) throws IOException {
        AuditLog log = new AuditLog(path, maxSize, AuditFile.open(path));
        log.lines.add(OwnOperation.START, Map.of(AuditField.DETAIL.toString(), version));
        log.writer.setUncaughtExceptionHandler(
                (thread, defect) -> LOG.error("a defect has ended the audit log; restart the daemon", defect));
        log.writer.start();
        return log;
    }

    @Override
    public void happened(Occurrence occurrence) {
        if (waiting.incrementAndGet() > MOST_WAITING) {
            waiting.decrementAndGet();
            lost.incrementAndGet();
            return;
        }
        queue.add(occurrence);
        if (asleep) {
            LockSupport.unpark(writer);
        }
    }

    @Override
    public void took(Timing what, long nanos) {
        // Of no interest here.
    }

    /** Lines given up since the start. */
    public long lost() {
        return lost.get();
    }

    /** Writes what was said before to the file that is open, and then opens the one that has the name now. */
    public void reopen() {
        reopen = true;
        LockSupport.unpark(writer);
    }

    /** Bytes from which on the file is renamed and begun anew, from now on; 0: never. */
    public void maxSize(long bytes) {
        maxSize = bytes;
    }

    /** Somebody has told the daemon to stop: {@link #close} says that it has. */
    public void stopping() {
        stopping = true;
    }

    /** Writes what was said before; gives up after two seconds of a full disk. */
    @Override
    public void close() {
        closeBy = System.nanoTime() + LONGEST_STOP.toNanos();
        closing = true;
        LockSupport.unpark(writer);
        try {
            if (!writer.join(LONGEST_STOP.multipliedBy(2))) {
                LOG.error("the disk of the audit log {} does not answer: its last lines may be missing", path);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        boolean last;
        do {
            // Asked first: what was said before close() is taken below.
            last = closing;
            boolean idle = !take();
            sayLosses(last);
            write(lines.take());
            reopenIfTold();
            rotateIfLarge();
            if (idle && !last) {
                rest();
            }
        } while (!last || !queue.isEmpty());
        if (stopping) {
            lines.add(OwnOperation.STOP, Map.of());
            write(lines.take());
        }
        close(file);
        if (unwritten > 0) {
            LOG.error("{} lines of the audit log {} could not be written before the end", unwritten, path);
        }
    }

    private boolean take() {
        for (int taken = 0; taken < BATCH; taken++) {
            Occurrence next = queue.poll();
            if (next == null) {
                return taken > 0;
            }
            waiting.decrementAndGet();
            lines.add(next);
        }
        return true;
    }

    private void sayLosses(boolean now) {
        long count = lost.get() - lossesSaid;
        if (count == 0 || !(now || since(lossesSaidAt).compareTo(BETWEEN_LOSSES_SAID) >= 0)) {
            return;
        }
        lossesSaid += count;
        lossesSaidAt = System.nanoTime();
        lines.add(OwnOperation.LOST, Map.of("count", count));
        LOG.warn("{} lines of the audit log {} were lost: it could not be written as fast as it grew", count, path);
    }

    private void write(ByteBuffer bytes) {
        while (bytes.hasRemaining()) {
            try {
                file.write(bytes);
                if (failing) {
                    failing = false;
                    LOG.info("the audit log {} is written again", path);
                }
            } catch (IOException e) {
                if (!failing) {
                    failing = true;
                    LOG.warn(
                            "the audit log {} cannot be written: {}; it is tried again and again, and {} lines are "
                                    + "kept meanwhile: make room there",
                            path,
                            e.getMessage(),
                            MOST_WAITING);
                }
                warnOfLosses();
                if (System.nanoTime() - closeBy >= 0) {
                    unwritten += AuditLines.count(bytes);
                    return;
                }
                LockSupport.parkNanos(this, BETWEEN_ATTEMPTS.toNanos());
                if (reopenIfTold()) {
                    AuditLines.backToStartOfLine(bytes);
                }
            }
        }
    }

    /** There is no line for them yet, and may be none for hours. */
    private void warnOfLosses() {
        long count = lost.get() - lossesSaid;
        if (count > 0 && since(lossesWarnedAt).compareTo(BETWEEN_WARNINGS) >= 0) {
            lossesWarnedAt = System.nanoTime();
            LOG.warn(
                    "{} lines of the audit log {} are lost already, and no more can be kept: make room there",
                    count,
                    path);
        }
    }

    /** Whether the file is another one now. */
    private boolean reopenIfTold() {
        if (!reopen) {
            return false;
        }
        reopen = false;
        try {
            open();
            LOG.info("audit log {} opened anew", path);
            return true;
        } catch (IOException e) {
            LOG.error("{}; until then it goes on in the file that was open", e.getMessage());
            return false;
        }
    }

    private void rotateIfLarge() {
        if (maxSize == 0 || since(rotationFailedAt).compareTo(BETWEEN_ROTATIONS_THAT_FAIL) < 0) {
            return;
        }
        try {
            if (file.size() >= maxSize) {
                AuditFile.rename(path);
                open();
            }
        } catch (IOException e) {
            rotationFailedAt = System.nanoTime();
            LOG.error("the audit log {} cannot be begun anew, and grows: {}", path, e.getMessage());
        }
    }

    private void open() throws IOException {
        AuditFile fresh = AuditFile.open(path);
        close(file);
        file = fresh;
    }

    private void close(AuditFile done) {
        try {
            done.close();
        } catch (IOException e) {
            LOG.warn("the end of the audit log {} may not be on the disk: {}", path, e.getMessage());
        }
    }

    private void rest() {
        LockSupport.parkNanos(this, NAP.toNanos());
        asleep = true;
        if (queue.isEmpty() && lost.get() == lossesSaid && !reopen && !closing) {
            LockSupport.park(this);
        }
        asleep = false;
    }

    private static Duration since(long nanoTime) {
        return Duration.ofNanos(System.nanoTime() - nanoTime);
    }
}

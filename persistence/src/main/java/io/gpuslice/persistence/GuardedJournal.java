// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.typesafe.config.Config;
import io.gpuslice.actors.telemetry.Timing;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.apache.pekko.persistence.AtomicWrite;
import org.apache.pekko.persistence.journal.leveldb.LeveldbJournal;
import scala.collection.immutable.Seq;
import scala.concurrent.Future;
import scala.concurrent.Future$;
import scala.runtime.BoxedUnit;
import scala.util.Try;

/**
 * The LevelDB journal, kept away from a full disk. LevelDB writes through mapped memory, and on a full disk such a write
 * is no error but a SIGBUS, which ends the whole daemon. So there must always be {@link DiskSpace#FOR_JOURNALS} bytes left;
 * with less, writes fail with a reason, and work again as soon as there is room.
 */
// Deprecated in favour of databases of other machines; this one is to live in a directory.
@SuppressWarnings("deprecation")
public final class GuardedJournal extends LeveldbJournal {

    /** In so short a time no daemon fills what must be left. */
    private static final Duration BETWEEN_LOOKS = Duration.ofMillis(10);

    private final Path directory;
    private final DiskSpace disk;
    private final JournalSetup setup;
    private long lookedAt = System.nanoTime() - BETWEEN_LOOKS.toNanos();

    /** @param config of this journal; made by the actor system, which has a {@link JournalSetup} */
    public GuardedJournal(Config config) {
        super(config);
        directory = Path.of(config.getString("dir"));
        disk = new DiskSpace(directory, DiskSpace.FOR_JOURNALS);
        setup = context().system().settings().setup().get(JournalSetup.class).orElseThrow();
    }

    @Override
    public Future<Seq<Try<BoxedUnit>>> asyncWriteMessages(Seq<AtomicWrite> messages) {
        long begun = System.nanoTime();
        if (begun - lookedAt >= BETWEEN_LOOKS.toNanos()) {
            try {
                disk.check();
                lookedAt = begun;
            } catch (IOException e) {
                // No failed write to remember: whoever asks how the journal is looks at the disk.
                return Future$.MODULE$.failed(e);
            }
        }
        setup.health().begins(directory);
        // Despite its name it returns when LevelDB has written.
        Future<Seq<Try<BoxedUnit>>> written = super.asyncWriteMessages(messages);
        Try<Seq<Try<BoxedUnit>>> result = written.value().get();
        if (result.isSuccess()) {
            setup.health().succeeded(directory);
        } else {
            setup.health().failed(directory, result.failed().get());
        }
        setup.telemetry().took(Timing.JOURNAL_WRITE, System.nanoTime() - begun);
        return written;
    }
}

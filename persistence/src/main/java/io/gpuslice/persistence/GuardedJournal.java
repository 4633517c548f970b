// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.typesafe.config.Config;
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

    private final DiskSpace disk;
    private long lookedAt = System.nanoTime() - BETWEEN_LOOKS.toNanos();

    /** @param config of this journal; made by the actor system */
    public GuardedJournal(Config config) {
        super(config);
        disk = new DiskSpace(Path.of(config.getString("dir")), DiskSpace.FOR_JOURNALS);
    }

    @Override
    public Future<Seq<Try<BoxedUnit>>> asyncWriteMessages(Seq<AtomicWrite> messages) {
        long now = System.nanoTime();
        if (now - lookedAt >= BETWEEN_LOOKS.toNanos()) {
            try {
                disk.check();
                lookedAt = now;
            } catch (IOException e) {
                return Future$.MODULE$.failed(e);
            }
        }
        return super.asyncWriteMessages(messages);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.typesafe.config.Config;
import io.gpuslice.actors.telemetry.Timing;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Predicate;
import org.apache.pekko.persistence.AtomicWrite;
import org.apache.pekko.persistence.journal.leveldb.LeveldbJournal;
import org.apache.pekko.persistence.serialization.MessageFormats.PersistentMessage;
import org.apache.pekko.protobufv3.internal.InvalidProtocolBufferException;
import scala.collection.immutable.Seq;
import scala.concurrent.Future;
import scala.concurrent.Future$;
import scala.jdk.javaapi.CollectionConverters;
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
    private final Marks marks;
    /** Why nothing can be written any more; empty: it can. */
    private String stuck = "";

    private long lookedAt = System.nanoTime() - BETWEEN_LOOKS.toNanos();

    /** @param config of this journal; made by the actor system, which has a {@link JournalSetup} */
    public GuardedJournal(Config config) {
        super(config);
        directory = Path.of(config.getString("dir"));
        disk = new DiskSpace(directory, DiskSpace.FOR_JOURNALS);
        marks = openMarks(directory.resolveSibling(Marks.NAME));
        setup = context().system().settings().setup().get(JournalSetup.class).orElseThrow();
    }

    private static Marks openMarks(Path file) {
        try {
            return Marks.open(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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
        Future<Seq<Try<BoxedUnit>>> written = stuck.isEmpty() ? write(messages) : Future$.MODULE$.failed(stuck());
        Try<Seq<Try<BoxedUnit>>> result = written.value().get();
        if (result.isSuccess()) {
            setup.health().succeeded(directory);
        } else {
            setup.health().failed(directory, result.failed().get());
        }
        setup.telemetry().took(Timing.JOURNAL_WRITE, System.nanoTime() - begun);
        return written;
    }

    @Override
    public Future<BoxedUnit> asyncDeleteMessagesTo(String persistenceId, long number) {
        if (!stuck.isEmpty()) {
            return Future$.MODULE$.failed(stuck());
        }
        Future<BoxedUnit> deleted = super.asyncDeleteMessagesTo(persistenceId, number);
        if (deleted.value().get().isFailure()) {
            failed(deleted.value().get().failed().get(), _ -> false);
        }
        return deleted;
    }

    private Future<Seq<Try<BoxedUnit>>> write(Seq<AtomicWrite> messages) {
        try {
            for (AtomicWrite message : CollectionConverters.asJava(messages)) {
                marks.prepare(message.persistenceId());
            }
        } catch (IOException e) {
            return Future$.MODULE$.failed(e);
        }
        Future<Seq<Try<BoxedUnit>>> written = super.asyncWriteMessages(messages);
        Try<Seq<Try<BoxedUnit>>> result = written.value().get();
        if (result.isFailure()) {
            failed(result.failed().get(), event -> isOneOf(messages, event));
            return stuck.isEmpty() ? written : Future$.MODULE$.failed(stuck());
        }
        CollectionConverters.asJava(messages)
                .forEach(message -> marks.set(message.persistenceId(), message.highestSequenceNr()));
        return written;
    }

    /**
     * LevelDB goes on after a failure, behind whatever that has left in its log: half a record, or one that was refused and not
     * synced. The first cannot be read again, and the second is nothing to build on; opening the journal anew mends both.
     */
    private void failed(Throwable cause, Predicate<byte[]> written) {
        boolean touched;
        try {
            touched = new JournalFiles(directory).isTouched(written);
        } catch (IOException e) {
            touched = true;
        }
        if (touched) {
            // First what to do: an answer to a program has little room.
            stuck = "restart gpusliced when the disk is well, for nothing more is written to " + directory
                    + ", where a write failed half-way (" + cause.getMessage() + ")";
        }
    }

    private IOException stuck() {
        return new IOException(stuck);
    }

    private static boolean isOneOf(Seq<AtomicWrite> messages, byte[] value) {
        try {
            PersistentMessage event = PersistentMessage.parseFrom(value);
            return CollectionConverters.asJava(messages).stream()
                    .anyMatch(message -> message.persistenceId().equals(event.getPersistenceId())
                            && event.getSequenceNr() >= message.lowestSequenceNr());
        } catch (InvalidProtocolBufferException e) {
            return false;
        }
    }
}

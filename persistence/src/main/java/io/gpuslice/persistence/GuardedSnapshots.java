// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.typesafe.config.Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.apache.pekko.persistence.SelectedSnapshot;
import org.apache.pekko.persistence.SnapshotMetadata;
import org.apache.pekko.persistence.SnapshotSelectionCriteria;
import org.apache.pekko.persistence.snapshot.local.LocalSnapshotStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;
import scala.concurrent.Future;
import scala.jdk.javaapi.FutureConverters;

/**
 * The snapshots of one directory, each a {@link SnapshotFile}. The events that a snapshot contains are deleted once it is there, so
 * it is on the disk, or writing it has failed; and one that is damaged is none.
 */
public final class GuardedSnapshots extends LocalSnapshotStore {

    private static final Logger LOG = LoggerFactory.getLogger(GuardedSnapshots.class);

    private final EventSerializer serializer = new EventSerializer();
    private final Path directory;
    private final Executor blocking;

    /** @param config of this store; made by the actor system */
    public GuardedSnapshots(Config config) {
        super(config);
        directory = Path.of(config.getString("dir"));
        blocking = context().system().dispatchers().lookup(config.getString("stream-dispatcher"));
    }

    @Override
    public void save(SnapshotMetadata metadata, Object snapshot) {
        try {
            SnapshotFile.in(directory, metadata.persistenceId(), metadata.sequenceNr(), metadata.timestamp())
                    .write(serializer, snapshot);
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    @Override
    public Future<Option<SelectedSnapshot>> loadAsync(String persistenceId, SnapshotSelectionCriteria criteria) {
        return FutureConverters.asScala(CompletableFuture.supplyAsync(() -> load(persistenceId, criteria), blocking));
    }

    /** The newest that can be read. None is no failure: the events tell whether they are all. */
    private Option<SelectedSnapshot> load(String persistenceId, SnapshotSelectionCriteria criteria) {
        try {
            for (SnapshotFile file : SnapshotFile.of(directory, persistenceId)) {
                SnapshotMetadata metadata = SnapshotMetadata.apply(persistenceId, file.number(), file.timestamp());
                if (criteria.matches(metadata)) {
                    try {
                        return Option.apply(SelectedSnapshot.apply(metadata, file.read(serializer)));
                    } catch (IOException e) {
                        LOG.warn("{}: an older one and the events since are used instead", e.getMessage());
                    }
                }
            }
            return Option.empty();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

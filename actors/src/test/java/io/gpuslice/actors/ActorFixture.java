// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import java.util.ArrayList;
import java.util.List;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.persistence.testkit.javadsl.PersistenceTestKit;
import org.apache.pekko.persistence.testkit.javadsl.SnapshotTestKit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** An actor system with journals in memory, and a {@link World} of its own for each test, which starts from empty books. */
abstract class ActorFixture {

    static ActorTestKit kit;
    static PersistenceTestKit journal;
    private static SnapshotTestKit snapshots;

    /** Ended after the test. */
    final List<ActorRef<?>> spawned = new ArrayList<>();

    World world;

    @BeforeAll
    static void start() {
        kit = ActorTestKit.create(World.config());
        journal = PersistenceTestKit.create(kit.system());
        snapshots = SnapshotTestKit.create(kit.system());
    }

    @AfterAll
    static void stop() {
        kit.shutdownTestKit();
    }

    @BeforeEach
    void clear() {
        journal.clearAll();
        snapshots.clearAll();
        journal.resetPolicy();
        world = new World(kit);
    }

    @AfterEach
    void end() {
        spawned.forEach(kit::stop);
    }
}

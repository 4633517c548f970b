// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.gpuslice.actors.telemetry.Telemetry;
import io.gpuslice.config.Settings.JournalEngine;
import io.gpuslice.linux.LockFile;
import io.gpuslice.linux.PrivateDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.pekko.actor.setup.ActorSystemSetup;

/**
 * The directory with all that a daemon knows, held by one daemon at a time:
 *
 * <pre>
 * VERSION            its format, its name, and whether there is something in it
 * lock               held by the daemon, whose pid it contains
 * durable/journal    the list of sessions: each write is on the disk before it is answered
 * durable/snapshots
 * durable/marks      how far the journal has come
 * fast/journal       each session's books: good for one life of the machine
 * fast/snapshots
 * fast/marks
 * </pre>
 *
 * A directory that was in use and cannot be read any more is refused, with what to do about it: a daemon that began anew
 * there would hand out memory that is held.
 */
public final class StateDirectory implements AutoCloseable {

    static final String DURABLE = "durable";
    static final String FAST = "fast";
    private static final String JOURNAL = JournalScan.JOURNAL;
    private static final String SNAPSHOTS = JournalScan.SNAPSHOTS;
    private static final String LOCK = "lock";
    private static final String LIBRARIES = "native";
    /** What is wrong, at most, where all of it would be too much. */
    private static final int SAID = 3;

    private final Path directory;
    private final LockFile lock;
    private final Engine engine;
    private final JournalHealth health;
    private VersionFile version;

    private StateDirectory(Path directory, LockFile lock, Engine engine, VersionFile version) {
        this.directory = directory;
        this.lock = lock;
        this.engine = engine;
        this.version = version;
        this.health = new JournalHealth(List.of(room(DURABLE), room(FAST)), System::nanoTime);
    }

    /**
     * Takes the directory, and makes it if there is none.
     *
     * @param bootId the kernel's
     * @throws StateException if another daemon has it, it is somebody else's, or it cannot be read
     */
    public static StateDirectory open(Path directory, JournalEngine wanted, String bootId) throws IOException {
        PrivateDirectory.create(directory);
        LockFile lock = lock(directory);
        try {
            new DiskSpace(directory, DiskSpace.FOR_JOURNALS).check();
            Engine engine = engine(directory, wanted);
            Optional<VersionFile> known = VersionFile.read(directory);
            VersionFile version =
                    known.orElseGet(() -> new VersionFile(UUID.randomUUID().toString(), bootId, false));
            if (known.isEmpty()
                    && (Files.exists(directory.resolve(DURABLE)) || Files.exists(directory.resolve(FAST)))) {
                throw new StateException(directory + " has journals, but its file " + VersionFile.NAME
                        + " is gone, so nobody knows whether they are whole. " + wayOut(directory));
            }
            if (known.isEmpty()) {
                // First, so that a start that is cut short here is no loss of VERSION to the next one.
                version.write(directory);
            }
            // The books of an earlier life of the machine speak of processes that ended with it.
            boolean otherBoot = !version.boot().equals(bootId);
            if (otherBoot) {
                delete(directory.resolve(FAST));
            }
            prepare(directory, DURABLE, engine, !version.begun());
            prepare(directory, FAST, engine, otherBoot || !version.begun());
            VersionFile now = new VersionFile(version.id(), bootId, version.begun());
            now.write(directory);
            return new StateDirectory(directory, lock, engine, now);
        } catch (IOException | RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /** What the state is called; the list of sessions in it knows that name. */
    public String id() {
        return version.id();
    }

    /** Whether there has been a list of sessions in it: then an empty one is a loss. */
    public boolean begun() {
        return version.begun();
    }

    /** From now on an empty list of sessions is a loss. */
    public void begin() throws IOException {
        if (!version.begun()) {
            version = new VersionFile(version.id(), version.boot(), true);
            version.write(directory);
        }
    }

    /** What an actor system needs to keep its events here. */
    public Config config() {
        Map<String, Object> places = Map.of(
                "gpuslice.journal.durable.dir", path(DURABLE, JOURNAL),
                "gpuslice.snapshots.durable.dir", path(DURABLE, SNAPSHOTS),
                "gpuslice.journal.fast.dir", path(FAST, JOURNAL),
                "gpuslice.snapshots.fast.dir", path(FAST, SNAPSHOTS),
                "gpuslice.journal-defaults.native", engine == Engine.NATIVE);
        return ConfigFactory.parseMap(places, "state directory")
                .withFallback(ConfigFactory.parseResources(
                        StateDirectory.class.getClassLoader(), "gpuslice-persistence.conf"));
    }

    /**
     * What an actor system needs beside {@link #config}.
     *
     * @param telemetry hears how long each write takes
     */
    public ActorSystemSetup setups(Telemetry telemetry) {
        return ActorSystemSetup.create(new JournalSetup(telemetry, health));
    }

    /** Whether the journals of an actor system with these {@link #setups} write. */
    public JournalHealth health() {
        return health;
    }

    /** Gives the directory to whoever comes next. Only after the actor system has ended. */
    @Override
    public void close() throws IOException {
        lock.close();
    }

    /** How to go on where the state cannot be read. */
    public static String wayOut(Path directory) {
        return "Nothing was changed. `gpusliced journal verify --state-dir " + directory
                + "` says what is wrong, and `gpusliced journal repair --state-dir " + directory
                + "` keeps what can be read; to start anew without the sessions in it, move it aside: mv " + directory
                + " " + directory + ".broken";
    }

    private DiskSpace room(String kind) {
        return new DiskSpace(directory.resolve(kind).resolve(JOURNAL), DiskSpace.FOR_JOURNALS);
    }

    private String path(String kind, String what) {
        return directory.resolve(kind).resolve(what).toString();
    }

    static LockFile lock(Path directory) throws IOException {
        Path file = directory.resolve(LOCK);
        Optional<LockFile> lock = LockFile.tryLock(file);
        if (lock.isEmpty()) {
            String holder = Files.readString(file).strip();
            throw new StateException("another gpusliced"
                    + (holder.isEmpty() ? "" : " (pid " + holder + ")")
                    + " is using " + directory
                    + ": use that one, stop it, or give this one a directory of its own (--state-dir)");
        }
        Files.writeString(file, ProcessHandle.current().pid() + "\n");
        return lock.get();
    }

    private static void prepare(Path directory, String kind, Engine engine, boolean create) throws IOException {
        Path journal = directory.resolve(kind).resolve(JOURNAL);
        try {
            if (create && !Files.exists(journal.resolve("CURRENT"))) {
                Files.createDirectories(journal);
                Files.createDirectories(directory.resolve(kind).resolve(SNAPSHOTS));
                Marks.create(directory.resolve(kind).resolve(Marks.NAME));
                engine.create(journal);
            }
            List<String> problems = JournalScan.of(directory.resolve(kind)).problems();
            if (!problems.isEmpty()) {
                throw new IOException(summary(problems));
            }
            engine.verify(journal);
        } catch (NoSuchFileException e) {
            throw new StateException("the journal in " + journal + " is gone. " + wayOut(directory), e);
        } catch (IOException e) {
            throw new StateException(
                    "the journal in " + journal + " cannot be read: " + e.getMessage() + ". " + wayOut(directory), e);
        }
    }

    private static String summary(List<String> problems) {
        int more = problems.size() - SAID;
        return String.join("; ", problems.subList(0, Math.min(SAID, problems.size())))
                + (more > 0 ? "; and " + more + " more" : "");
    }

    private static Engine engine(Path directory, JournalEngine wanted) throws IOException {
        if (wanted == JournalEngine.JAVA) {
            return Engine.JAVA;
        }
        // The library unpacks itself before it is loaded: here, where what a killed daemon left is found and removed.
        Path libraries = directory.resolve(LIBRARIES);
        delete(libraries);
        Files.createDirectories(libraries);
        System.setProperty("library.leveldbjni.path", libraries.toString());
        Engine best = Engine.best();
        delete(libraries);
        if (best != Engine.NATIVE && wanted == JournalEngine.NATIVE) {
            throw new StateException("the native LevelDB cannot be loaded on this machine ("
                    + System.getProperty("os.arch") + "): set journal.engine to auto or java");
        }
        return best;
    }

    static void delete(Path tree) throws IOException {
        if (Files.exists(tree)) {
            List<Path> paths;
            try (Stream<Path> walk = Files.walk(tree)) {
                paths = walk.sorted(Comparator.reverseOrder()).toList();
            }
            for (Path path : paths) {
                Files.delete(path);
            }
        }
    }
}

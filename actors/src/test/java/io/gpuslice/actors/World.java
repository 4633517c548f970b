// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import static org.awaitility.Awaitility.await;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.gpuslice.actors.page.PageCounters;
import io.gpuslice.actors.page.PageSnapshot;
import io.gpuslice.actors.page.Pages;
import io.gpuslice.actors.process.PidWatcher;
import io.gpuslice.actors.telemetry.Occurrence;
import io.gpuslice.actors.telemetry.Operation;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.persistence.testkit.PersistenceTestKitPlugin;
import org.apache.pekko.persistence.testkit.PersistenceTestKitSnapshotPlugin;
import org.jspecify.annotations.Nullable;

/** The world outside the sessions, made of maps: processes die, exec and lose their pages when a test says so. */
final class World {

    static final DeviceId DEVICE = new DeviceId(UUID.fromString("00000000-0000-0000-0000-000000000001"));
    static final long MIB = 1 << 20;
    static final int OWNER = 1000;

    /** Runs actors on journals in memory. */
    static Config config() {
        // How events are written is module persistence's, which is not here.
        return ConfigFactory.parseString(
                        "pekko.persistence.testkit { events.serialize = off, snapshots.serialize = off }")
                .withFallback(PersistenceTestKitPlugin.getInstance().config())
                .withFallback(PersistenceTestKitSnapshotPlugin.config())
                .withFallback(ConfigFactory.load());
    }

    /** The journals of {@link #config}. */
    static Journal journal() {
        return new Journal(PersistenceTestKitPlugin.PluginId(), PersistenceTestKitSnapshotPlugin.PluginId(), 100);
    }

    final ActorRef<PidWatcher.Command> pidWatcher;
    final Table table = new Table();
    final Memory memory = new Memory();
    final ActorRef<Census.Command> census;
    /** Of the daemon that lives now. Nothing is handed over until a test says that all sessions are there. */
    ActorRef<Shares.Command> shares;

    private final ActorTestKit kit;
    final TestClock clock = new TestClock();
    final Blocking blocking = new Blocking();
    final RecordingTelemetry telemetry = new RecordingTelemetry();

    private final Map<ProcessId, Set<ActorRef<PidWatcher.Died>>> watches = new ConcurrentHashMap<>();
    private int pids = 100;

    World(ActorTestKit kit) {
        pidWatcher = kit.spawn(Behaviors.receiveMessage(command -> {
            if (command instanceof PidWatcher.Watch(ProcessId process, ActorRef<PidWatcher.Died> replyTo)) {
                if (table.isAlive(process)) {
                    watches.computeIfAbsent(process, _ -> ConcurrentHashMap.newKeySet())
                            .add(replyTo);
                } else {
                    replyTo.tell(new PidWatcher.Died(process));
                }
            }
            return Behaviors.same();
        }));
        census = kit.spawn(Census.create(table, () -> Set.copyOf(table.users), blocking, Duration.ofMillis(1)));
        shares = kit.spawn(Shares.create());
        this.kit = kit;
    }

    /** The next daemon's directory of shared memory, which knows nothing yet. */
    void forgetShares() {
        shares = kit.spawn(Shares.create());
    }

    /** What sessions see of this world. */
    Ports ports() {
        return new Ports(memory, table, clock, new Random(1), blocking, pidWatcher, census, shares, telemetry);
    }

    /** A process that lives. */
    ProcessId process() {
        ProcessId process = new ProcessId("boot", pids++, 7);
        table.alive.add(process);
        return process;
    }

    /** The process dies, and whoever watches it hears of it. */
    void kill(ProcessId process) {
        table.alive.remove(process);
        memory.found.remove(process);
        table.environments.remove(process);
        watches.getOrDefault(process, Set.of()).forEach(watch -> watch.tell(new PidWatcher.Died(process)));
    }

    /** The process becomes another program, and nobody is told. */
    void exec(ProcessId process) {
        memory.found.remove(process);
        table.withoutPage.add(process);
    }

    /** Waits until the process is watched. */
    void awaitWatched(ProcessId process) {
        await().until(() -> watches.containsKey(process));
    }

    /** What happened of these operations, in a few words each: who, on what, how much, and why not. */
    List<String> said(Operation... operations) {
        return telemetry.of(operations).stream().map(World::text).toList();
    }

    private static String text(Occurrence occurrence) {
        return occurrence.operation()
                + " " + occurrence.result()
                + occurrence.session().map(id -> " session " + id).orElse("")
                + " pid " + occurrence.pid() + " uid " + occurrence.uid()
                + occurrence
                        .device()
                        .map(device -> " device " + (device.equals(DEVICE) ? "0" : "?"))
                        .orElse("")
                + " " + occurrence.bytes()
                + occurrence.error().map(code -> " " + code).orElse("")
                + (occurrence.detail().isEmpty() ? "" : ": " + occurrence.detail());
    }

    /** Work that may block: done at once, or when a test says so. */
    static final class Blocking implements Executor {
        private final Queue<Runnable> held = new ConcurrentLinkedQueue<>();
        private volatile boolean holds;

        @Override
        public void execute(Runnable work) {
            if (holds) {
                held.add(work);
            } else {
                work.run();
            }
        }

        void hold() {
            holds = true;
        }

        /** Waits until there is work. */
        void awaitWork() {
            await().until(() -> !held.isEmpty());
        }

        void release() {
            holds = false;
            for (Runnable work = held.poll(); work != null; work = held.poll()) {
                work.run();
            }
        }
    }

    /** Processes as a test wants them. */
    static final class Table implements ProcessTable {
        final Set<ProcessId> alive = ConcurrentHashMap.newKeySet();
        final Set<ProcessId> withoutPage = ConcurrentHashMap.newKeySet();
        final Map<ProcessId, SessionId> environments = new ConcurrentHashMap<>();
        final List<String> ended = Collections.synchronizedList(new ArrayList<>());
        /** By whom each was started. */
        final Map<ProcessId, ProcessId> parents = new ConcurrentHashMap<>();
        /** Who has a device open. */
        final Set<ProcessId> holders = ConcurrentHashMap.newKeySet();
        /** Whom the limit does not reach. */
        final Map<ProcessId, Unenforced> unenforced = new ConcurrentHashMap<>();
        /** The pids that the driver lists. */
        final Set<Integer> users = ConcurrentHashMap.newKeySet();
        /** How many looks for relatives fail. */
        final AtomicInteger blindness = new AtomicInteger();

        /** How many looks for relatives there were. */
        final AtomicInteger surveys = new AtomicInteger();

        final AtomicInteger looks = new AtomicInteger();
        /** Whether no process can be told to end. */
        volatile boolean isImmune;
        /** How many scans fail. */
        final AtomicInteger failures = new AtomicInteger();

        @Override
        public String command(ProcessId process) {
            return "train --epochs 3";
        }

        @Override
        public boolean isAlive(ProcessId process) {
            return alive.contains(process);
        }

        @Override
        public boolean hasPageOf(ProcessId process, ImageId image) {
            looks.incrementAndGet();
            return !withoutPage.contains(process);
        }

        @Override
        public List<ProcessId> inSession(SessionId session) throws IOException {
            if (failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                throw new IOException("too many open files");
            }
            return environments.entrySet().stream()
                    .filter(entry -> entry.getValue().equals(session))
                    .map(Map.Entry::getKey)
                    .toList();
        }

        @Override
        public Map<SessionId, List<ProcessId>> relatives(Map<SessionId, Set<ProcessId>> roots) throws IOException {
            surveys.incrementAndGet();
            if (blindness.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                throw new IOException("too many open files");
            }
            Map<SessionId, List<ProcessId>> found = new ConcurrentHashMap<>();
            roots.forEach((session, known) -> found.put(
                    session,
                    alive.stream()
                            .filter(process -> belongs(process, session, known))
                            .toList()));
            return found;
        }

        private boolean belongs(@Nullable ProcessId process, SessionId session, Set<ProcessId> known) {
            return process != null
                    && alive.contains(process)
                    && (known.contains(process)
                            || session.equals(environments.get(process))
                            || belongs(parents.get(process), session, known));
        }

        @Override
        public boolean holdsDevice(ProcessId process) {
            return holders.contains(process);
        }

        @Override
        public Optional<Unenforced> unenforced(ProcessId process, boolean listed) {
            return Optional.ofNullable(unenforced.get(process))
                    .or(() -> listed
                            ? Optional.of(new Unenforced(process.pid(), command(process), DriverUse.UNKNOWN_WAY))
                            : Optional.empty());
        }

        @Override
        public void end(ProcessId process, Urgency urgency) throws IOException {
            if (isImmune) {
                throw new IOException("not permitted");
            }
            ended.add(urgency + " " + process);
        }
    }

    /** Pages that are arrays. What a process has open can be found again. */
    static final class Memory implements Pages {
        final Map<ProcessId, TestPage> found = new ConcurrentHashMap<>();
        final List<TestPage> made = Collections.synchronizedList(new ArrayList<>());
        /** How many makings fail. */
        final AtomicInteger failures = new AtomicInteger();

        @Override
        public MemberPage create(ProcessId process, ImageId image, List<DeviceId> devices) throws IOException {
            if (failures.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
                throw new IOException("too many open files");
            }
            TestPage page = new TestPage(made.size() + 1, devices.size());
            made.add(page);
            found.put(process, page);
            return page;
        }

        @Override
        public Optional<MemberPage> reopen(ProcessId process, List<DeviceId> devices, PageIdentity identity) {
            return Optional.ofNullable(found.get(process))
                    .filter(page -> page.identity().equals(identity))
                    .map(page -> {
                        page.isClosed = false;
                        return page;
                    });
        }

        /** The page that was made last. */
        TestPage last() {
            return made.getLast();
        }
    }

    /** One page. */
    static final class TestPage implements Pages.MemberPage {
        final long[] words;
        final long[] used;
        volatile boolean isClosed;
        volatile PageCounters counters = new PageCounters(5, 3, 1);
        private final int number;

        TestPage(int number, int devices) {
            this.number = number;
            words = new long[devices];
            used = new long[devices];
        }

        long charge() {
            return words[0] & ~GATED;
        }

        boolean isGated() {
            return (words[0] & GATED) != 0;
        }

        @Override
        public void storeCharge(int device, long word) {
            words[device] = word;
        }

        @Override
        public long used(int device) {
            return used[device];
        }

        @Override
        public void presetUsed(int device, long bytes) {
            used[device] = bytes;
        }

        @Override
        public PageIdentity identity() {
            return new PageIdentity(1, number, 4096, 7, "page" + number);
        }

        @Override
        public long size() {
            return 4096;
        }

        @Override
        public int duplicate() {
            return -1;
        }

        @Override
        public PageCounters counters() {
            return counters;
        }

        @Override
        public PageSnapshot snapshot(int most) throws IOException {
            return new PageSnapshot(List.of(new PageSnapshot.Allocation(0x7000, used[0], 0, 1)), false);
        }

        @Override
        public void close() {
            isClosed = true;
        }
    }

    /** Time as a test wants it. */
    static final class TestClock implements Clock {
        private final AtomicLong nanos = new AtomicLong(1_000);
        private volatile Instant wallAtStart = Instant.parse("2026-01-01T00:00:00Z");
        private volatile String bootId = "first boot";

        @Override
        public long nanos() {
            return nanos.get();
        }

        @Override
        public String bootId() {
            return bootId;
        }

        @Override
        public Instant now() {
            return wallAtStart.plusNanos(nanos.get());
        }

        void pass(Duration time) {
            nanos.addAndGet(time.toNanos());
        }

        /** Somebody sets the wall clock. */
        void setWall(Duration by) {
            wallAtStart = wallAtStart.plus(by);
        }

        /** The machine starts again, and the wall clock goes on. */
        void reboot(String id) {
            wallAtStart = now();
            nanos.set(0);
            bootId = id;
        }
    }

    /** Distinct image ids. */
    static ImageId image(int number) {
        return new ImageId(String.format("%032x", number));
    }
}

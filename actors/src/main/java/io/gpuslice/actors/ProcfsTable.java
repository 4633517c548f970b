// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.actors.page.MemfdPages;
import io.gpuslice.actors.process.Processes;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.linux.Errno;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.Pidfd;
import io.gpuslice.linux.ProcessStat;
import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The process table of this machine, by {@code /proc} and pidfds. */
public final class ProcfsTable implements ProcessTable {

    private static final Logger LOG = LoggerFactory.getLogger(ProcfsTable.class);
    /** As long as an exec may take whose end cannot be seen: that of a program that has no loader. */
    private static final Duration EXEC = Duration.ofMillis(500);

    private static final int SIGKILL = 9;
    private static final int SIGTERM = 15;

    private final Processes processes;
    private final String bootId;
    private final DriverUse driver;
    private final long self = ProcessHandle.current().pid();

    /**
     * The table.
     *
     * @param deviceNodes glob of the files that whoever may hold a device's memory has open
     * @throws IOException if {@code /proc} cannot be read
     */
    public ProcfsTable(Processes processes, String deviceNodes) throws IOException {
        this.processes = processes;
        this.driver = new DriverUse(deviceNodes);
        this.bootId = Procfs.bootId();
    }

    @Override
    public String command(ProcessId process) {
        try {
            return Procfs.cmdline(process.pid()).stream()
                    .map(argument -> new String(argument, StandardCharsets.UTF_8))
                    .collect(Collectors.joining(" "));
        } catch (IOException e) {
            return "";
        }
    }

    @Override
    public boolean isAlive(ProcessId process) {
        try (Pidfd pidfd = processes.open(process).orElse(null)) {
            return pidfd != null;
        } catch (IOException e) {
            // Held for dead, its memory would be handed out again while it may still have it.
            LOG.warn("whether {} is alive cannot be told: {}", process, e.getMessage());
            return true;
        }
    }

    @Override
    public boolean hasPageOf(ProcessId process, ImageId image) {
        try (Pidfd pidfd = processes.open(process).orElse(null)) {
            if (pidfd == null) {
                // A dead one has nothing to look into; its death is told by others.
                return true;
            }
            String page = "/memfd:" + MemfdPages.name(image) + " (deleted)";
            long patience = System.nanoTime() + EXEC.toNanos();
            while (true) {
                Set<String> mapped = Procfs.mapped(process.pid());
                // One that is ending has no memory any more, but may hold the device until its descriptors are closed.
                if (mapped.isEmpty() || mapped.contains(page)) {
                    return true;
                }
                if (hasRun(mapped) || System.nanoTime() - patience > 0) {
                    return false;
                }
                Thread.sleep(1);
            }
        } catch (IOException e) {
            LOG.debug("the memory map of {} cannot be read: {}", process, e.getMessage());
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
    }

    /**
     * Whether the program has begun to run. Not before it does, the kernel lets go of what the former one had open, long
     * after that one's memory map is gone. It maps a program and its loader; a third file, only the loader does.
     */
    static boolean hasRun(Set<String> mapped) {
        return mapped.stream().filter(name -> name.startsWith("/")).count() > 2;
    }

    @Override
    public List<ProcessId> inSession(SessionId session) throws IOException {
        String entry = "GPUSLICE_SESSION=" + session;
        List<ProcessId> found = new ArrayList<>();
        for (int pid : Procfs.pids()) {
            if (pid != self) {
                named(pid, entry).ifPresent(found::add);
            }
        }
        return found;
    }

    private Optional<ProcessId> named(int pid, String entry) throws IOException {
        try {
            // First who it is, then what it says: a pid that changes hands in between is nobody's.
            Optional<ProcessStat> stat = Procfs.stat(pid).filter(read -> !read.isDead());
            return stat.isPresent() && Procfs.environHas(pid, entry)
                    ? stat.map(read -> new ProcessId(bootId, pid, read.startTime()))
                    : Optional.empty();
        } catch (LinuxException e) {
            if (e.errno() == Errno.EACCES || e.errno() == Errno.EPERM) {
                // Another user's: it cannot be a member.
                return Optional.empty();
            }
            throw e;
        }
    }

    @Override
    public Map<SessionId, List<ProcessId>> relatives(Map<SessionId, Set<ProcessId>> roots) throws IOException {
        return Families.look(bootId, self, roots);
    }

    @Override
    public boolean holdsDevice(ProcessId process) {
        try (Pidfd pidfd = processes.open(process).orElse(null)) {
            return pidfd != null && driver.holdsDevice(process.pid());
        } catch (IOException e) {
            LOG.debug("the descriptors of {} cannot be seen: {}", process, e.getMessage());
            return false;
        }
    }

    @Override
    public Optional<Unenforced> unenforced(ProcessId process, boolean listed) {
        try (Pidfd pidfd = processes.open(process).orElse(null)) {
            return pidfd == null
                    ? Optional.empty()
                    : driver.pastTheLimit(process.pid(), listed)
                            .map(why -> new Unenforced(process.pid(), command(process), why));
        } catch (IOException e) {
            LOG.debug("what {} has mapped cannot be seen: {}", process, e.getMessage());
            return listed
                    ? Optional.of(new Unenforced(process.pid(), command(process), DriverUse.UNKNOWN_WAY))
                    : Optional.empty();
        }
    }

    @Override
    public void end(ProcessId process, Urgency urgency) throws IOException {
        try (Pidfd pidfd = processes.open(process).orElse(null)) {
            if (pidfd != null) {
                pidfd.signal(urgency == Urgency.ASK ? SIGTERM : SIGKILL);
            }
        } catch (LinuxException e) {
            if (e.errno() != Errno.ESRCH) {
                throw e;
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import io.gpuslice.linux.Errno;
import io.gpuslice.linux.LinuxException;
import io.gpuslice.linux.ProcessStat;
import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which process belongs to which session: the one that its environment names, else the one of its nearest ancestor that
 * belongs to any. One look at all processes.
 */
final class Families {

    private static final String KEY = "GPUSLICE_SESSION=";

    private final String bootId;
    private final Map<Integer, ProcessStat> living = new HashMap<>();
    private final Map<Integer, SessionId> heads = new HashMap<>();

    private Families(String bootId) {
        this.bootId = bootId;
    }

    /**
     * Those of these sessions.
     *
     * @param self a pid that is left out, and its descendants unless they belong for themselves
     * @param roots per session, processes that are known to belong to it
     */
    static Map<SessionId, List<ProcessId>> look(String bootId, long self, Map<SessionId, Set<ProcessId>> roots)
            throws IOException {
        Families families = new Families(bootId);
        for (int pid : Procfs.pids()) {
            if (pid != self) {
                families.add(pid, roots.keySet());
            }
        }
        roots.forEach((session, processes) -> processes.forEach(process -> families.root(session, process)));
        Map<SessionId, List<ProcessId>> found = new HashMap<>();
        for (Map.Entry<Integer, ProcessStat> entry : families.living.entrySet()) {
            families.sessionOf(entry.getKey())
                    .ifPresent(session -> found.computeIfAbsent(session, _ -> new ArrayList<>())
                            .add(families.identity(entry.getKey(), entry.getValue())));
        }
        return found;
    }

    private void add(int pid, Set<SessionId> sessions) throws IOException {
        Optional<ProcessStat> stat = Procfs.stat(pid).filter(read -> !read.isDead());
        if (stat.isPresent()) {
            living.put(pid, stat.get());
            named(pid).filter(sessions::contains).ifPresent(session -> heads.put(pid, session));
        }
    }

    private static Optional<SessionId> named(int pid) throws IOException {
        try {
            return Procfs.environ(pid).stream()
                    .map(entry -> new String(entry, StandardCharsets.UTF_8))
                    .filter(entry -> entry.startsWith(KEY) && entry.length() > KEY.length())
                    .findFirst()
                    .map(entry -> new SessionId(entry.substring(KEY.length())));
        } catch (LinuxException e) {
            if (e.errno() == Errno.EACCES || e.errno() == Errno.EPERM) {
                // Another user's, or with other rights than its parent: its descent has to tell.
                return Optional.empty();
            }
            throw e;
        }
    }

    private void root(SessionId session, ProcessId process) {
        ProcessStat stat = living.get(process.pid());
        if (stat != null && identity(process.pid(), stat).equals(process)) {
            heads.putIfAbsent(process.pid(), session);
        }
    }

    private Optional<SessionId> sessionOf(int pid) {
        int at = pid;
        // Parents are read one after the other: a pid that changed hands meanwhile could close a circle.
        for (int steps = 0; steps < living.size(); steps++) {
            SessionId session = heads.get(at);
            ProcessStat stat = living.get(at);
            if (session != null || stat == null) {
                return Optional.ofNullable(session);
            }
            at = stat.parent();
        }
        return Optional.empty();
    }

    private ProcessId identity(int pid, ProcessStat stat) {
        return new ProcessId(bootId, pid, stat.startTime());
    }
}

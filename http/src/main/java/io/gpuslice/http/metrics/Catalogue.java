// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.http.metrics;

import java.util.List;

/**
 * Every metric, once. The reference page is made from it, too. Labels come from a closed set, or
 * there are as many as there are sessions and devices, both of them bounded; no name, path or text of a user is one.
 */
final class Catalogue {
    /** A decision takes tens of microseconds; a journal that flushes, milliseconds. */
    private static final List<Double> FROM_A_MICROSECOND = List.of(
            1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1,
            0.25, 0.5, 1.0);

    private static final List<Double> FROM_A_MILLISECOND =
            List.of(1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0);

    static final Family SESSIONS_ACTIVE =
            Family.gauge("gpuslice_sessions_active", "sessions", "Sessions in which memory is granted");
    static final Family SESSIONS = Family.gauge("gpuslice_sessions", "sessions", "Sessions by state", "state");
    static final Family SESSIONS_SILENT = Family.gauge(
            "gpuslice_sessions_silent",
            "sessions",
            "Sessions that did not answer in time; the other metrics show them as they were last seen");
    static final Family PROCESSES = Family.gauge("gpuslice_processes", "processes", "Members of all sessions");
    static final Family PROCESSES_UNENFORCED = Family.gauge(
            "gpuslice_processes_unenforced", "processes", "Processes of all sessions that use the driver past a limit");

    static final Family SESSION_PROCESSES =
            Family.gauge("gpuslice_session_processes", "processes", "Members of a session", "session");
    static final Family SESSION_DENIALS = Family.counter(
            "gpuslice_session_denied_alloc_total",
            "allocations",
            "Allocations of a session that were denied, as programs saw it",
            "session");
    static final Family UNENFORCED = Family.gauge(
            "gpuslice_unenforced_processes",
            "processes",
            "Processes of a session that use the driver past its limit; `gpuslice inspect` names them",
            "session");

    static final Family USED_TOTAL = Family.untyped(
            "gpuslice_used_bytes_total",
            "bytes",
            "Memory that all sessions hold on all devices; a gauge in spite of its name");
    static final Family USED =
            Family.gauge("gpuslice_used_bytes", "bytes", "Memory that a session holds", "device", "session");
    static final Family CHARGE = Family.gauge(
            "gpuslice_charge_bytes",
            "bytes",
            "What a session has handed to its processes, mostly ahead of need; charge less used is idle credit",
            "device",
            "session");
    static final Family LIMIT =
            Family.gauge("gpuslice_limit_bytes", "bytes", "What a session may hold", "device", "session");
    static final Family LINGERING = Family.gauge(
            "gpuslice_lingering_bytes",
            "bytes",
            "Where there is any: memory of a dead process that another one may still keep; part of used",
            "device",
            "session");
    static final Family IMPORTED = Family.gauge(
            "gpuslice_imported_bytes",
            "bytes",
            "Where there is any: memory that processes use although its exporter is gone; part of used",
            "device",
            "session");
    static final Family DEVICE = Family.gauge(
            "gpuslice_device_info",
            "always 1",
            "A device: its index, as `nvidia-smi` has it, and name",
            "device",
            "index",
            "name");
    static final Family DEVICE_MEMORY =
            Family.gauge("gpuslice_device_memory_bytes", "bytes", "Memory of a device, where it is known", "device");
    static final Family DEVICE_USED =
            Family.gauge("gpuslice_device_used_bytes", "bytes", "Memory that all sessions hold on a device", "device");
    static final Family DEVICE_CHARGE = Family.gauge(
            "gpuslice_device_charge_bytes",
            "bytes",
            "What all sessions have handed to their processes on a device",
            "device");
    static final Family DEVICE_LINGERING = Family.gauge(
            "gpuslice_device_lingering_bytes",
            "bytes",
            "Memory of dead processes on a device that others may still keep; part of used",
            "device");

    static final Family ALLOCATIONS =
            Family.counter("gpuslice_alloc_events_total", "allocations", "Allocations that succeeded");
    static final Family FREES = Family.counter("gpuslice_free_events_total", "frees", "Allocations that were freed");
    static final Family DENIALS = Family.counter(
            "gpuslice_denied_alloc_total", "allocations", "Allocations that were denied, as programs saw it");
    static final Family RECOVERED = Family.counter(
            "gpuslice_recovered_bytes_total",
            "bytes",
            "Memory that processes still held when they died, as far as the daemon was there to see it");

    static final Family GRANTS = Family.counter("gpuslice_grants_total", "grants", "Charges that were raised");
    static final Family COLLECTS =
            Family.counter("gpuslice_collects_total", "collects", "Charges that were lowered to take idle credit back");
    static final Family COLLECTED =
            Family.counter("gpuslice_collected_bytes_total", "bytes", "Idle credit that was taken back");
    static final Family RECLAIMS = Family.counter(
            "gpuslice_reclaims_total",
            "processes",
            "Processes whose whole charge came back, by what became of them",
            "reason");
    static final Family REFUSED_LOGINS =
            Family.counter("gpuslice_refused_logins_total", "logins", "Times that somebody was not let in");

    static final Family DECISION = Family.histogram(
            "gpuslice_decision_duration_seconds",
            FROM_A_MICROSECOND,
            "Time from a request for memory to its answer, in the daemon");
    static final Family RECLAIM = Family.histogram(
            "gpuslice_reclaim_duration_seconds",
            FROM_A_MILLISECOND,
            "Time from a process's death, as the daemon hears of it, to the return of its charge");
    static final Family JOURNAL_WRITE = Family.histogram(
            "gpuslice_journal_write_duration_seconds", FROM_A_MICROSECOND, "Time that a write to a journal takes");

    static final Family JOURNAL_FAILURES = Family.counter(
            "gpuslice_journal_failures_total",
            "operations",
            "Operations that failed although they were allowed, nearly always because the journal did not write");
    static final Family AUDIT_LOST =
            Family.counter("gpuslice_audit_lost_total", "lines", "Lines that the audit log could not keep");

    static final Family READY = Family.gauge(
            "gpuslice_ready", "1 or 0", "Whether the daemon can do its work: 1 where `/health/ready` answers 200");
    static final Family CLOCK = Family.gauge("gpuslice_clock_seconds", "seconds", "The daemon's clock, since 1970");
    static final Family BUILD = Family.gauge(
            "gpuslice_build_info", "always 1", "Which gpuslice this is, and on which Java", "java", "version");
    static final Family CPU =
            Family.counter("process_cpu_seconds_total", "seconds", "CPU time of the daemon, user and system");
    static final Family RESIDENT =
            Family.gauge("process_resident_memory_bytes", "bytes", "Main memory of the daemon that is resident");
    static final Family OPEN_FILES =
            Family.gauge("process_open_fds", "descriptors", "File descriptors that the daemon has open");
    static final Family MAX_FILES =
            Family.gauge("process_max_fds", "descriptors", "File descriptors that the daemon may have open");
    static final Family STARTED =
            Family.gauge("process_start_time_seconds", "seconds", "When the daemon started, since 1970");

    /** In the order of the reference page. */
    static final List<Family> ALL = List.of(
            SESSIONS_ACTIVE,
            SESSIONS,
            SESSIONS_SILENT,
            PROCESSES,
            PROCESSES_UNENFORCED,
            SESSION_PROCESSES,
            SESSION_DENIALS,
            UNENFORCED,
            USED_TOTAL,
            USED,
            CHARGE,
            LIMIT,
            LINGERING,
            IMPORTED,
            DEVICE,
            DEVICE_MEMORY,
            DEVICE_USED,
            DEVICE_CHARGE,
            DEVICE_LINGERING,
            ALLOCATIONS,
            FREES,
            DENIALS,
            RECOVERED,
            GRANTS,
            COLLECTS,
            COLLECTED,
            RECLAIMS,
            REFUSED_LOGINS,
            DECISION,
            RECLAIM,
            JOURNAL_WRITE,
            JOURNAL_FAILURES,
            AUDIT_LOST,
            READY,
            CLOCK,
            BUILD,
            CPU,
            RESIDENT,
            OPEN_FILES,
            MAX_FILES,
            STARTED);

    private Catalogue() {}
}

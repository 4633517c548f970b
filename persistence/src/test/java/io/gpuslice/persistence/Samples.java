// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.persistence;

import io.gpuslice.actors.Books;
import io.gpuslice.actors.Deadline;
import io.gpuslice.actors.Register;
import io.gpuslice.actors.SessionEvent;
import io.gpuslice.actors.SessionView.Counters;
import io.gpuslice.actors.SessionsEvent;
import io.gpuslice.actors.Stake;
import io.gpuslice.actors.TokenHash;
import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Ledger;
import io.gpuslice.domain.LedgerEvent;
import io.gpuslice.domain.Limits;
import io.gpuslice.domain.Member;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.Remains;
import io.gpuslice.domain.SessionId;
import io.gpuslice.domain.SessionState;
import io.gpuslice.domain.ShareKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One value of everything that is stored, under its name. The files in {@code frozen/} are these values as they were
 * written when their type was new; they are never written again, only added to.
 */
final class Samples {

    private static final SessionId SESSION = new SessionId("0123456789abcdef");
    private static final ProcessId PROCESS = new ProcessId("5f2d6a0e-3b0e-4b3c-9a53-1f1f0f6b8f11", 4242, 987654);
    private static final ProcessId GONE = new ProcessId("5f2d6a0e-3b0e-4b3c-9a53-1f1f0f6b8f11", 4243, 987655);
    private static final DeviceId DEVICE = DeviceId.valueOf("GPU-01234567-89ab-cdef-0123-456789abcdef");
    private static final ImageId IMAGE = new ImageId("00112233445566778899aabbccddeeff");
    private static final Limits LIMITS = new Limits(8L << 30, Map.of(DEVICE, 4L << 30));
    private static final PageIdentity PAGE = new PageIdentity(1, 77, 268374016, 7, "ffeeddccbbaa99887766554433221100");
    private static final Instant AT = Instant.parse("2026-01-02T03:04:05.678901Z");
    private static final Deadline DEADLINE = new Deadline(7_200_000, AT, PROCESS.bootId(), 123_456_789_012L);
    /** What is known of a deadline that was stored before the machine's own clock stood beside it. */
    private static final Deadline BY_THE_WALL =
            new Deadline(Duration.ofDays(3650).toMillis(), AT, "", 0);

    private static final TokenHash TOKEN = TokenHash.of("a token");
    private static final SessionEvent.Admitted ADMITTED =
            new SessionEvent.Admitted(PROCESS, 1000, "python3 train.py", AT);

    private static final ShareKey KEY = new ShareKey("0f000000000000009210");
    private static final Stake HEIR = new Stake(Stake.Role.HEIR, DEVICE, 4L << 20, true);
    private static final Remains LINGERING = new Remains(GONE, Map.of(DEVICE, 6L << 20), Remains.Reason.LINGERING);
    private static final Remains IMPORTED = new Remains(PROCESS, Map.of(DEVICE, 4L << 20), Remains.Reason.IMPORTED);

    /** What has a file, but is not written any more. */
    static final Map<String, Object> FORMER = Map.of(
            "sessions.opened.1", opened(BY_THE_WALL),
            "sessions.renewed.1", new SessionsEvent.Renewed(SESSION, Optional.empty()),
            "sessions.register.1", register(BY_THE_WALL),
            "session.books.1", books(List.of(), Map.of()),
            "session.books.2", books(List.of(LINGERING), Map.of()));

    static final Map<String, Object> ALL = Map.ofEntries(
            Map.entry("sessions.founded.1", new SessionsEvent.Founded("1b4e28ba-2fa1-11d2-883f-0016d3cca427")),
            Map.entry("sessions.opened.2", opened(DEADLINE)),
            Map.entry("sessions.token-added.1", new SessionsEvent.TokenAdded(SESSION, TOKEN)),
            Map.entry("sessions.resized.1", new SessionsEvent.Resized(SESSION, "8GB,0=4GB", LIMITS)),
            Map.entry("sessions.renewed.2", new SessionsEvent.Renewed(SESSION, Optional.of(DEADLINE))),
            Map.entry("sessions.expired.1", new SessionsEvent.Expired(SESSION)),
            Map.entry("sessions.closed.1", new SessionsEvent.Closed(SESSION)),
            Map.entry("sessions.register.2", register(DEADLINE)),
            Map.entry("session.slot-taken.1", new SessionEvent.SlotTaken(SESSION, LIMITS, true)),
            Map.entry("session.admitted.1", ADMITTED),
            Map.entry("session.departed.1", new SessionEvent.Departed(PROCESS, 5L << 20, new Counters(7, 6, 5))),
            Map.entry("session.shared.1", new SessionEvent.Shared(PROCESS, Map.of(KEY, HEIR))),
            Map.entry("session.unshared.1", new SessionEvent.Unshared(PROCESS, Set.of(KEY))),
            Map.entry("session.books.3", books(List.of(LINGERING, IMPORTED), Map.of(PROCESS, Map.of(KEY, HEIR)))),
            Map.entry("ledger.joined.1", booked(new LedgerEvent.Joined(PROCESS, IMAGE, List.of(DEVICE), PAGE))),
            Map.entry("ledger.charged.1", booked(new LedgerEvent.Charged(PROCESS, DEVICE, 3L << 20))),
            Map.entry("ledger.held.1", booked(new LedgerEvent.Held(PROCESS, DEVICE, 9L << 30))),
            Map.entry("ledger.lingers.1", booked(new LedgerEvent.Lingers(PROCESS, IMAGE, Map.of(DEVICE, 6L << 20)))),
            Map.entry("ledger.lingered.1", booked(new LedgerEvent.Lingered(PROCESS, Map.of(DEVICE, 6L << 20)))),
            Map.entry("ledger.imported.1", booked(new LedgerEvent.Imported(PROCESS, DEVICE, 4L << 20))),
            Map.entry(
                    "ledger.left.1",
                    booked(new LedgerEvent.Left(PROCESS, IMAGE, LedgerEvent.Reason.EXECED, Map.of(DEVICE, 3L << 20)))),
            Map.entry("ledger.limit-changed.1", booked(new LedgerEvent.LimitChanged(LIMITS))),
            Map.entry("ledger.expired.1", booked(new LedgerEvent.Expired())),
            Map.entry("ledger.renewed.1", booked(new LedgerEvent.Renewed())),
            Map.entry("ledger.closed.1", booked(new LedgerEvent.Closed())));

    private Samples() {}

    private static SessionsEvent.Opened opened(Deadline deadline) {
        return new SessionsEvent.Opened(
                SESSION,
                3,
                "train",
                1000,
                "8GB,0=4GB",
                LIMITS,
                Optional.of(deadline),
                Optional.of(PROCESS),
                TOKEN,
                2,
                AT);
    }

    private static Register register(Deadline deadline) {
        return new Register(
                Optional.of("1b4e28ba-2fa1-11d2-883f-0016d3cca427"),
                Map.of(
                        SESSION,
                        new Register.Entry(
                                SESSION,
                                3,
                                "train",
                                1000,
                                "8GB,0=4GB",
                                LIMITS,
                                Optional.of(deadline),
                                true,
                                Optional.of(PROCESS),
                                List.of(TOKEN),
                                1,
                                AT)),
                List.of(new SessionId("fedcba9876543210")));
    }

    private static Books books(List<Remains> remains, Map<ProcessId, Map<ShareKey, Stake>> stakes) {
        return new Books(
                Optional.of(SESSION),
                new Ledger(
                        LIMITS,
                        true,
                        SessionState.EXPIRED,
                        List.of(new Member(PROCESS, IMAGE, List.of(DEVICE), List.of(3L << 20), PAGE)),
                        remains),
                Map.of(PROCESS, ADMITTED),
                stakes,
                5L << 20,
                new Counters(7, 6, 5));
    }

    private static SessionEvent booked(LedgerEvent event) {
        return new SessionEvent.Booked(event);
    }

    /**
     * Freezes what has no file yet; what has one is left alone.
     *
     * @param arguments the directory {@code frozen}
     */
    public static void main(String[] arguments) throws IOException {
        EventSerializer serializer = new EventSerializer();
        for (Map.Entry<String, Object> sample : ALL.entrySet()) {
            Path file = Path.of(arguments[0], sample.getKey() + ".cbor");
            if (!Files.exists(file)) {
                Files.write(file, serializer.toBinary(sample.getValue()));
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain;

import java.util.List;
import java.util.Map;

/** What happened to a ledger. Folded by {@link Ledger#apply}; one that cannot have happened throws there. */
public sealed interface LedgerEvent {
    /**
     * A process became a member with charge 0 everywhere; or the member that it already is has got another page
     * and keeps its charge.
     *
     * @param devices in the order of its HELLO: positions are the device numbers of its frames and its page
     */
    record Joined(ProcessId process, ImageId image, List<DeviceId> devices, PageIdentity page) implements LedgerEvent {
        public Joined {
            devices = List.copyOf(devices);
        }
    }

    /**
     * A charge was granted or collected.
     *
     * @param charge bytes that it is from now on: absolute, so that folding twice does no harm
     */
    record Charged(ProcessId process, DeviceId device, long charge) implements LedgerEvent {}

    /**
     * A process holds memory that nothing could refuse any more: its charge was raised whatever the limit and the
     * session's state.
     *
     * @param charge bytes that it is from now on, at least what it was
     */
    record Held(ProcessId process, DeviceId device, long charge) implements LedgerEvent {}

    /**
     * A member is dead, but others keep what it held from being freed: that stays counted, its credit is returned.
     *
     * @param held bytes where it held any, each at most its charge
     */
    record Lingers(ProcessId process, ImageId image, Map<DeviceId, Long> held) implements LedgerEvent {
        public Lingers {
            held = Map.copyOf(held);
        }
    }

    /**
     * Nobody keeps what a dead member held any longer.
     *
     * @param returned all that had stayed counted
     */
    record Lingered(ProcessId process, Map<DeviceId, Long> returned) implements LedgerEvent {
        public Lingered {
            returned = Map.copyOf(returned);
        }
    }

    /**
     * A process uses memory that another one paid for until now, or uses less of such memory than it did.
     *
     * @param bytes of it that it counts for from now on, whatever the limit and the session's state; 0: none
     */
    record Imported(ProcessId process, DeviceId device, long bytes) implements LedgerEvent {}

    /**
     * A member is gone, and its memory with it.
     *
     * @param returned its whole charge on every device where it had any
     */
    record Left(ProcessId process, ImageId image, Reason reason, Map<DeviceId, Long> returned) implements LedgerEvent {
        public Left {
            returned = Map.copyOf(returned);
        }
    }

    /** The session has other limits; they may be below what is held. */
    record LimitChanged(Limits limits) implements LedgerEvent {}

    /** The session's TTL is over. */
    record Expired() implements LedgerEvent {}

    /** The session has a new TTL; an expired one is active again. */
    record Renewed() implements LedgerEvent {}

    /** The session has ended. */
    record Closed() implements LedgerEvent {}

    /** How a member's image came to its end. */
    enum Reason {
        /** The process died. */
        DIED,
        /** The process lives on with another program, seen by its closed connection. */
        EXECED,
        /** The process came back with another image. */
        RECONNECTED
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import io.gpuslice.domain.Step;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** A thread of a guest that allocates and frees, one indivisible step at a time, as the interposer does. */
final class GuestThread {
    record Block(int device, long bytes) {}

    /** What this thread needs to know of the world and tells it. */
    interface Around {
        /** Sends CHARGE; false where there is no daemon. */
        boolean ask(GuestThread thread, int device, long bytes, boolean held);

        /** A new allocation is about to load its charge. */
        void begins(GuestThread thread, int device);

        /** The driver is about to give it. */
        void allocates(GuestThread thread, int device, long bytes);
    }

    final Guest guest;
    private final int number;
    private final Sabotage sabotage;
    private final Deque<Block> blocks = new ArrayDeque<>();
    private @Nullable Step next;
    private boolean waiting;
    private boolean granted;
    /** What it is about is held already. */
    private boolean holding;

    private int device;
    private long bytes;
    private long seen;

    /** When this allocation began, as the world counts: see {@link World}. */
    int beganAt;

    GuestThread(Guest guest, int number, Sabotage sabotage) {
        this.guest = guest;
        this.number = number;
        this.sabotage = sabotage;
    }

    boolean idle() {
        return next == null && !waiting;
    }

    boolean waiting() {
        return waiting;
    }

    /** Starts to allocate. */
    void allocate(int onDevice, long howMuch, Around around) {
        device = onDevice;
        bytes = howMuch;
        granted = false;
        holding = false;
        next = Step.LOAD;
        around.begins(this, device);
    }

    /** The driver has taken more than could be foreseen: starts to have it counted. */
    void hold(int onDevice, long howMuch) {
        device = onDevice;
        bytes = howMuch;
        granted = false;
        holding = true;
        guest.held[device] += bytes;
        guest.debt[device] += bytes;
        next = Step.LOAD;
    }

    /** There cannot be that much on any device: it was never taken. */
    void impossible() {
        if (!guest.dead) {
            guest.held[device] -= bytes;
            guest.debt[device] -= bytes;
        }
        waiting = false;
        next = null;
    }

    /** Starts to free its oldest block, if it has one. */
    void free() {
        if (!blocks.isEmpty()) {
            next = Step.TAKE;
        }
    }

    void answered(boolean yes) {
        waiting = false;
        granted = yes;
        next = yes ? Step.LOAD : holding ? Step.HOLD : null;
    }

    void step(Around around) {
        Step step = next;
        if (step == null) {
            return;
        }
        next = switch (step) {
            case LOAD -> load();
            case CAS_USED -> casUsed();
            case RECHECK -> fits(seen) || sabotage == Sabotage.NO_RECHECK ? counted() : Step.BACK_OFF;
            case BACK_OFF -> lowerUsed(holding ? Step.HOLD : Step.ASK);
            case ASK, HOLD -> ask(around);
            case DRIVER_ALLOC -> driverAlloc(around);
            case RECORD -> {
                blocks.add(new Block(device, bytes));
                yield null;
            }
            case TAKE -> take();
            case DRIVER_FREE -> {
                guest.held[device] -= bytes;
                yield sabotage == Sabotage.LOWER_USED_FIRST ? null : Step.LOWER_USED;
            }
            case LOWER_USED -> lowerUsed(sabotage == Sabotage.LOWER_USED_FIRST ? Step.DRIVER_FREE : null);
            case READ_USED, LOWER_CHARGE, REREAD_USED, RAISE_BACK, JOURNAL, RAISE_CHARGE, ANSWER, RECLAIM, REOPEN ->
                throw new AssertionError(step + " is the daemon's");
        };
    }

    private Step load() {
        seen = guest.used[device];
        boolean mayTry = granted || !guest.gated(device);
        return mayTry && fits(seen) ? Step.CAS_USED : holding ? Step.HOLD : Step.ASK;
    }

    private Step counted() {
        if (!holding) {
            return Step.DRIVER_ALLOC;
        }
        guest.debt[device] -= bytes;
        return Step.RECORD;
    }

    private boolean fits(long used) {
        long charge = guest.chargeOf(device);
        return used <= charge && bytes <= charge - used;
    }

    private Step casUsed() {
        if (guest.used[device] != seen) {
            return Step.LOAD;
        }
        guest.used[device] = seen + bytes;
        return Step.RECHECK;
    }

    private @Nullable Step lowerUsed(@Nullable Step then) {
        guest.used[device] -= bytes;
        return then;
    }

    private @Nullable Step ask(Around around) {
        granted = false;
        waiting = around.ask(this, device, bytes, holding);
        return holding && !waiting ? Step.HOLD : null;
    }

    private Step driverAlloc(Around around) {
        around.allocates(this, device, bytes);
        guest.held[device] += bytes;
        return Step.RECORD;
    }

    private Step take() {
        Block block = blocks.remove();
        device = block.device();
        bytes = block.bytes();
        return sabotage == Sabotage.LOWER_USED_FIRST ? Step.LOWER_USED : Step.DRIVER_FREE;
    }

    @Override
    public String toString() {
        return guest + "." + number;
    }
}

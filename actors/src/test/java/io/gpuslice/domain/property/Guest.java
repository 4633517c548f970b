// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.domain.property;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Page;
import io.gpuslice.domain.ProcessId;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** One image of a process: its page, what the driver has really given it, and its threads. */
final class Guest {
    final ProcessId process;
    final ImageId image;
    final List<DeviceId> devices;
    final long[] charge;
    final long[] used;
    final long[] held;
    /** What of it the driver gave unasked, and the session has not counted yet. */
    final long[] debt;
    /** What it held when it ended. */
    final long[] left;

    final List<GuestThread> threads;
    boolean joined;
    boolean dead;
    boolean pageLost;
    /** Its page has been lost and does not carry the session's rules again yet. */
    boolean unruled;

    boolean forger;
    /** Its page replaces a lost one and still says used 0: the guest's next step carries its numbers over. */
    boolean untaken;

    Guest(ProcessId process, ImageId image, List<DeviceId> devices, Sabotage sabotage) {
        this.process = process;
        this.image = image;
        this.devices = devices;
        charge = new long[devices.size()];
        used = new long[devices.size()];
        held = new long[devices.size()];
        debt = new long[devices.size()];
        left = new long[devices.size()];
        threads = IntStream.range(0, 2)
                .mapToObj(number -> new GuestThread(this, number, sabotage))
                .toList();
    }

    /** The charge word without its gate. */
    long chargeOf(int device) {
        return charge[device] & ~Page.GATED;
    }

    boolean gated(int device) {
        return (charge[device] & Page.GATED) != 0;
    }

    /** The used word of the page. */
    long word(int device) {
        return untaken ? 0 : used[device];
    }

    /** Whether the daemon can go by the page. */
    boolean pageCounts() {
        return !pageLost && !untaken;
    }

    /** An honest guest that can take steps. */
    boolean runs() {
        return joined && !dead && !forger;
    }

    /** Death, or the end of this image: the driver takes everything back; the page stays as it was. */
    void end() {
        if (!dead) {
            Arrays.setAll(left, device -> forger ? 0 : held[device] - debt[device]);
        }
        dead = true;
        Arrays.fill(held, 0);
        Arrays.fill(debt, 0);
    }

    boolean idle() {
        return threads.stream().allMatch(GuestThread::idle);
    }

    @Override
    public String toString() {
        return process + "/" + image;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.page;

import io.gpuslice.domain.DeviceId;
import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.Page;
import io.gpuslice.domain.PageIdentity;
import io.gpuslice.domain.ProcessId;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Makes ledger pages, and finds them again after a restart. */
public interface Pages {

    /**
     * A fresh page, with charge 0 everywhere, ready to be sent.
     *
     * @param process its member
     * @param image the program that the process runs
     * @param devices of its HELLO, in that order
     * @throws IOException if the kernel gives no memory or no descriptor; the message says what to do
     */
    MemberPage create(ProcessId process, ImageId image, List<DeviceId> devices) throws IOException;

    /**
     * The page that a process has kept open over a restart of the daemon. Reads {@code /proc}, so it blocks.
     *
     * @param devices of the process's HELLO, in that order
     * @param identity as journaled when the page was made
     * @return none if the process has no such page open, is dead, or may not be looked into
     */
    Optional<MemberPage> reopen(ProcessId process, List<DeviceId> devices, PageIdentity identity);

    /**
     * One member's page. All but {@link #snapshot} may be called from one thread only, the actors'. After
     * {@link #close} everything but a second close throws IllegalStateException.
     */
    interface MemberPage extends Page, AutoCloseable {

        PageIdentity identity();

        /** Bytes that the guest has to map. */
        long size();

        /**
         * A new descriptor of the page, for the guest; the caller closes it.
         *
         * @throws IOException if the kernel gives no descriptor
         */
        int duplicate() throws IOException;

        /**
         * Says for the process what it holds, until it says so itself. Only for a page that replaces a lost one, before
         * anybody else has it: else a collect would find it idle.
         *
         * @param device index into the process's devices
         * @param bytes its charge
         */
        void presetUsed(int device, long bytes);

        /** What the process says it has done so far, over all devices. */
        PageCounters counters();

        /**
         * The live allocations. Maps the page anew, so it may be called from any thread and takes its time.
         *
         * @param most allocations to return, and so a bound on the work, whatever the page says
         * @throws IOException if the page cannot be mapped
         */
        PageSnapshot snapshot(int most) throws IOException;

        /** Unmaps the page. The guest keeps its own mapping. */
        @Override
        void close();
    }
}

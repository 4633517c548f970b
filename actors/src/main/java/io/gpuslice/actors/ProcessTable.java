// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.domain.ImageId;
import io.gpuslice.domain.ProcessId;
import io.gpuslice.domain.SessionId;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the kernel's table of processes can tell. All of it may block for as long as a process holds its own memory map
 * locked: never call it on the event loop.
 */
public interface ProcessTable {

    /** The process's command line, arguments separated by blanks; empty if it is gone or hides it. */
    String command(ProcessId process);

    /** Whether the process lives. A zombie with other threads running does. */
    boolean isAlive(ProcessId process);

    /**
     * Whether the process has a page mapped that was made for this program. Any: one that it was given in place of a
     * lost one may not have reached it, but it never lets go of those that did.
     *
     * @return true also where its map cannot be seen: what cannot be seen is not taken away. And for as long as the
     *     program that takes its place has not begun to run: what it had open may still hold its memory
     */
    boolean hasPageOf(ProcessId process, ImageId image);

    /**
     * The living processes whose environment names the session; the daemon itself is never among them.
     *
     * @throws IOException if they cannot be listed: then nobody knows that there are none
     */
    List<ProcessId> inSession(SessionId session) throws IOException;

    /**
     * The living processes of each session: those whose environment names it, and the descendants of those and of the
     * roots. A process that has been left behind by its parents is found as a root alone.
     *
     * @param roots per session, processes that are known to belong to it; they are in the answer while they live
     * @throws IOException if they cannot be listed: then nobody knows that there are none
     */
    Map<SessionId, List<ProcessId>> relatives(Map<SessionId, Set<ProcessId>> roots) throws IOException;

    /** Whether the process has a device open; false where that cannot be seen, because it is another user's. */
    boolean holdsDevice(ProcessId process);

    /**
     * The process, which is no member, as one that the limit does not reach; none where it does. One with the interposer
     * in its memory joins at its first allocation: until then it holds nothing that would count.
     *
     * @param listed the driver lists it on a device. Without that, one that cannot be seen is left in peace
     */
    Optional<Unenforced> unenforced(ProcessId process, boolean listed);

    /**
     * Asks the process to end, or makes it. A process that is gone already is no error.
     *
     * @throws IOException if the kernel refuses
     */
    void end(ProcessId process, Urgency urgency) throws IOException;

    /** How a process is told to end. */
    enum Urgency {
        /** SIGTERM. */
        ASK,
        /** SIGKILL. */
        MAKE
    }
}

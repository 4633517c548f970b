// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/**
 * Many processes become members at once, each within the seconds that a program waits for the daemon: else it is refused.
 * As many as {@code gpuslice.registration.processes} says; a machine that is busy with other tests too answers fewer in
 * time than an idle one.
 */
class RegistrationTest {
    private static final int PROCESSES = Integer.getInteger("gpuslice.registration.processes", 100);

    @AutoClose
    private final Rig rig = Rig.idle();

    @Test
    void aCrowdThatRegistersAtOnceJoinsAndNoneIsRefused() {
        rig.daemon();
        Rig.Opened session = rig.open("64MB");
        // A daemon that has just started is compiling itself on the very cores that all of them need. The second crowd
        // comes while it still takes back what the first one held.
        crowd(session).finish().exitCode();

        Guest crowd = crowd(session);

        Rig.eventually(() -> rig.inspect(session.id()).path("processes").size() == PROCESSES);
        assertThat(rig.used(session.id())).isEqualTo(PROCESSES * 65536L).isEqualTo(rig.heldOnCard());
        crowd.finish().exitCode();
        String answers = crowd.output()
                .lines()
                .filter(line -> line.startsWith("got"))
                .findFirst()
                .orElseThrow();
        System.out.println("registration: " + answers);
        assertThat(answers).startsWith("got=" + PROCESSES + " refused=0 failed=0");
        Rig.eventually(() -> rig.charge(session.id()) == 0);
        assertThat(rig.inspect(session.id()).path("processes")).isEmpty();
    }

    /** Each has its answer. */
    private Guest crowd(Rig.Opened session) {
        Guest crowd = rig.modestly(session, "crowd", "--processes", PROCESSES, "--size", "64K");
        crowd.await("ready processes=" + PROCESSES);
        crowd.say("go");
        crowd.await("got");
        return crowd;
    }
}

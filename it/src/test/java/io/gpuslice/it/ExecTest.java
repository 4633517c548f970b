// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.it;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** A process that becomes another program holds nothing any more, whatever the daemon saw of it. */
class ExecTest {
    @AutoClose
    private final Rig rig = Rig.idle();

    private Guest daemon = rig.daemon();
    private final String session = rig.create("64MB");

    /** Holds the whole limit, and becomes {@code program} when it is told "now". */
    private Guest holder(Object... program) {
        Guest holder = rig.in(session, "execer", program);
        holder.await("ready held=64");
        return holder;
    }

    /** It has become cat, and cat has answered. */
    private static void becomeCat(Guest holder) {
        holder.say("now");
        holder.say("I am cat");
        holder.await("I am cat");
    }

    private void assertThatAllIsReturnedWhileItLives(Guest holder) {
        Rig.eventually(() -> rig.charge(session) == 0);
        assertThat(holder.alive()).isTrue();
    }

    @Test
    void aHolderThatExecsReturnsItsCharge() {
        Guest holder = holder("--", rig.tree.program("fill"), "--hold");

        holder.say("now");

        assertThat(holder.await("held")).startsWith("held=64 refused=2");
        assertThat(rig.used(session)).isEqualTo(64 * Rig.MIB);
    }

    @Test
    void aHolderThatBecomesAProgramWithoutCudaReturnsItsChargeToo() {
        Guest holder = holder("--", "/bin/cat");

        becomeCat(holder);

        assertThatAllIsReturnedWhileItLives(holder);
    }

    @Test
    void anExecWhileNoDaemonRunsReturnsTheChargeToTheNextOne() {
        Guest holder = holder("--", "/bin/cat");
        daemon.kill().exitCode();
        becomeCat(holder);

        daemon = rig.daemon();

        assertThatAllIsReturnedWhileItLives(holder);
    }

    @Test
    void anExecOfAHolderThatNeverSpokeToThisDaemonReturnsItsCharge() {
        Guest holder = holder("--", "/bin/cat");
        daemon.kill().exitCode();
        daemon = rig.daemon();
        assertThat(rig.charge(session)).isEqualTo(64 * Rig.MIB);

        becomeCat(holder);

        assertThatAllIsReturnedWhileItLives(holder);
    }

    @Test
    void anExecReturnsTheChargeEvenIfAChildKeepsTheSocketOpen() {
        Guest holder = holder("--keeper", "--", "/bin/sleep", "600");

        holder.say("now");

        assertThatAllIsReturnedWhileItLives(holder);
        assertThat(holder.program()).endsWith("/sleep");
    }

    @Test
    void whatAnExecLeftIsASiblingsAtItsFirstRequest() {
        Guest holder = holder("--keeper", "--", "/bin/sleep", "600");
        holder.say("now");
        Rig.eventually(() -> holder.program().endsWith("/sleep"));

        assertThat(rig.in(session, "fill").finish().output()).contains("held=64 refused=2");
    }
}

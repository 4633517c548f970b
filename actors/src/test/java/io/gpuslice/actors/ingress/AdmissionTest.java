// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.actors.Access;
import io.gpuslice.actors.Caller;
import io.gpuslice.actors.Served;
import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AdmissionTest {

    private static final int OWN = 1000;
    private static final int ROOT = 0;

    private final Admission admission =
            admission(new Access(false, OWN), 4, new IngressSettings.PerUser(3, "the rest is kept for others"));

    @Test
    void theOwnUidAndRootAreLetIn() {
        assertThat(admission.enter(of(OWN))).isEmpty();
        assertThat(admission.enter(of(ROOT))).isEmpty();
    }

    @Test
    void anotherUidIsRefused() {
        assertRefused(admission.enter(of(1001)), ErrorCode.FORBIDDEN, "uid 1000, not uid 1001");
    }

    @Test
    void aProcessThatTheKernelDoesNotShowIsRefused() {
        assertRefused(admission.enter(new Caller(0, OWN, false)), ErrorCode.FORBIDDEN, "pid namespace");
    }

    @Test
    void oneUserCannotTakeEveryConnection() {
        enter(OWN, 3);

        assertRefused(admission.enter(of(OWN)), ErrorCode.OVERLOADED, "3 connections of uid 1000");
        assertThat(admission.enter(of(ROOT))).isEmpty();
        assertRefused(admission.enter(of(ROOT)), ErrorCode.OVERLOADED, "4 connections are open");
    }

    @Test
    void whoLeavesMakesRoom() {
        enter(OWN, 3);

        admission.left(OWN);

        assertThat(admission.enter(of(OWN))).isEmpty();
        assertThat(admission.enter(of(OWN))).isPresent();
    }

    @Test
    void theSystemsDaemonLetsInWhomItIsToldByTheUserAndByTheGroupsOfTheProcess() {
        Served served = new Served(false, Set.of(1001), Set.of(50), Set.of(60));
        Admission system = admission(new Access(false, ROOT, served), 100, IngressSettings.rest(100));

        assertThat(system.enter(of(ROOT))).isEmpty();
        assertThat(system.enter(of(1001))).isEmpty();
        assertThat(system.enter(of(1002, 7, 50))).isEmpty();
        assertThat(system.enter(of(1003, 60))).isEmpty();
        assertRefused(
                system.enter(of(1002, 7)), ErrorCode.FORBIDDEN, "access.groups and access.admins name, not uid 1002");
    }

    @Test
    void everybodyIsEverybody() {
        Served served = new Served(true, Set.of(), Set.of(), Set.of());

        assertThat(admission(new Access(false, ROOT, served), 100, IngressSettings.rest(100))
                        .enter(of(54321)))
                .isEmpty();
    }

    @Test
    void theCapOfOneUsersConnectionsIsNamedWithTheNumber() {
        Admission capped = admission(
                new Access(false, OWN), 100, new IngressSettings.PerUser(1, "access.connections-per-user allows 1"));
        assertThat(capped.enter(of(OWN))).isEmpty();

        assertRefused(
                capped.enter(of(OWN)),
                ErrorCode.OVERLOADED,
                "1 connections of uid 1000 are open, and access.connections-per-user allows 1");
        assertThat(IngressSettings.rest(100).max()).isEqualTo(84);
        assertThat(IngressSettings.rest(100).because()).contains("the last 16 of 100 are kept for others");
    }

    private static Admission admission(Access access, int connections, IngressSettings.PerUser perUser) {
        return new Admission(new IngressSettings(
                Path.of("/run/s"),
                OperatorToken.of(Optional.empty()),
                access,
                Duration.ofSeconds(2),
                connections,
                perUser));
    }

    private static Caller of(int uid, Integer... gids) {
        return new Caller(42, uid, Set.of(gids), false);
    }

    private void enter(int uid, int times) {
        for (int i = 0; i < times; i++) {
            assertThat(admission.enter(of(uid))).isEmpty();
        }
    }

    private static void assertRefused(Optional<Frame.ErrorFrame> refusal, ErrorCode code, String because) {
        assertThat(refusal).get().isInstanceOfSatisfying(Frame.ErrorFrame.class, error -> {
            assertThat(error.code()).isEqualTo(code);
            assertThat(error.text()).contains(because);
        });
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors.ingress;

import static org.assertj.core.api.Assertions.assertThat;

import io.gpuslice.wire.ErrorCode;
import io.gpuslice.wire.Frame;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AdmissionTest {

    private static final int OWN = 1000;
    private static final int ROOT = 0;

    private final Admission admission = new Admission(new IngressSettings(
            Path.of("/run/s"), OperatorToken.of(Optional.empty()), OWN, Duration.ofSeconds(2), 4, 3));

    @Test
    void theOwnUidAndRootAreLetIn() {
        assertThat(admission.enter(42, OWN)).isEmpty();
        assertThat(admission.enter(42, ROOT)).isEmpty();
    }

    @Test
    void anotherUidIsRefused() {
        assertRefused(admission.enter(42, 1001), ErrorCode.FORBIDDEN, "uid 1000, not uid 1001");
    }

    @Test
    void aProcessThatTheKernelDoesNotShowIsRefused() {
        assertRefused(admission.enter(0, OWN), ErrorCode.FORBIDDEN, "pid namespace");
    }

    @Test
    void oneUserCannotTakeEveryConnection() {
        enter(OWN, 3);

        assertRefused(admission.enter(42, OWN), ErrorCode.OVERLOADED, "3 connections of uid 1000");
        assertThat(admission.enter(42, ROOT)).isEmpty();
        assertRefused(admission.enter(42, ROOT), ErrorCode.OVERLOADED, "4 connections are open");
    }

    @Test
    void whoLeavesMakesRoom() {
        enter(OWN, 3);

        admission.left(OWN);

        assertThat(admission.enter(42, OWN)).isEmpty();
        assertThat(admission.enter(42, OWN)).isPresent();
    }

    private void enter(int uid, int times) {
        for (int i = 0; i < times; i++) {
            assertThat(admission.enter(42, uid)).isEmpty();
        }
    }

    private static void assertRefused(Optional<Frame.ErrorFrame> refusal, ErrorCode code, String because) {
        assertThat(refusal).get().isInstanceOfSatisfying(Frame.ErrorFrame.class, error -> {
            assertThat(error.code()).isEqualTo(code);
            assertThat(error.text()).contains(because);
        });
    }
}

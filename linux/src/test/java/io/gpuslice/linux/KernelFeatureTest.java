// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KernelFeatureTest {
    private static final int OWN = (int) ProcessHandle.current().pid();

    @ParameterizedTest
    @EnumSource
    void whatFailsSaysTheCallAndIsNoOtherFailureThanThatTheKernelDoesNotHaveIt(KernelFeature feature) {
        feature.failure()
                .ifPresent(e -> assertThat(Set.of(38, Errno.EINVAL, Errno.ENOPROTOOPT))
                        .as(String.valueOf(e.getMessage()))
                        .contains(e.errno()));
    }

    @Test
    void askingLeavesNoDescriptorBehind() throws Exception {
        KernelFeature.MEMFD_SEALS.failure();
        int before = pidfdsAndMemfds();

        for (KernelFeature feature : KernelFeature.values()) {
            feature.failure();
        }

        assertThat(pidfdsAndMemfds()).isEqualTo(before);
    }

    /** Other threads of the test's JVM open files; none of these kinds. */
    private static int pidfdsAndMemfds() throws Exception {
        return (int) Procfs.descriptors(OWN).values().stream()
                .filter(name -> name.contains("pidfd") || name.contains("memfd:gpuslice-feature"))
                .count();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import io.gpuslice.linux.KernelFeature;
import org.junit.jupiter.api.Test;

class KernelChecksTest extends OnAMadeMachine {
    @Test
    void aKernelThatHasItAllIsFine() {
        FindingAssert.that(KernelChecks.pidfd(made.machine())).isOk("pidfd_open");
        FindingAssert.that(KernelChecks.peerPidfd(made.machine())).isOk("SO_PEERPIDFD");
        FindingAssert.that(KernelChecks.seals(made.machine())).isOk("memfd_create");
    }

    @Test
    void withoutPidfdsNothingWorks() {
        made.lacking.add(KernelFeature.PIDFD_OPEN);
        FindingAssert.that(KernelChecks.pidfd(made.machine()))
                .fails("Function not implemented", "Linux 5.3", "seccomp");
    }

    @Test
    void withoutPidfdsOfPeersThereIsAnotherWay() {
        made.lacking.add(KernelFeature.SO_PEERPIDFD);
        FindingAssert.that(KernelChecks.peerPidfd(made.machine())).warns("goes by their pid", "nothing has to be done");
    }

    @Test
    void withoutSealsNothingWorks() {
        made.lacking.add(KernelFeature.MEMFD_SEALS);
        FindingAssert.that(KernelChecks.seals(made.machine())).fails("no memory can be shared", "Linux 3.17");
    }
}

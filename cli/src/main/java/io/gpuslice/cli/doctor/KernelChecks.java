// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static io.gpuslice.cli.doctor.Finding.fail;
import static io.gpuslice.cli.doctor.Finding.ok;
import static io.gpuslice.cli.doctor.Finding.warn;

import io.gpuslice.linux.KernelFeature;

/** What gpuslice needs of the kernel. */
final class KernelChecks {
    private KernelChecks() {}

    static Finding pidfd(Machine machine) {
        return machine.lacking()
                .apply(KernelFeature.PIDFD_OPEN)
                .map(why -> fail(
                        "the daemon cannot hold processes: " + why,
                        "Linux 5.3 has pidfd_open; a container's seccomp profile may have to let it through"))
                .orElseGet(() -> ok("pidfd_open works"));
    }

    static Finding peerPidfd(Machine machine) {
        return machine.lacking()
                .apply(KernelFeature.SO_PEERPIDFD)
                .map(why -> warn(
                        "the kernel does not hold callers for the daemon: " + why
                                + "; it goes by their pid and checks that they are still there",
                        "nothing has to be done; Linux 6.5 has it"))
                .orElseGet(() -> ok("SO_PEERPIDFD works"));
    }

    static Finding seals(Machine machine) {
        return machine.lacking()
                .apply(KernelFeature.MEMFD_SEALS)
                .map(
                        why -> fail(
                                "no memory can be shared with programs: " + why,
                                "Linux 3.17 has memfd_create and its seals; a container's seccomp profile may have to let them through"))
                .orElseGet(() -> ok("memfd_create and seals work"));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import java.io.IOException;
import java.util.List;

/** Looks at a machine from all sides and says of each what is so. */
public final class Doctor {
    private static final List<Check> CHECKS = List.of(
            new Check("driver", DriverChecks::driver),
            new Check("libcuda", DriverChecks::libcuda),
            new Check("nvml", DriverChecks::nvml),
            new Check("device-files", DriverChecks::deviceFiles),
            new Check("environment", SurroundingsChecks::environment),
            new Check("library", EnforcementChecks::library),
            new Check("directories", ServiceChecks::directories),
            new Check("socket", ServiceChecks::socket),
            new Check("daemon", ServiceChecks::daemon),
            new Check("dashboard", ServiceChecks::dashboard),
            // After those that look at the daemon: it starts one where there is none.
            new Check("limit", EnforcementChecks::limit),
            new Check("other-daemons", ServiceChecks::neighbours),
            new Check("pidfd", KernelChecks::pidfd),
            new Check("peer-pidfd", KernelChecks::peerPidfd),
            new Check("memfd-seals", KernelChecks::seals),
            new Check("container", SurroundingsChecks::container),
            new Check("wsl", SurroundingsChecks::wsl),
            new Check("host-memory", SurroundingsChecks::memory),
            new Check("dmem", SurroundingsChecks::deviceMemory));

    private Doctor() {}

    /** A question about a machine. */
    @FunctionalInterface
    interface Question {
        Finding ask(Machine machine) throws IOException;
    }

    private record Check(String name, Question question) {
        Diagnosis of(Machine machine) {
            try {
                return new Diagnosis(name, question.ask(machine));
            } catch (IOException e) {
                return new Diagnosis(name, Finding.fail("cannot be looked at: " + e, "is it for this user to see?"));
            }
        }
    }

    /** What a check found, under the name that it has always had. */
    public record Diagnosis(String name, Finding finding) {}

    /** Asks everything, in an order that makes sense to people. */
    public static List<Diagnosis> examine(Machine machine) {
        return CHECKS.stream().map(check -> check.of(machine)).toList();
    }
}

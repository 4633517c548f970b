// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static io.gpuslice.cli.doctor.Finding.fail;
import static io.gpuslice.cli.doctor.Finding.ok;
import static io.gpuslice.cli.doctor.Finding.skip;

import io.gpuslice.cli.Context;
import io.gpuslice.config.Sizes;
import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Whether the library gets into programs, and a limit holds. */
final class EnforcementChecks {
    private static final long LIMIT = 64L << 20;
    private static final long ABOVE_LIMIT = LIMIT + (1L << 20);

    /** As CUDA numbers them. */
    private static final long SUCCESS = 0;

    private static final long OUT_OF_MEMORY = 2;

    private EnforcementChecks() {}

    static Finding library(Machine machine) {
        for (String name : List.of("libgpuslice.so", "gpuslice-probe")) {
            Path file = machine.installation().resolve("lib").resolve(name);
            if (!Files.isReadable(file)) {
                return fail(file + " is missing or may not be read", Context.INSTALL_ANEW);
            }
        }
        Path library = machine.installation().resolve("lib/libgpuslice.so");
        Machine.Said said = machine.probe().preloaded();
        if (said.code() != 0) {
            return fail(
                    "a program with " + library + " in it ended with exit code " + said.code() + said(said),
                    Context.INSTALL_ANEW);
        }
        long major = said.number("major");
        if (major < 0) {
            return fail(
                    "the dynamic loader does not take " + library + said(said),
                    "is it on a file system mounted noexec, or for another glibc? Else " + Context.INSTALL_ANEW);
        }
        return major == Abi.ABI_MAJOR
                ? ok(library.toString())
                : fail(
                        library + " speaks protocol " + major + ", and this gpuslice " + Abi.ABI_MAJOR,
                        Context.INSTALL_ANEW);
    }

    static Finding limit(Machine machine) throws IOException {
        if (CudaLibrary.find(machine, "libcuda.so.1").isEmpty()) {
            return skip("no libcuda.so.1 to try it with");
        }
        String session = machine.environment().getOrDefault("GPUSLICE_SESSION", "");
        if (!session.isEmpty()) {
            return skip("this is inside session " + session + ", and `run` opens none in another; try outside of it");
        }
        Machine.Said said = machine.probe().limited(LIMIT, ABOVE_LIMIT);
        String under = "under `run --limit " + (LIMIT >> 20) + "MB`";
        if (said.code() != 0) {
            return fail(under + " the probe did not run" + said(said), "do as that says");
        }
        long init = said.number("init");
        return init == SUCCESS ? judged(said, under) : noCuda(init, machine);
    }

    private static Finding judged(Machine.Said said, String under) {
        long small = said.number("small");
        long large = said.number("large");
        long total = said.number("total");
        String asked = under + " an allocation of " + Sizes.format(ABOVE_LIMIT);
        if (large == SUCCESS) {
            return fail(
                    asked + " was granted",
                    "see that nothing takes libgpuslice.so out of LD_PRELOAD; GPUSLICE_DEBUG=1 shows what it does");
        }
        if (large != OUT_OF_MEMORY) {
            return fail(
                    asked + " ended with CUDA error " + large, "see what the driver says: `sudo dmesg | grep -i nvrm`");
        }
        if (total != LIMIT) {
            return fail(
                    asked + " was refused, and not by gpuslice: the program sees " + Sizes.format(total) + " of memory",
                    "see that nothing takes libgpuslice.so out of LD_PRELOAD; GPUSLICE_DEBUG=1 shows what it does");
        }
        return small == SUCCESS
                ? ok(asked + " was refused, one of 1 MiB was granted, and the program sees a GPU of "
                        + Sizes.format(total))
                : fail(
                        under + " an allocation of 1 MiB was refused as well (CUDA error " + small + ")",
                        "is the GPU full? `nvidia-smi` says who has its memory");
    }

    private static Finding noCuda(long code, Machine machine) {
        String meaning = switch ((int) code) {
            case -1 -> "libcuda.so.1 cannot be loaded, or lacks a function that CUDA has had since 7.0";
            case 2 -> "no memory is left for a context";
            case 100 -> "no GPU that CUDA may use";
            case 101 -> "no GPU of that number";
            case 46 -> "the GPU is another process's alone, or switched off for computing";
            case 802 -> "the system is not ready yet";
            case 803 -> "the driver's module and libcuda.so.1 are of different versions";
            default -> "see CUDA's list of errors";
        };
        String visible = machine.environment().getOrDefault("CUDA_VISIBLE_DEVICES", "");
        return fail(
                "CUDA does not start (error " + code + "): " + meaning,
                visible.isEmpty()
                        ? "try `nvidia-smi`: where it fails as well, it is the driver's"
                        : "CUDA_VISIBLE_DEVICES is " + visible + ": is there such a GPU?");
    }

    /** What was said on stderr, as a clause. */
    private static String said(Machine.Said said) {
        return said.errors().isBlank() ? "" : ": " + said.errors().strip().replaceAll("\\s*\n\\s*", "; ");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import io.gpuslice.wire.Abi;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EnforcementChecksTest extends OnAMadeMachine {
    private static final String LIMIT = String.valueOf(64 << 20);
    private static final String CARD = String.valueOf(24L << 30);

    // ---- the library

    private FindingAssert library() {
        return FindingAssert.that(EnforcementChecks.library(made.machine()));
    }

    private void installed() throws IOException {
        made.file("/opt/gpuslice/lib/libgpuslice.so", "");
        made.file("/opt/gpuslice/lib/gpuslice-probe", "");
    }

    @Test
    void aLibraryThatGetsIntoProgramsIsFine() throws IOException {
        installed();
        made.preloaded = new Machine.Said(0, Map.of("major", String.valueOf(Abi.ABI_MAJOR)), "");
        library().isOk("libgpuslice.so");
    }

    @Test
    void anInstallationWithoutItsLibraryFails() {
        library().fails("libgpuslice.so is missing", "install gpuslice anew");
    }

    @Test
    void anInstallationWithoutItsProbeFails() throws IOException {
        made.file("/opt/gpuslice/lib/libgpuslice.so", "");
        library().fails("gpuslice-probe is missing", "install gpuslice anew");
    }

    @Test
    void aLibraryThatTheLoaderPassesOverFailsInTheLoadersWords() throws IOException {
        installed();
        made.preloaded = new Machine.Said(
                0, Map.of(), "ERROR: ld.so: object '/x.so' from LD_PRELOAD cannot be preloaded: ignored.\n");
        library().fails("does not take", "cannot be preloaded: ignored", "noexec");
    }

    @Test
    void aLibraryOfAnotherProtocolFails() throws IOException {
        installed();
        made.preloaded = new Machine.Said(0, Map.of("major", String.valueOf(Abi.ABI_MAJOR + 1)), "");
        library().fails("speaks protocol " + (Abi.ABI_MAJOR + 1), "this gpuslice " + Abi.ABI_MAJOR);
    }

    @Test
    void aProgramThatCannotRunWithItFails() throws IOException {
        installed();
        made.preloaded = new Machine.Said(126, Map.of(), "Permission denied");
        library().fails("exit code 126: Permission denied");
    }

    // ---- the limit

    private FindingAssert limit() throws IOException {
        return FindingAssert.that(EnforcementChecks.limit(made.machine()));
    }

    private void probeSays(String init, String small, String large, String total) throws IOException {
        made.library("/usr/lib/libcuda.so.1");
        made.limited = new Machine.Said(0, Map.of("init", init, "small", small, "large", large, "total", total), "");
    }

    @Test
    void withoutLibcudaThereIsNothingToTryItWith() throws IOException {
        limit().isSkipped("no libcuda.so.1");
    }

    @Test
    void insideASessionItIsNotTried() throws IOException {
        made.library("/usr/lib/libcuda.so.1");
        made.environment.put("GPUSLICE_SESSION", "0123456789abcdef");
        limit().isSkipped("inside session 0123456789abcdef");
    }

    @Test
    void aRefusedAllocationIsWhatIsWanted() throws IOException {
        probeSays("0", "0", "2", LIMIT);
        limit().isOk("65.0 MiB was refused", "1 MiB was granted", "a GPU of 64.0 MiB");
    }

    @Test
    void anAllocationAboveTheLimitThatIsGrantedFails() throws IOException {
        probeSays("0", "0", "0", CARD);
        limit().fails("65.0 MiB was granted", "GPUSLICE_DEBUG=1");
    }

    @Test
    void aRefusalOfTheDriversOwnProvesNothing() throws IOException {
        probeSays("0", "0", "2", CARD);
        limit().fails("not by gpuslice", "24.0 GiB", "LD_PRELOAD");
    }

    @Test
    void anotherErrorThanOutOfMemoryFailsWithItsNumber() throws IOException {
        probeSays("0", "0", "700", LIMIT);
        limit().fails("CUDA error 700");
    }

    @Test
    void aFullGpuFails() throws IOException {
        probeSays("0", "2", "2", LIMIT);
        limit().fails("1 MiB was refused as well (CUDA error 2)", "nvidia-smi");
    }

    @Test
    void aCudaThatDoesNotStartFailsWithWhatItsErrorMeans() throws IOException {
        probeSays("803", "-1", "-1", "-1");
        limit().fails("error 803", "different versions", "nvidia-smi");
    }

    @Test
    void aHiddenGpuIsTheEnvironmentsDoing() throws IOException {
        probeSays("100", "-1", "-1", "-1");
        made.environment.put("CUDA_VISIBLE_DEVICES", "7");
        limit().fails("no GPU that CUDA may use", "CUDA_VISIBLE_DEVICES is 7");
    }

    @Test
    void aRunThatFailsIsShownInItsOwnWords() throws IOException {
        made.library("/usr/lib/libcuda.so.1");
        made.limited = new Machine.Said(125, Map.of(), "gpuslice: the daemon refused\n  look at its log\n");
        limit().fails("gpuslice: the daemon refused; look at its log");
    }
}

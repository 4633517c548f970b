// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class DriverChecksTest extends OnAMadeMachine {
    private static final String DIRECTORY = "/usr/lib/x86_64-linux-gnu";

    // ---- driver

    private FindingAssert driver() throws IOException {
        return FindingAssert.that(DriverChecks.driver(made.machine()));
    }

    @Test
    void theVersionOfTheLoadedModuleIsShown() throws IOException {
        made.driver("550.54.14");
        driver().isOk("NVIDIA 550.54.14");
    }

    @Test
    void theOpenModuleSaysItsVersionInOtherWords() throws IOException {
        made.file(
                "/proc/driver/nvidia/version",
                "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build  (dvs-builder@U16)\n");
        driver().isOk("NVIDIA 560.35.03");
    }

    @Test
    void aCardWithoutItsDriverFails() throws IOException {
        made.file("/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
        made.file("/sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
        driver().fails("PCI 0000:01:00.0", "not loaded", "modprobe nvidia");
    }

    @Test
    void theSoundOfACardIsNoCard() throws IOException {
        made.file("/sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");
        made.file("/sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
        driver().isSkipped("no NVIDIA GPU here");
    }

    @Test
    void onWindowsTheDriverIsNotInHere() throws IOException {
        made.file("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n");
        driver().isSkipped("Windows");
    }

    // ---- libcuda

    private FindingAssert libcuda() throws IOException {
        return FindingAssert.that(DriverChecks.libcuda(made.machine()));
    }

    /** As the driver's package puts it there: a link to a file that is named by its version. */
    private void libcudaOf(String version) throws IOException {
        made.library(DIRECTORY + "/libcuda.so." + version);
        Files.createSymbolicLink(made.machine().at(DIRECTORY + "/libcuda.so.1"), Path.of("libcuda.so." + version));
    }

    @Test
    void libcudaOfTheLoadedDriverIsFine() throws IOException {
        made.driver("550.54.14");
        libcudaOf("550.54.14");
        libcuda().isOk(DIRECTORY + "/libcuda.so.1, of driver 550.54.14");
    }

    @Test
    void libcudaOfAnotherDriverThanTheLoadedOneFailsWithBothVersions() throws IOException {
        made.driver("550.54.14");
        libcudaOf("550.90.07");
        libcuda().fails("550.54.14", "550.90.07", "restart the machine");
    }

    @Test
    void theSimulatedDriverIsSaidToBeOne() throws IOException {
        made.environment.put("LD_LIBRARY_PATH", "/build/fakecuda");
        made.simulated("/build/fakecuda/libcuda.so.1");
        libcuda().warns("only the simulated driver", "/build/fakecuda/libcuda.so.1");
    }

    @Test
    void theSimulatedDriverInFrontOfARealOneIsToBeTakenAway() throws IOException {
        made.driver("550.54.14");
        libcudaOf("550.54.14");
        made.environment.put("LD_LIBRARY_PATH", "/build/fakecuda");
        made.simulated("/build/fakecuda/libcuda.so.1");
        libcuda().warns("only the simulated driver", "take its directory out of LD_LIBRARY_PATH");
    }

    @Test
    void theStubToLinkWithFails() throws IOException {
        made.environment.put("LD_LIBRARY_PATH", "/usr/local/cuda/lib64/stubs");
        made.library("/usr/local/cuda/lib64/stubs/libcuda.so.1");
        libcuda().fails("stub", "LD_LIBRARY_PATH");
    }

    @Test
    void withoutLibcudaADriverIsOfNoUse() throws IOException {
        made.driver("550.54.14");
        libcuda().fails("no libcuda.so.1", "libcuda1", "--gpus all");
    }

    @Test
    void withoutAnythingThereIsAWarning() throws IOException {
        libcuda().warns("programs find no GPU", "install NVIDIA's driver");
    }

    @Test
    void libcudaOfWindowsThatTheLoaderDoesNotFindFails() throws IOException {
        made.library("/usr/lib/wsl/lib/libcuda.so.1");
        libcuda().fails("/usr/lib/wsl/lib", "ldconfig");
    }

    // ---- NVML

    private FindingAssert nvml() throws IOException {
        return FindingAssert.that(DriverChecks.nvml(made.machine()));
    }

    @Test
    void nvmlIsFound() throws IOException {
        libcudaOf("550.54.14");
        made.library(DIRECTORY + "/libnvidia-ml.so.1");
        nvml().isOk(DIRECTORY + "/libnvidia-ml.so.1");
    }

    @Test
    void withoutNvmlTheGpusCanBeNamed() throws IOException {
        libcudaOf("550.54.14");
        nvml().warns("no libnvidia-ml.so.1", "the setting `devices`");
    }

    @Test
    void theSimulatedNvmlIsSaidToBeOne() throws IOException {
        made.environment.put("LD_LIBRARY_PATH", "/build/fakecuda");
        made.simulated("/build/fakecuda/libcuda.so.1");
        made.simulated("/build/fakecuda/libnvidia-ml.so.1");
        nvml().warns("simulated");
    }

    @Test
    void withoutLibcudaNobodyAsksForNvml() throws IOException {
        nvml().isSkipped("no libcuda.so.1");
    }

    // ---- device files

    private FindingAssert deviceFiles() throws IOException {
        return FindingAssert.that(DriverChecks.deviceFiles(made.machine()));
    }

    @Test
    void deviceFilesThatMayBeOpenedAreFine() throws IOException {
        made.driver("550.54.14");
        made.file("/dev/nvidia0", "");
        made.file("/dev/nvidiactl", "");
        made.file("/dev/nvidia-modeset", "");
        deviceFiles().isOk("/dev/nvidia0, ", "/dev/nvidiactl");
    }

    @Test
    void aDeviceFileThatIsNotForThisUserFailsWithItsGroup() throws IOException {
        made.driver("550.54.14");
        made.notForUs.add(made.file("/dev/nvidia0", ""));
        deviceFiles().fails("/dev/nvidia0", "belongs to group", "usermod");
    }

    @Test
    void aDriverWithoutADeviceFileFails() throws IOException {
        made.driver("550.54.14");
        made.file("/dev/nvidiactl", "");
        deviceFiles().fails("no /dev/nvidia0", "nvidia-modprobe");
    }

    @Test
    void withoutADriverThereAreNoDeviceFilesToLookAt() throws IOException {
        deviceFiles().isSkipped("no module");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class SurroundingsChecksTest extends OnAMadeMachine {
    // ---- the environment

    @Test
    void aMisspeltVariableIsNamedWithTheOneThatWasMeant() {
        made.environment.put("GPUSLICE_STATEDIR", "/var");
        FindingAssert.that(SurroundingsChecks.environment(made.machine()))
                .warns("GPUSLICE_STATEDIR", "did you mean GPUSLICE_STATE_DIR?", "unset it");
    }

    @Test
    void anEnvironmentWithoutMistakesIsFine() {
        made.environment.put("GPUSLICE_STATE_DIR", "/var");
        FindingAssert.that(SurroundingsChecks.environment(made.machine())).isOk("misspelt");
    }

    // ---- containers

    private FindingAssert container() {
        return FindingAssert.that(SurroundingsChecks.container(made.machine()));
    }

    @Test
    void outsideOfContainersAllIsWell() {
        container().isOk("not in a container");
    }

    @Test
    void aContainerWithTheGpuIsFine() throws IOException {
        made.file("/.dockerenv", "");
        made.file("/dev/nvidiactl", "");
        container().isOk("docker", "has the GPU");
    }

    @Test
    void aContainerWithoutTheGpuIsToldHowToGetIt() throws IOException {
        made.file("/run/.containerenv", "");
        container().warns("podman", "no GPU", "--device nvidia.com/gpu=all");
    }

    @Test
    void aPodIsKnownByItsControlGroup() throws IOException {
        made.file("/proc/self/cgroup", "0::/kubepods/burstable/pod1234/abc\n");
        container().warns("kubepods");
    }

    // ---- WSL

    private FindingAssert wsl() {
        return FindingAssert.that(SurroundingsChecks.wsl(made.machine()));
    }

    @Test
    void linuxItselfIsNotWsl() throws IOException {
        made.file("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
        wsl().isSkipped("not WSL");
    }

    @Test
    void wsl2WithAGpuIsFine() throws IOException {
        made.file("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n");
        made.file("/dev/dxg", "");
        wsl().isOk("WSL 2 with a GPU");
    }

    @Test
    void wsl2WithoutAGpuNeedsTheDriverOnWindows() throws IOException {
        made.file("/proc/sys/kernel/osrelease", "5.15.153.1-microsoft-standard-WSL2\n");
        wsl().warns("no GPU", "driver on Windows");
    }

    @Test
    void wsl1Fails() throws IOException {
        made.file("/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n");
        wsl().fails("WSL 1", "--set-version");
    }

    // ---- control groups

    private FindingAssert memory() {
        return FindingAssert.that(SurroundingsChecks.memory(made.machine()));
    }

    private FindingAssert deviceMemory() {
        return FindingAssert.that(SurroundingsChecks.deviceMemory(made.machine()));
    }

    private void inGroup(String group) throws IOException {
        made.file("/proc/self/mountinfo", """
                31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
                35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
                """);
        made.file("/proc/self/cgroup", "4:memory:/old\n0::" + group + "\n");
    }

    @Test
    void withoutControlGroupsOfVersion2ThereIsNothingToLookAt() throws IOException {
        made.file("/proc/self/cgroup", "4:memory:/\n");
        memory().isSkipped("version 2");
        deviceMemory().isSkipped("no dmem");
    }

    @Test
    void noLimitOnHostMemoryIsFine() throws IOException {
        inGroup("/user.slice/app");
        made.file("/sys/fs/cgroup/user.slice/memory.max", "max\n");
        memory().isOk("no limit");
    }

    @Test
    void theTightestLimitOfAllGroupsAboveIsShown() throws IOException {
        inGroup("/user.slice/app");
        made.file("/sys/fs/cgroup/user.slice/app/memory.max", "8589934592\n");
        made.file("/sys/fs/cgroup/user.slice/memory.max", "4294967296\n");
        memory().isOk("4.0 GiB", "/sys/fs/cgroup/user.slice/memory.max");
    }

    @Test
    void tooLittleForADaemonIsAWarning() throws IOException {
        inGroup("/small");
        made.file("/sys/fs/cgroup/small/memory.max", "134217728\n");
        memory().warns("128.0 MiB", "512.0 MiB", "raise it");
    }

    @Test
    void aControllerOfDeviceMemoryWithoutLimitsIsFine() throws IOException {
        inGroup("/job");
        made.file("/sys/fs/cgroup/job/cgroup.controllers", "cpu memory dmem\n");
        made.file("/sys/fs/cgroup/job/dmem.max", "drm/0000:01:00.0/vram max\n");
        deviceMemory().isOk("sets no limit");
    }

    @Test
    void limitsOfThatControllerAreShownForTheyHoldAsWell() throws IOException {
        inGroup("/job");
        made.file("/sys/fs/cgroup/cgroup.controllers", "cpu memory dmem\n");
        made.file("/sys/fs/cgroup/job/dmem.max", "drm/0000:01:00.0/vram 4294967296\ndrm/0000:02:00.0/vram max\n");
        deviceMemory().warns("drm/0000:01:00.0/vram to 4.0 GiB", "/sys/fs/cgroup/job", "the smaller");
    }
}

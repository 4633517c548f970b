// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static io.gpuslice.cli.doctor.Finding.fail;
import static io.gpuslice.cli.doctor.Finding.ok;
import static io.gpuslice.cli.doctor.Finding.skip;
import static io.gpuslice.cli.doctor.Finding.warn;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** NVIDIA's driver: its module, its libraries and its device files. */
final class DriverChecks {
    private static final String MODULE = "/proc/driver/nvidia/version";

    /** {@code NVIDIA UNIX x86_64 Kernel Module  550.54.14  …}, or {@code … Open Kernel Module for x86_64  560.35.03  …}. */
    private static final Pattern MODULE_VERSION = Pattern.compile("Kernel Module(?: for \\S+)?\\s+(\\d+[\\d.]*)");

    private static final String NVIDIA = "0x10de";
    /** PCI classes of display controllers begin with it. */
    private static final String DISPLAY = "0x03";

    private static final Pattern GPU_NODE = Pattern.compile("nvidia\\d+");

    private DriverChecks() {}

    /** The version of the module that the kernel has loaded. */
    private static Optional<String> module(Machine machine) {
        return machine.text(MODULE)
                .map(MODULE_VERSION::matcher)
                .map(version -> version.find() ? version.group(1) : "of an unknown version");
    }

    static Finding driver(Machine machine) throws IOException {
        Optional<String> module = module(machine);
        if (module.isPresent()) {
            return ok("NVIDIA " + module.get());
        }
        if (SurroundingsChecks.isWsl(machine)) {
            return skip("Windows has it");
        }
        List<String> cards = cards(machine);
        return cards.isEmpty()
                ? skip("no NVIDIA GPU here, and no driver for one")
                : fail(
                        "an NVIDIA GPU is there (PCI " + String.join(", ", cards) + "), and its driver is not loaded",
                        "`sudo modprobe nvidia`; if that fails, install NVIDIA's driver, and see `sudo dmesg | grep -i nvidia`");
    }

    private static List<String> cards(Machine machine) throws IOException {
        return machine.in("/sys/bus/pci/devices", _ -> true).stream()
                .map(device -> device.getFileName().toString())
                .filter(device -> is(machine, device, "vendor", NVIDIA) && is(machine, device, "class", DISPLAY))
                .toList();
    }

    private static boolean is(Machine machine, String device, String file, String beginning) {
        return machine.text("/sys/bus/pci/devices/" + device + "/" + file)
                .filter(text -> text.startsWith(beginning))
                .isPresent();
    }

    static Finding libcuda(Machine machine) throws IOException {
        Optional<CudaLibrary> found = CudaLibrary.find(machine, "libcuda.so.1");
        Optional<String> module = module(machine);
        if (found.isEmpty()) {
            return withoutLibcuda(machine, module);
        }
        CudaLibrary library = found.get();
        if (library.isSimulated()) {
            return warn(
                    "only the simulated driver is found: " + library,
                    module.isPresent() ? "for the real one take its directory out of LD_LIBRARY_PATH" : "");
        }
        if (library.isStub()) {
            return fail(
                    library + " is the CUDA toolkit's stub, which is there to link with and cannot do anything",
                    "take its directory out of LD_LIBRARY_PATH");
        }
        Optional<String> version = library.version();
        if (module.isPresent() && version.isPresent() && !version.equals(module)) {
            return fail(
                    library + " is of driver " + version.get() + ", and the loaded module is " + module.get()
                            + ": CUDA will not start",
                    "after an update of the driver restart the machine; in a container restart the container");
        }
        return ok(library + version.map(of -> ", of driver " + of).orElse(""));
    }

    private static Finding withoutLibcuda(Machine machine, Optional<String> module) {
        String windows = "/usr/lib/wsl/lib";
        if (machine.has(windows + "/libcuda.so.1")) {
            return fail(
                    "the dynamic loader does not find libcuda.so.1, which is in " + windows,
                    "`sudo ldconfig`, or put " + windows + " into LD_LIBRARY_PATH");
        }
        return module.isPresent()
                ? fail(
                        "the driver's module is loaded, and the dynamic loader finds no libcuda.so.1",
                        "install the driver's CUDA part (Debian: libcuda1); a container needs NVIDIA's toolkit: "
                                + "`docker run --gpus all`, `podman run --device nvidia.com/gpu=all`")
                : warn(
                        "no libcuda.so.1: programs find no GPU on this machine",
                        "install NVIDIA's driver; without a GPU, LD_LIBRARY_PATH can lead to the simulated one (build/fakecuda)");
    }

    static Finding nvml(Machine machine) throws IOException {
        if (CudaLibrary.find(machine, "libcuda.so.1").isEmpty()) {
            return skip("no libcuda.so.1 either");
        }
        Optional<CudaLibrary> found = CudaLibrary.find(machine, "libnvidia-ml.so.1");
        if (found.isEmpty()) {
            return warn(
                    "no libnvidia-ml.so.1: the daemon cannot tell which GPUs there are, nor how large",
                    "install it (Debian: libnvidia-ml1), or name the GPUs in the setting `devices`");
        }
        return found.get().isSimulated()
                ? warn("only the simulated one is found: " + found.get(), "")
                : ok(found.get().toString());
    }

    static Finding deviceFiles(Machine machine) throws IOException {
        if (module(machine).isEmpty()) {
            return skip("no module of NVIDIA's is loaded");
        }
        List<Path> gpus = machine.in("/dev", name -> GPU_NODE.matcher(name).matches());
        if (gpus.isEmpty()) {
            return fail(
                    "the driver is loaded, and there is no /dev/nvidia0",
                    "on a host `sudo nvidia-modprobe -c 0 -u`; a container must be given the GPU: "
                            + "`docker run --gpus all`, `podman run --device nvidia.com/gpu=all`");
        }
        List<Path> needed = machine.in(
                "/dev",
                name -> GPU_NODE.matcher(name).matches() || name.equals("nvidiactl") || name.equals("nvidia-uvm"));
        for (Path node : needed) {
            if (!machine.usable().test(node)) {
                String group = Files.readAttributes(node, PosixFileAttributes.class)
                        .group()
                        .getName();
                return fail(
                        "you (uid " + machine.uid() + ") may not open " + node + ", which belongs to group " + group,
                        "`sudo usermod -a -G " + group + " USER`, then log in anew");
            }
        }
        return ok(needed.stream().map(Path::toString).collect(Collectors.joining(", ")));
    }
}

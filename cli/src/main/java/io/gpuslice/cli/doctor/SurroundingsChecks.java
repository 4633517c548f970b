// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.doctor;

import static io.gpuslice.cli.doctor.Finding.fail;
import static io.gpuslice.cli.doctor.Finding.ok;
import static io.gpuslice.cli.doctor.Finding.skip;
import static io.gpuslice.cli.doctor.Finding.warn;

import io.gpuslice.config.Sizes;
import io.gpuslice.config.Variables;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What gpuslice runs in: an environment, a container, WSL2, a control group. */
final class SurroundingsChecks {
    /** The daemon's heap may grow to 256 MiB, and a JVM is more than its heap. */
    private static final long LEAST_MEMORY = 512L << 20;

    private static final Pattern CONTAINER =
            Pattern.compile("(docker|libpod|kubepods|lxc|containerd|crio|machine\\.slice)");

    private SurroundingsChecks() {}

    // ---- the environment

    static Finding environment(Machine machine) {
        List<String> unread = Variables.unread(machine.environment());
        return unread.isEmpty()
                ? ok("no variable that begins with GPUSLICE_ is misspelt")
                : warn(String.join("; ", unread), "unset it, or write the one that is meant");
    }

    // ---- containers

    static Finding container(Machine machine) {
        Optional<String> kind = containerKind(machine);
        if (kind.isEmpty()) {
            return ok("not in a container");
        }
        boolean hasGpu = machine.has("/dev/nvidiactl") || machine.has("/dev/dxg");
        String inside = "in a container (" + kind.get() + ")";
        return hasGpu
                ? ok(inside + " that has the GPU")
                : warn(
                        inside + " that was given no GPU",
                        "`docker run --gpus all` or `podman run --device nvidia.com/gpu=all`, with NVIDIA's container toolkit");
    }

    private static Optional<String> containerKind(Machine machine) {
        if (machine.has("/.dockerenv")) {
            return Optional.of("docker");
        }
        if (machine.has("/run/.containerenv")) {
            return Optional.of("podman");
        }
        Matcher group = CONTAINER.matcher(machine.text("/proc/self/cgroup").orElse(""));
        return group.find() ? Optional.of(group.group()) : Optional.empty();
    }

    // ---- WSL

    static boolean isWsl(Machine machine) {
        return release(machine).contains("microsoft");
    }

    private static String release(Machine machine) {
        return machine.text("/proc/sys/kernel/osrelease").orElse("").toLowerCase(Locale.ROOT);
    }

    static Finding wsl(Machine machine) {
        if (!isWsl(machine)) {
            return skip("not WSL");
        }
        if (!release(machine).contains("wsl2")) {
            return fail("this is WSL 1, which has no GPU and no Linux kernel", "`wsl --set-version DISTRIBUTION 2`");
        }
        return machine.has("/dev/dxg")
                ? ok(
                        "WSL 2 with a GPU; NVML lists no processes there, and a GPU that the desktop uses has less free memory")
                : warn(
                        "WSL 2 without /dev/dxg: no GPU",
                        "install NVIDIA's driver on Windows, none in here, then `wsl --update` and `wsl --shutdown`");
    }

    // ---- control groups

    /**
     * Directories of this process's control group in the hierarchy of version 2 and of those above it, innermost first;
     * none where that is not mounted.
     */
    private static List<String> groups(Machine machine) {
        Optional<String> mount = machine.text("/proc/self/mountinfo").stream()
                .flatMap(String::lines)
                // … mount point … - type source options
                .filter(line -> line.contains(" - cgroup2 "))
                .map(line -> line.split(" ")[4])
                .findFirst();
        Optional<String> own = machine.text("/proc/self/cgroup").stream()
                .flatMap(String::lines)
                .filter(line -> line.startsWith("0::"))
                .map(line -> line.substring(3))
                .findFirst();
        List<String> groups = new ArrayList<>();
        if (mount.isPresent() && own.isPresent()) {
            for (Path at = Path.of(own.get()); at != null; at = at.getParent()) {
                groups.add(mount.get() + (at.toString().equals("/") ? "" : at));
            }
        }
        return groups;
    }

    static Finding memory(Machine machine) {
        List<String> groups = groups(machine);
        if (groups.isEmpty()) {
            return skip("no control groups of version 2");
        }
        long least = Long.MAX_VALUE;
        String where = "";
        for (String group : groups) {
            String max = machine.text(group + "/memory.max").orElse("max");
            if (max.matches("\\d{1,18}") && Long.parseLong(max) < least) {
                least = Long.parseLong(max);
                where = group;
            }
        }
        if (where.isEmpty()) {
            return ok("no limit on the host's memory");
        }
        String limit = "host memory is limited to " + Sizes.format(least) + " by " + where + "/memory.max";
        return least < LEAST_MEMORY
                ? warn(
                        limit + ", and the daemon may need " + Sizes.format(LEAST_MEMORY),
                        "raise it, or run the daemon outside")
                : ok(limit);
    }

    /** The kernel's own controller of device memory, of which one line a region says `REGION BYTES` or `REGION max`. */
    static Finding deviceMemory(Machine machine) {
        List<String> groups = groups(machine);
        boolean there = groups.stream()
                .anyMatch(group -> List.of(machine.text(group + "/cgroup.controllers")
                                .orElse("")
                                .split(" "))
                        .contains("dmem"));
        if (!there) {
            return skip("no dmem controller");
        }
        List<String> limits = groups.stream()
                .flatMap(group -> machine.text(group + "/dmem.max").stream()
                        .flatMap(String::lines)
                        .filter(line -> line.matches("\\S+ \\d{1,18}"))
                        .map(line -> limit(group, line)))
                .toList();
        return limits.isEmpty()
                ? ok("the dmem controller sets no limit")
                : warn(
                        "the dmem controller limits device memory, too: " + String.join("; ", limits),
                        "the smaller of its limits and the session's holds; raise dmem.max where that is not meant");
    }

    private static String limit(String group, String line) {
        String[] words = line.split(" ");
        return words[0] + " to " + Sizes.format(Long.parseLong(words[1])) + " in " + group;
    }
}

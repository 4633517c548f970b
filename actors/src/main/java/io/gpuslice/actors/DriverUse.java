// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.actors;

import io.gpuslice.linux.ElfInspector;
import io.gpuslice.linux.Inspection;
import io.gpuslice.linux.Procfs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.PathMatcher;
import java.util.Optional;
import java.util.Set;

/** How a process uses the driver, by what {@code /proc} shows of it. */
final class DriverUse {

    private static final String DRIVER = "libcuda.so";
    private static final String OURS = "libgpuslice";

    /** Why, where its memory map does not tell. */
    static final String UNKNOWN_WAY = "the driver lists it on a device, but it never became a member";

    private final PathMatcher deviceNodes;

    /** @param deviceNodes glob of the files that whoever may hold a device's memory has open */
    DriverUse(String deviceNodes) {
        this.deviceNodes = FileSystems.getDefault().getPathMatcher("glob:" + deviceNodes);
    }

    /**
     * Whether the process has a device open.
     *
     * @throws IOException if its descriptors cannot be seen
     */
    boolean holdsDevice(int pid) throws IOException {
        for (int fd : Procfs.fds(pid)) {
            if (Procfs.descriptor(pid, fd).filter(deviceNodes::matches).isPresent()) {
                return true;
            }
        }
        return false;
    }

    /**
     * Why the limit does not reach the process, although it uses the driver; none where it does not, or has the
     * interposer too.
     *
     * @param listed the driver lists it on a device, whatever it has in its memory
     * @throws IOException if its memory map cannot be seen
     */
    Optional<String> pastTheLimit(int pid, boolean listed) throws IOException {
        Set<String> mapped = Procfs.mapped(pid);
        if (mapped.stream().anyMatch(file -> isNamed(file, OURS))) {
            return Optional.empty();
        }
        if (mapped.stream().anyMatch(file -> isNamed(file, DRIVER))) {
            return Optional.of(reason(pid));
        }
        return listed ? Optional.of(UNKNOWN_WAY) : Optional.empty();
    }

    private static boolean isNamed(String file, String prefix) {
        return file.startsWith(prefix, file.lastIndexOf('/') + 1);
    }

    private static String reason(int pid) throws IOException {
        Inspection program = ElfInspector.inspect(("/proc/" + pid + "/exe").getBytes(StandardCharsets.UTF_8));
        if (program instanceof Inspection.Unenforceable(Inspection.Reason reason, String _)) {
            switch (reason) {
                case STATIC -> {
                    return "its program is static";
                }
                case PRIVILEGED -> {
                    return "it runs with other privileges";
                }
                default -> {}
            }
        }
        boolean preloads = Procfs.environ(pid).stream()
                .map(entry -> new String(entry, StandardCharsets.UTF_8))
                .anyMatch(entry -> entry.startsWith("LD_PRELOAD=") && entry.contains(OURS));
        return preloads
                ? "its driver was loaded by dlmopen or past the preload"
                : "LD_PRELOAD was taken out of its environment";
    }
}

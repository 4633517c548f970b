// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.cli.cdi;

import io.gpuslice.cli.Json;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What a container runtime does to a container so that all its programs are in a session: a spec of the Container Device
 * Interface. A slice is a device there, though it has no device node: the GPU itself is its vendor's device.
 *
 * @param library on this machine
 * @param socket the daemon's, on this machine; absolute
 * @param slices at least one, each of another name
 */
public record CdiSpec(Path library, Path socket, List<Slice> slices) {
    /** Of every slice. */
    public static final String KIND = "gpuslice.io/slice";

    /** The lowest that lets a device's name begin with a digit, as a session's id may: read by the most runtimes. */
    private static final String VERSION = "0.5.0";

    /** Neither has what the dynamic loader would split LD_PRELOAD at. */
    private static final String LIBRARY_INSIDE = "/usr/lib/gpuslice/libgpuslice.so";

    private static final Path SOCKETS_INSIDE = Path.of("/run/gpuslice");

    private static final List<String> READ_ONLY = List.of("ro", "nosuid", "nodev", "bind");
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?");

    /**
     * A session as a device.
     *
     * @param name behind {@link #KIND}
     * @param token the session's
     */
    public record Slice(String name, String session, String token) {
        /** As it is typed after {@code --device}. */
        public String qualified() {
            return KIND + "=" + name;
        }
    }

    public CdiSpec {
        slices = List.copyOf(slices);
    }

    /** Whether a device may be called so. */
    public static boolean isName(String text) {
        return NAME.matcher(text).matches();
    }

    /** The spec. It has the tokens in it. */
    public Json json() {
        return object(
                "cdiVersion",
                VERSION,
                "kind",
                KIND,
                "devices",
                slices.stream().map(CdiSpec::device).toList(),
                "containerEdits",
                object(
                        "env",
                        List.of(
                                "GPUSLICE_IPC_SOCK=" + SOCKETS_INSIDE.resolve(socket.getFileName()),
                                "LD_PRELOAD=" + LIBRARY_INSIDE),
                        "mounts",
                        List.of(
                                mount(library.toString(), LIBRARY_INSIDE),
                                // Not the socket alone: a daemon that starts again makes another, which a container
                                // that
                                // was given the old one would never see.
                                mount(String.valueOf(socket.getParent()), SOCKETS_INSIDE.toString()))));
    }

    private static Json device(Slice slice) {
        return object(
                "name",
                slice.name,
                "containerEdits",
                object("env", List.of("GPUSLICE_SESSION=" + slice.session, "GPUSLICE_IPC_TOKEN=" + slice.token)));
    }

    private static Json mount(String here, String inside) {
        return object("hostPath", here, "containerPath", inside, "options", READ_ONLY);
    }

    private static Json object(Object... namesAndValues) {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            members.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return new Json(members);
    }
}

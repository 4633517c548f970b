// SPDX-License-Identifier: Apache-2.0
package io.gpuslice.config;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The names that begin with {@code GPUSLICE_}: they are ours, so one that nobody reads was meant for something. */
public final class Variables {
    private static final String OURS = "GPUSLICE_";

    /** Those that are no setting of the daemon's. docs/environment.md says who reads each. */
    private static final Set<String> OTHERS = Set.of(
            "GPUSLICE_AOT_OUTPUT",
            "GPUSLICE_COUNT_CONTEXT",
            "GPUSLICE_DEBUG",
            "GPUSLICE_IPC_WAIT",
            "GPUSLICE_JAVA_HOME",
            "GPUSLICE_JAVA_OPTS",
            "GPUSLICE_KEEP_ENV",
            "GPUSLICE_READY_FD",
            "GPUSLICE_SESSION",
            "GPUSLICE_TOKEN");

    /** Before the names of what is kept for the program while a JVM is in its place. */
    private static final String KEPT = "GPUSLICE_KEPT_";

    private Variables() {}

    /** All that somebody reads, by name. */
    public static Set<String> known() {
        return Stream.concat(Catalogue.ALL.stream().map(Setting::variable), OTHERS.stream())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /**
     * A message for each variable of ours that has a value and that nobody reads, by name, with what was probably meant.
     *
     * @param environment of a process
     */
    public static List<String> unread(Map<String, String> environment) {
        List<String> perhaps = environment.entrySet().stream()
                .filter(variable -> !variable.getValue().isEmpty())
                .map(Map.Entry::getKey)
                .filter(name -> name.startsWith(OURS) && !name.startsWith(KEPT) && !OTHERS.contains(name))
                .sorted()
                .toList();
        if (perhaps.isEmpty()) {
            // As nearly always: then the catalogue need not be loaded, and `gpuslice run` starts sooner.
            return perhaps;
        }
        Set<String> known = known();
        return perhaps.stream()
                .filter(name -> !known.contains(name))
                .map(name -> name + " is set, and nothing reads it" + nearest(name, known))
                .toList();
    }

    // What all of them have in common makes none of them alike.
    private static String nearest(String name, Set<String> known) {
        List<String> bare =
                known.stream().map(each -> each.substring(OURS.length())).toList();
        return Nearest.to(name.substring(OURS.length()), bare)
                .map(near -> "; did you mean " + OURS + near + "?")
                .orElse("");
    }
}
